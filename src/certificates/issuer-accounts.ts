import { foldName } from '../base/ids.ts';
import { toSeconds } from '../base/text.ts';
import { sealEnvelope } from '../crypto/envelope.ts';
import type { VaultEnvelopes } from '../crypto/sealed-rows.ts';
import { type Body, invalid, isPlainText, readBoolean, readObject } from '../objects/attributes.ts';
import { nameOf } from '../objects/lifecycle.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Session } from '../store/port.ts';
import type { Issuer } from './issuers/issuer.ts';
import type { CertificateParts } from './parts.ts';
import { SELF, UNKNOWN } from './policy.ts';
import { type IssuerRow, insertIssuer, issuerPage, readIssuer, removeIssuer } from './repository.ts';

const MOST_ADMINS = 50;
const MOST_TEXT = 2000;
/** Account keys are texts, too, and may be long ones (a private key in PEM, say). */
const MOST_PASSWORD = 16_384;

interface Organization {
  readonly id?: string;
  readonly admin_details?: readonly Readonly<Record<string, string>>[];
}

interface AccountChange {
  readonly provider?: string;
  readonly accountId?: string;
  readonly password?: string;
  readonly organization?: Organization;
  readonly enabled?: boolean;
}

/** PUT /certificates/issuers/{name}: the whole issuer anew. */
export async function setIssuer(parts: CertificateParts, call: Call): Promise<Answer> {
  const change = readAccount(call.body ?? {});
  if (change.provider === undefined) throw invalid('provider', 'it is required and must be a string');
  refuseOwn(nameOf(call).name);
  return writeIssuer(parts, call, change, false);
}

/** PATCH /certificates/issuers/{name}: changes what is sent, keeps the rest. */
export async function updateIssuer(parts: CertificateParts, call: Call): Promise<Answer> {
  return writeIssuer(parts, call, readAccount(call.body ?? {}), true);
}

/** GET /certificates/issuers/{name}: never with the password. */
export async function getIssuer({ store }: CertificateParts, call: Call): Promise<Answer> {
  const row = await requireIssuer(store.reader, vaultOf(call), nameOf(call).name);
  return answer(call, row);
}

/** GET /certificates/issuers: a page by name. */
export async function listIssuers({ store, pager }: CertificateParts, call: Call): Promise<Answer> {
  const { size, after } = pager.read(call);
  const rows = await issuerPage.all(store.reader, { vaultId: vaultOf(call).id, after, limit: size + 1 });
  const shown = rows.slice(0, size);
  const value = shown.map((row) => ({ id: issuerId(call, row.name), provider: row.provider }));
  const nextLink = rows.length > size ? pager.nextLink(call, shown[size - 1]!.name_key) : null;
  return { status: 200, body: { value, nextLink }, subject: call.origin };
}

/** DELETE /certificates/issuers/{name}: at once; policies that name it stay and cannot renew. */
export function deleteIssuer(_parts: CertificateParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  return call.commit(async (transaction) => {
    const row = await requireIssuer(transaction, vault, nameOf(call).name);
    await removeIssuer.change(transaction, { vaultId: vault.id, nameKey: row.name_key });
    return answer(call, row);
  });
}

/**
 * Whether certificates can be had from an issuer: `Self` and `Unknown` always, another where the vault has it and its provider is here.
 * @throws Refusal `certificate-issuer-not-found`, `certificate-issuer-disabled`, `certificate-provider-unknown`
 */
export async function assertIssuer(
  parts: CertificateParts,
  session: Session,
  vault: Vault,
  name: string,
): Promise<void> {
  if (name !== SELF && name !== UNKNOWN) await openIssuer(parts, session, vault, name);
}

/**
 * The authority of an issuer of a vault, with its credentials.
 * @throws Refusal `certificate-issuer-not-found`, `certificate-issuer-disabled`, `certificate-provider-unknown`
 */
export async function openIssuer(
  { keyring, issuerFor }: Pick<CertificateParts, 'keyring' | 'issuerFor'>,
  session: Session,
  vault: Vault,
  name: string,
): Promise<Issuer> {
  const row = await requireIssuer(session, vault, name);
  const facts = { vault: vault.name, issuer: row.name, provider: row.provider };
  if (row.enabled !== 1) throw new Refusal('certificate-issuer-disabled', facts);
  const password = (
    await keyring.openInVault(session, vault.id, binding(vault.id, row.name_key), row.envelope)
  ).toString();
  const { id } = JSON.parse(row.organization) as Organization;
  const issuer = await issuerFor({
    id: `${vault.id}/${row.name_key}`,
    vault,
    name: row.name,
    provider: row.provider,
    accountId: row.account_id,
    password: password === '' ? null : password,
    organizationId: id ?? null,
  });
  if ('reason' in issuer) throw new Refusal('certificate-provider-unknown', { ...facts, reason: issuer.reason });
  return issuer;
}

async function writeIssuer(
  { keyring, random }: CertificateParts,
  call: Call,
  change: AccountChange,
  mustExist: boolean,
): Promise<Answer> {
  const vault = vaultOf(call);
  const { name, nameKey } = nameOf(call);
  return call.commit(async (transaction) => {
    const named = { vaultId: vault.id, nameKey };
    const known = await readIssuer.first(transaction, named);
    if (!known && mustExist) throw new Refusal('certificate-issuer-not-found', { vault: vault.name, issuer: name });
    const before = mustExist ? known : null;
    const key = await keyring.vaultKey(transaction, vault.id);
    const sealed = () => sealEnvelope(key, binding(vault.id, nameKey), Buffer.from(change.password ?? ''), random);
    const row: IssuerRow = {
      vault_id: vault.id,
      name_key: nameKey,
      name: known?.name ?? name,
      provider: change.provider ?? before?.provider ?? '',
      account_id: change.accountId ?? before?.account_id ?? null,
      organization: mergedOrganization(before, change.organization),
      enabled: (change.enabled ?? (before ? before.enabled === 1 : true)) ? 1 : 0,
      created: known?.created ?? call.time,
      updated: call.time,
      envelope: before && change.password === undefined ? before.envelope : sealed(),
    };
    if (known) await removeIssuer.change(transaction, named);
    const { provider, account_id: accountId, organization, enabled, created, updated, envelope } = row;
    const stored = { name: row.name, provider, accountId, organization, enabled, created, updated, envelope };
    await insertIssuer.change(transaction, { ...named, ...stored });
    return answer(call, row);
  });
}

async function requireIssuer(session: Session, vault: Vault, name: string): Promise<IssuerRow> {
  const row = await readIssuer.first(session, { vaultId: vault.id, nameKey: foldName(name) });
  if (!row) throw new Refusal('certificate-issuer-not-found', { vault: vault.name, issuer: name });
  return row;
}

/** What is sent in place of what there was; `az` names the administrators without the organization, and the other way round. */
function mergedOrganization(before: IssuerRow | null, sent: Organization | undefined): string {
  const known = before ? (JSON.parse(before.organization) as Organization) : {};
  return JSON.stringify({ ...known, ...sent });
}

/** The names that stand for no authority. */
function refuseOwn(name: string): void {
  if ([SELF, UNKNOWN].some((own) => own.toLowerCase() === name.toLowerCase())) {
    throw invalid('issuer-name', 'Self and Unknown are no authorities');
  }
}

function readAccount(body: Body): AccountChange {
  const credentials = readObject(body['credentials'], 'credentials');
  const provider = readText(body['provider'], 'provider', 100);
  const accountId = readText(credentials['account_id'], 'credentials.account_id', MOST_TEXT);
  const password = readText(credentials['pwd'], 'credentials.pwd', MOST_PASSWORD);
  const organization = body['org_details'] == null ? undefined : readOrganization(body['org_details']);
  const enabled = readBoolean(readObject(body['attributes'], 'attributes')['enabled'], 'attributes.enabled');
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(accountId === undefined ? {} : { accountId }),
    ...(password === undefined ? {} : { password }),
    ...(organization === undefined ? {} : { organization }),
    ...(enabled === undefined ? {} : { enabled }),
  };
}

function readOrganization(value: unknown): Organization {
  const details = readObject(value, 'org_details');
  const id = readText(details['id'], 'org_details.id', MOST_TEXT);
  const admins = details['admin_details'];
  if (admins === undefined || admins === null) return id === undefined ? {} : { id };
  if (!Array.isArray(admins) || admins.length > MOST_ADMINS) {
    throw invalid('org_details.admin_details', `it must be a list of at most ${MOST_ADMINS}`);
  }
  const read = admins.map((entry: unknown) => {
    const admin = readObject(entry, 'org_details.admin_details');
    const texts = ['first_name', 'last_name', 'email', 'phone'].map(
      (member) => [member, readText(admin[member], `org_details.admin_details.${member}`, 256)] as const,
    );
    return Object.fromEntries(texts.filter(([, text]) => text !== undefined)) as Record<string, string>;
  });
  return { ...(id === undefined ? {} : { id }), admin_details: read };
}

/** A text, or nothing where it was not sent; an empty one is none. */
function readText(value: unknown, property: string, most: number): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' || value.length > most || !isPlainText(value)) {
    throw invalid(property, `it must be a string of at most ${most} characters`);
  }
  return value;
}

function answer(call: Call, row: IssuerRow): Answer {
  return {
    status: 200,
    subject: issuerId(call, row.name),
    body: {
      id: issuerId(call, row.name),
      provider: row.provider,
      credentials: row.account_id === null ? {} : { account_id: row.account_id },
      org_details: JSON.parse(row.organization) as unknown,
      attributes: {
        enabled: row.enabled === 1,
        created: toSeconds(row.created),
        updated: toSeconds(row.updated),
      },
    },
  };
}

function issuerId(call: Call, name: string): string {
  return `${call.origin}/certificates/issuers/${name}`;
}

/** What the sealed password is bound to. */
function binding(vaultId: string, nameKey: string): readonly string[] {
  return ['certificate-issuer', vaultId, nameKey];
}

/** The envelopes of passwords, as the rotation of vault keys sees them. */
export const issuerEnvelopes: VaultEnvelopes = { table: 'certificate_issuers', binding };
