import { referencesWithin } from '../access/carry.ts';
import { assignmentActions } from '../access/delegation.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { locksWithin, movedSettings } from '../resources/carry-settings.ts';
import { connectionsOf } from '../resources/endpoint-repository.ts';
import { assertUnlocked, lockId } from '../resources/lock-guard.ts';
import { requireFreeName, requireVault } from '../resources/lookup.ts';
import { vaultScope } from '../resources/scopes.ts';
import type { Vault } from '../resources/vault.ts';
import { readVault } from '../resources/vault-directory.ts';
import { vaultResourceId } from '../resources/vault-row.ts';
import { vaultUri } from '../resources/vault-uri.ts';
import type { Session } from '../store/port.ts';
import { checkCarriers } from './apply.ts';
import type { Carrier, LeftItem, MoveEnds } from './carrier.ts';
import { carriersOf } from './carriers.ts';
import { differences } from './carry-over.ts';
import { clientsOf } from './clients.ts';
import { findOpenMove, requireMovedVault } from './ends.ts';
import { leftOf } from './finish.ts';
import { moveBody, useBody } from './move-body.ts';
import { type MoveOrder, readMoveOrder } from './order.ts';
import type { MovingParts } from './parts.ts';
import { findMove } from './repository.ts';
import { beside, vaultActions } from './rights.ts';

const READ_VAULT = 'Microsoft.KeyVault/vaults/read';
const MAX_PENDING = 100;

/**
 * Plans a move and changes nothing: what the vault holds, what stays behind, who has access, what refers to the vault as far as it can
 * be seen, who has used it and what they must change, and what would be refused. The row asks for the right to read role
 * assignments, this for the right to read the vault.
 * @throws Refusal `vault-move-order-invalid`, `authorization-failed`, and those of the vault
 */
export async function planMove(parts: MovingParts, call: Call): Promise<Answer> {
  const order = readMoveOrder(call);
  await parts.access.authoriseManagement(callerOf(call), READ_VAULT, vaultScope(call.parameters));
  const { reader } = parts.store;
  const vault = await requireVault(reader, call);
  const ends = plannedEnds(vault, order);
  const carriers = carriersOf(parts);
  const { sku, keys, purgeProtection } = order.options;
  const use = await clientsOf(parts, vault, { now: parts.clock.now(), days: order.days });
  const keysAreNew = keys === 'generate';
  const body = {
    properties: {
      from: vault.resourceId,
      to: ends.to.resourceId,
      sku,
      keys,
      purgeProtection: purgeProtection || vault.settings.enablePurgeProtection,
      uri: { from: vaultUri(call, parts.domain, vault), to: vaultUri(call, parts.domain, ends.to) },
      contents: await contentsOf(reader, carriers, ends),
      left: await everythingLeft(reader, carriers, ends),
      access: await accessOf(reader, vault),
      references: await referencesWithin(reader, vault, ends.to),
      use: useBody(use, keysAreNew),
      blockers: await blockersOf(parts, call, ends, order),
    },
  };
  return { status: 200, body, subject: vault.resourceId };
}

/** Tells how far the move of a vault has come, and what would be carried by the next step. */
export async function getMove(parts: MovingParts, call: Call): Promise<Answer> {
  await parts.access.authoriseManagement(callerOf(call), assignmentActions.read, vaultScope(call.parameters));
  const { reader } = parts.store;
  const vault = await requireMovedVault(reader, call);
  const move = await findMove(reader, vault.id);
  const to = move && (await readVault(reader, move.targetId));
  if (!move || !to) throw new Refusal('vault-move-none', { vault: vault.name });
  const pending: string[] = [];
  if (move.state !== 'finished') {
    const ends = { from: vault, to, options: move.options };
    for await (const { name } of differences(reader, ends, carriersOf(parts))) {
      if (pending.push(name) >= MAX_PENDING) break;
    }
  }
  const isTargetDeleted = to.deleted !== null;
  const body = { properties: { ...moveBody(move, { from: vault, to }), isTargetDeleted, pending } };
  return { status: 200, body, subject: vault.resourceId };
}

/** The new vault as it will be: its id is nobody's, so that nothing is found in it. */
function plannedEnds(from: Vault, { to: name, options }: MoveOrder): MoveEnds {
  const resourceId = vaultResourceId(from.subscriptionId, from.groupName, name);
  const settings = movedSettings(from.settings, options);
  const nameKey = name.toLowerCase();
  const to = { ...from, id: '', name, nameKey, resourceId, scopeKey: resourceId.toLowerCase(), settings };
  return { from, to, options };
}

async function contentsOf(session: Session, carriers: readonly Carrier[], ends: MoveEnds): Promise<object> {
  const found: Record<string, object> = {};
  for (const { kind, contents } of carriers) if (contents) found[kind] = await contents(session, ends);
  return found;
}

async function everythingLeft(
  session: Session,
  carriers: readonly Carrier[],
  ends: MoveEnds,
): Promise<readonly LeftItem[]> {
  const connections = (await connectionsOf(session, [ends.from.id])).map(
    ({ name }): LeftItem => ({ name: `privateEndpointConnections/${name}`, reason: 'private-endpoint' }),
  );
  return [...(await leftOf(session, carriers, ends)), ...connections];
}

async function accessOf(session: Session, vault: Vault): Promise<object> {
  const { enableRbacAuthorization, accessPolicies, publicNetworkAccess, networkAcls } = vault.settings;
  return {
    model: enableRbacAuthorization ? 'rbac' : 'policies',
    policies: accessPolicies.map(({ objectId, applicationId }) => ({
      objectId,
      ...(applicationId && { applicationId }),
    })),
    publicNetworkAccess,
    networkAcls,
    locks: (await locksWithin(session, vault)).map(lockId),
  };
}

/** What applying the plan would be refused for, as far as that can be known before. */
async function blockersOf(
  parts: MovingParts,
  call: Call,
  ends: MoveEnds,
  order: MoveOrder,
): Promise<readonly object[]> {
  const { reader } = parts.store;
  const target = vaultScope(beside(call, order.to).parameters);
  const open = await findOpenMove(reader, ends.from);
  const openTo = open && (await readVault(reader, open.targetId));
  const isUnderWay = openTo?.nameKey === ends.to.nameKey;
  const checks = [
    async () => {
      if (open && !isUnderWay) {
        const facts = { vault: ends.from.name, target: openTo?.name ?? '', options: open.options.keys };
        throw new Refusal('vault-move-open', facts);
      }
      if (!open) await requireFreeName(reader, order.to);
    },
    () => checkCarriers(reader, carriersOf(parts), ends.from, order.options),
    () => assertUnlocked(reader, vaultActions.write, ends.from.resourceId),
    () => assertUnlocked(reader, vaultActions.write, target),
  ];
  const found: object[] = [];
  for (const check of checks) {
    await check().catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      found.push({ code: error.code, message: error.message });
    });
  }
  return found;
}
