import { toIso } from '../base/text.ts';
import { type Answer, type ApiVersions, type Call, callerOf, type Operation } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Caller } from './caller.ts';
import { hastenKey, type RotationParts, revokeKey } from './key-rotation.ts';
import type { KeyFacts, SigningKeys } from './signing-keys.ts';
import { newKey } from './stored-keys.ts';

/** The api-version of the operations on signing keys. */
export const KEYS_API_VERSION = '2026-01-01';

const versions: ApiVersions = { known: [KEYS_API_VERSION] };
const PATH = '/subscriptions/:subscriptionId/providers/Strongroom.Identity/signingKeys';

/** What the operations on signing keys are made of. */
export interface KeyOperationParts extends RotationParts {
  readonly signingKeys: SigningKeys;
  /** Whether the caller is an Owner of the scope or of what is above it. */
  readonly isOwner: (caller: Caller, scope: string) => Promise<boolean>;
}

/** The rows of the keys that sign tokens: listing them, hastening the next, revoking one that leaked. */
export function keyOperations(parts: KeyOperationParts): readonly Operation[] {
  const common = { plane: 'management', versions, throttle: 'none', success: [200] } as const;
  const need = (action: string): Operation['need'] => ({
    kind: 'management',
    action: `Strongroom.Identity/signingKeys/${action}`,
    scope,
  });
  return [
    {
      ...common,
      id: 'SigningKeyList',
      method: 'GET',
      path: PATH,
      need: need('read'),
      body: 'none',
      run: async (call) => ({ status: 200, body: await shown(parts, call.time) }),
    },
    {
      ...common,
      id: 'SigningKeyRotate',
      method: 'POST',
      path: `${PATH}/rotate`,
      need: need('rotate/action'),
      body: 'none',
      run: (call) => rotate(parts, call),
    },
    {
      ...common,
      id: 'SigningKeyRevoke',
      method: 'POST',
      path: `${PATH}/:kid/revoke`,
      need: need('revoke/action'),
      body: 'none',
      run: (call) => revoke(parts, call),
    },
  ];
}

function scope(parameters: Readonly<Record<string, string>>): string {
  return `/subscriptions/${parameters['subscriptionId'] ?? ''}`;
}

/** @throws Refusal `signing-keys-not-owner` */
async function rotate(parts: KeyOperationParts, call: Call): Promise<Answer> {
  await assertOwner(parts, call);
  const now = parts.clock.now();
  const made = await newKey(now, now + parts.keyPolicy.announcedFor);
  const answer = await call.commit(async (transaction) => {
    const { kid, signs } = await hastenKey(parts, transaction, made, now);
    return { status: 200, audit: { kid, signs: toIso(signs) } };
  });
  return { ...answer, body: await shown(parts, now) };
}

/** @throws Refusal `signing-keys-not-owner`, `signing-key-not-found` */
async function revoke(parts: KeyOperationParts, call: Call): Promise<Answer> {
  await assertOwner(parts, call);
  const kid = call.parameters['kid'] ?? '';
  const now = parts.clock.now();
  const made = await newKey(now, now);
  const answer = await call.commit(async (transaction) => {
    const signer = await revokeKey(parts, transaction, kid, made, now);
    if (!signer)
      throw new Refusal('signing-key-not-found', { kid: /^[\w-]{1,64}$/.test(kid) ? kid : '(not a key id)' });
    return { status: 200, audit: { kid, signer: signer.kid } };
  });
  return { ...answer, body: await shown(parts, now) };
}

async function assertOwner(parts: KeyOperationParts, call: Call): Promise<void> {
  const caller = callerOf(call);
  if (!(await parts.isOwner(caller, scope(call.parameters)))) {
    throw new Refusal('signing-keys-not-owner', { oid: caller.oid });
  }
}

async function shown(parts: KeyOperationParts, now: number): Promise<Readonly<Record<string, unknown>>> {
  const keys = (await parts.signingKeys.current()).listAt(now);
  return { value: keys.map(wire) };
}

function wire({ kid, state, created, signs, ends, canSign }: KeyFacts): Readonly<Record<string, unknown>> {
  return {
    kid,
    state,
    published: toIso(created),
    signsFrom: toIso(signs),
    removedFrom: ends === null ? null : toIso(ends),
    privatePart: canSign ? 'sealed' : 'destroyed',
  };
}
