import type { Caller } from '../../../identity/caller.ts';
import { type Answer, type ApiVersions, type Call, callerOf, type Operation } from '../../../operations/operation.ts';
import { Refusal } from '../../../refusals/refusal.ts';
import type { Issuers } from '../registry.ts';
import type { OpenAuthority, VaultAuthority } from './vault-authority.ts';

/** The api-version of the operations on the vaults' own authorities. */
export const AUTHORITIES_API_VERSION = '2026-01-01';

const versions: ApiVersions = { known: [AUTHORITIES_API_VERSION] };
const PATH = '/subscriptions/:subscriptionId/providers/Strongroom.Certificates/authorities';

/** RFC 5280 §5.3.1; holds are left out, since clients do not agree on what they mean. */
const reasons: Readonly<Record<string, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
};

/** What these operations are made of. */
export interface AuthorityOperationParts {
  readonly certificateIssuers: Issuers;
  /** Whether the caller is an Owner of the scope or of what is above it. */
  readonly isOwner: (caller: Caller, scope: string) => Promise<boolean>;
}

/** The rows of the vaults' own authorities: listing them, and revoking what they have issued. */
export function authorityOperations(parts: AuthorityOperationParts): readonly Operation[] {
  const common = { plane: 'management', versions, throttle: 'none', success: [200] } as const;
  const need = (action: string): Operation['need'] => ({
    kind: 'management',
    action: `Strongroom.Certificates/authorities/${action}`,
    scope,
  });
  return [
    {
      ...common,
      id: 'CertificateAuthorityList',
      method: 'GET',
      path: PATH,
      need: need('read'),
      body: 'none',
      run: () => list(parts),
    },
    {
      ...common,
      id: 'CertificateAuthorityRevoke',
      method: 'POST',
      path: `${PATH}/:authority/revoke`,
      need: need('revoke/action'),
      body: 'json',
      run: (call) => revoke(parts, call),
    },
  ];
}

function scope(parameters: Readonly<Record<string, string>>): string {
  return `/subscriptions/${parameters['subscriptionId'] ?? ''}`;
}

async function list({ certificateIssuers }: AuthorityOperationParts): Promise<Answer> {
  const authorities = await certificateIssuers.ownAuthorities();
  const value = await Promise.all([...authorities.values()].map(shown));
  return { status: 200, body: { value } };
}

/** One that cannot be used is listed with the reason: it is what the list is looked at for. */
async function shown(authority: VaultAuthority): Promise<Readonly<Record<string, unknown>>> {
  const { name, vault, key, publicUrl } = authority.setting;
  const about = { name, vault, key, publicUrl };
  try {
    const { certificate } = await authority.open();
    return { ...about, certificate: certificate.toString('base64'), fault: null };
  } catch (error) {
    return { ...about, certificate: null, fault: reasonOf(error) };
  }
}

/** @throws Refusal `authority-not-owner`, `authority-not-found`, `authority-unusable`, `authority-serial-not-found`, `authority-revocation-invalid` */
async function revoke(parts: AuthorityOperationParts, call: Call): Promise<Answer> {
  const caller = callerOf(call);
  if (!(await parts.isOwner(caller, scope(call.parameters)))) {
    throw new Refusal('authority-not-owner', { oid: caller.oid });
  }
  const { serial, reason } = readRevocation(call.body ?? {});
  const authority = (await parts.certificateIssuers.ownAuthorities()).get(call.parameters['authority'] ?? '');
  if (!authority) throw new Refusal('authority-not-found');
  const open = await opened(authority);
  return call.commit(async (transaction) => {
    const known = await authority.revoke(transaction, open, serial, reasons[reason]!, call.time);
    if (!known) throw new Refusal('authority-serial-not-found');
    const { name } = authority.setting;
    return { status: 200, body: { authority: name, serial, reason }, audit: { authority: name, serial, reason } };
  });
}

async function opened(authority: VaultAuthority): Promise<OpenAuthority> {
  try {
    return await authority.open();
  } catch (error) {
    throw new Refusal('authority-unusable', { reason: reasonOf(error) });
  }
}

/** @throws what is no fault of the authority's */
function reasonOf(error: unknown): string {
  if ((error as { code?: unknown }).code !== 'authority-unusable') throw error;
  return (error as Error).message;
}

function readRevocation(body: Readonly<Record<string, unknown>>): { readonly serial: string; readonly reason: string } {
  const { serial, reason = 'unspecified' } = body;
  const plain =
    typeof serial === 'string'
      ? serial
          .toLowerCase()
          .replaceAll(':', '')
          .replace(/^(00)+(?=..)/, '')
      : '';
  if (!/^([0-9a-f]{2}){1,20}$/.test(plain)) {
    throw new Refusal('authority-revocation-invalid', { reason: 'serial is a serial number in hexadecimal' });
  }
  if (typeof reason !== 'string' || !Object.hasOwn(reasons, reason)) {
    throw new Refusal('authority-revocation-invalid', {
      reason: `reason is one of ${Object.keys(reasons).join(', ')}`,
    });
  }
  return { serial: plain, reason };
}
