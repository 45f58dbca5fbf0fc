import { toSeconds } from '../base/text.ts';
import { answerFor, assertUnmanaged, liveRow, objectId } from '../objects/lifecycle.ts';
import type { Named } from '../objects/object-queries.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { makeKey, orderLike } from './key-home.ts';
import { checkSuccessor, purposeOfRow } from './key-purpose.ts';
import { type KeyRow, writePolicy } from './repository.ts';
import { policyOf, scheduleRotation } from './rotation-due.ts';
import { defaultPolicy, expiryOf, type RotationPolicy, readRotationPolicy } from './rotation-policy.ts';
import { type KeyParts, keyKind, nextVersion, storeVersion } from './service.ts';
import { specOf } from './stored-key.ts';
import { keyBundle } from './wire.ts';

/** POST /keys/{name}/rotate: a new version like the current one. */
export async function rotateKey(parts: KeyParts, call: Call): Promise<Answer> {
  const vault = vaultOf(call);
  const before = await liveRow(keyKind, parts.store.reader, call);
  assertUnmanaged(keyKind, vault, before, 'rotate');
  const { made, version } = await makeKey(parts, vault, orderLike(before), call.time, (provider, place) =>
    provider.generate(specOf(before), place),
  );
  const commit = call.commit(async (transaction) => {
    const current = await liveRow(keyKind, transaction, call);
    assertUnmanaged(keyKind, vault, current, 'rotate');
    const policy = await policyOf(transaction, { vaultId: vault.id, nameKey: current.name_key });
    const row = successor(current, before, version, policy, JSON.stringify(made.publicMembers), call.time);
    await storeVersion(parts, transaction, vault, row, made.material, true);
    return answerFor(keyKind, call, row, keyBundle(call, row));
  });
  return commit.finally(() => made.material.fill(0));
}

/**
 * The version that follows the current one: of the kind of `like`, with its operations and tags, enabled, valid for as long as the
 * policy says. `made` is the public half of a key like `like`, which was current when it was made and need not be any more.
 * @throws Refusal `key-purpose-fixed`
 */
export function successor(
  current: KeyRow,
  like: KeyRow,
  version: string,
  policy: RotationPolicy | null,
  made: string,
  now: number,
): KeyRow {
  const { name, name_key: nameKey } = current;
  checkSuccessor(name, purposeOfRow(current), purposeOfRow(like));
  return {
    ...like,
    ...nextVersion(current, { name, nameKey, version }, now),
    enabled: 1,
    nbf: null,
    exp: expiryOf(policy, now),
    public_key: made,
  };
}

/** GET /keys/{name}/rotationpolicy. */
export async function getRotationPolicy({ store }: KeyParts, call: Call): Promise<Answer> {
  const row = await liveRow(keyKind, store.reader, call);
  const policy = await policyOf(store.reader, { vaultId: vaultOf(call).id, nameKey: row.name_key });
  return policyAnswer(call, row, policy);
}

/** PUT /keys/{name}/rotationpolicy: the whole policy anew. */
export async function setRotationPolicy(_parts: KeyParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const row = await liveRow(keyKind, transaction, call);
    assertUnmanaged(keyKind, vaultOf(call), row, 'setRotationPolicy');
    const named: Named = { vaultId: vaultOf(call).id, nameKey: row.name_key };
    const known = await policyOf(transaction, named);
    const policy = readRotationPolicy(call.body ?? {}, call.time, known?.created ?? call.time);
    await writePolicy.change(transaction, { ...named, policy: JSON.stringify(policy) });
    await scheduleRotation(transaction, named, row);
    return policyAnswer(call, row, policy);
  });
}

function policyAnswer(call: Call, row: KeyRow, policy: RotationPolicy | null): Answer {
  const { rotate, notify, expiryTime } = policy ?? defaultPolicy;
  const id = `${objectId(call, 'keys', row.name)}/rotationpolicy`;
  const action = (type: string, trigger: object | null) => (trigger ? [{ trigger, action: { type } }] : []);
  return {
    status: 200,
    subject: objectId(call, 'keys', row.name),
    body: {
      id,
      lifetimeActions: [...action('Rotate', rotate), ...action('Notify', notify)],
      attributes: {
        ...(expiryTime && { expiryTime }),
        ...(policy && { created: toSeconds(policy.created), updated: toSeconds(policy.updated) }),
      },
    },
  };
}
