import { randomUUID } from 'node:crypto';
import { Access } from '../../src/access/authorise.ts';
import { builtInRoles } from '../../src/access/built-in-roles.ts';
import { insertAssignment } from '../../src/access/repository.ts';
import { principalIdsOf } from '../../src/identity/service.ts';
import type { Need } from '../../src/operations/operation.ts';
import type { Store } from '../../src/store/store.ts';
import { testParts } from '../../tests/support/parts.ts';
import { sampleCaller, sampleVault } from '../../tests/support/samples.ts';
import type { Session } from '../session.ts';
import { median, readable } from '../statistics.ts';

const FEW = 100;
const MANY = 10_000;
const DEPTH = 5;
const SECRETS_USER = builtInRoles.find(({ name }) => name === 'Key Vault Secrets User')!.id;
const vault = sampleVault();
const need: Extract<Need, { kind: 'data' }> = {
  kind: 'data',
  dataAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action',
  permission: { of: 'secrets', name: 'get' },
  object: 'secrets',
};
const secret = { kind: 'secrets', name: 'one' } as const;

/** Microseconds of a decision: remembered, and after a change anywhere, the caller's groups read anew too. */
interface Decision {
  readonly remembered: number;
  readonly fresh: number;
}

/**
 * One decision of a caller whose right comes through groups five deep, with few and with many assignments in the vault's
 * scope, in this process on SQLite.
 */
export async function measureAuthorisation(session: Session): Promise<void> {
  const rounds = session.settings.slices * 10;
  const few = await decide(FEW, false, rounds);
  const many = await decide(MANY, false, rounds);
  const own = await decide(MANY, true, Math.min(rounds, 20));
  const add = (name: string, a: number, b: number) =>
    session.add({
      name,
      figure: `${readable(a)} µs with ${FEW}, ${readable(b)} µs with ${readable(MANY)} assignments of others`,
      value: b / a,
      unit: '',
      target: { atMost: 1.5 },
    });
  add('authorisation remembered, groups five deep', few.remembered, many.remembered);
  add('authorisation anew, groups five deep', few.fresh, many.fresh);
  session.add({
    name: `authorisation of a caller who holds ${readable(MANY)} assignments`,
    figure: `${readable(own.remembered)} µs remembered, ${readable(own.fresh)} µs anew`,
    value: own.fresh / 1000,
    unit: 'ms',
    target: null,
  });
}

async function decide(assignments: number, isOwn: boolean, rounds: number): Promise<Decision> {
  const parts = await testParts();
  try {
    const access = new Access(parts.store);
    const oid = randomUUID();
    await fill(parts.store, oid, assignments, isOwn);
    const ask = async () => {
      const principalIds = await principalIdsOf(parts.store.reader, oid);
      return access.authoriseData(sampleCaller({ oid, principalIds }), vault, need, secret);
    };
    const fresh: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await parts.store.write(async (transaction) => transaction.touch());
      fresh.push(await microseconds(ask));
    }
    const caller = sampleCaller({ oid, principalIds: await principalIdsOf(parts.store.reader, oid) });
    const remembered: number[] = [];
    for (let round = 0; round < rounds; round++) {
      remembered.push(
        (await microseconds(async () => {
          for (let again = 0; again < 1000; again++) await access.authoriseData(caller, vault, need, secret);
        })) / 1000,
      );
    }
    return { fresh: median(fresh), remembered: median(remembered) };
  } finally {
    await parts.cleanup();
  }
}

async function fill(store: Store, oid: string, assignments: number, isOwn: boolean): Promise<void> {
  const groups = Array.from({ length: DEPTH }, () => randomUUID());
  const grant = (principalId: string, scope: string) => ({
    id: randomUUID(),
    scope,
    scopeKey: scope.toLowerCase(),
    roleId: SECRETS_USER,
    principalId,
    principalType: 'User',
    description: null,
    created: 0,
    updated: 0,
    createdBy: oid,
    condition: null,
  });
  await store.write(async (transaction) => {
    for (const [at, group] of groups.entries()) {
      const join = { member_id: groups[at - 1] ?? oid, group_id: group, created: 0 };
      await transaction.db.insertInto('group_members').values(join).execute();
    }
    await insertAssignment(transaction, grant(groups[DEPTH - 1]!, vault.resourceId));
    for (let n = 0; n < assignments; n++) {
      const made = isOwn ? grant(oid, `${vault.resourceId}/secrets/s${n}`) : grant(randomUUID(), vault.resourceId);
      await insertAssignment(transaction, made);
    }
  });
}

async function microseconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) * 1000;
}
