import { Access } from '../../src/access/authorise.ts';
import { listCustomRoles } from '../../src/access/custom-roles/repository.ts';
import type { MoveParts } from '../../src/access/move/parts.ts';
import { listAssignments } from '../../src/access/repository.ts';
import { auditEntry } from '../../src/audit/record.ts';
import { describePrincipal } from '../../src/identity/service.ts';
import type { Answer, Call } from '../../src/operations/operation.ts';
import { Pager } from '../../src/operations/paging.ts';
import { Refusal } from '../../src/refusals/refusal.ts';
import { findVaultByName } from '../../src/resources/repository.ts';
import type { Vault } from '../../src/resources/vault.ts';
import { secretOperations } from '../../src/secrets/operations.ts';
import { type ManagementPlane, managementPlane } from './management-plane.ts';
import { sampleCall } from './samples.ts';

/** When the machine "fails": before or after the step of this number, counted from 0. */
export interface Fall {
  readonly step: number;
  readonly when: 'before' | 'after';
}

/** What somebody else does just before the step of this number. */
export interface Meanwhile {
  readonly step: number;
  readonly act: () => Promise<unknown>;
}

/** What a machine that fails is seen as. */
export class Fallen extends Error {}

/** A management plane with a vault whose permission model is moved, one step at a time. */
export interface ModelPlane extends ManagementPlane {
  readonly moveParts: MoveParts;
  makeVault(properties: object): Promise<Vault>;
  vault(): Promise<Vault>;
  /** A request about the vault's model; with a fall it stops as if the machine had. */
  ask(
    properties: object | null,
    options?: { readonly as?: string; readonly fall?: Fall; readonly meanwhile?: Meanwhile },
  ): Call;
  /** Whether the vault lets somebody do an operation on secrets now. */
  isLetIn(oid: string, permission: string, dataAction: string, name?: string): Promise<boolean>;
  /** Puts a call into the log as the vault would have. */
  log(
    oid: string,
    operation: string,
    name: string,
    more?: { readonly time?: number; readonly times?: number; readonly appId?: string },
  ): Promise<void>;
  /** All that a move may change: model, policies, assignments at the vault, custom roles. */
  state(): Promise<object>;
}

/** Makes one. */
export async function modelPlane(): Promise<ModelPlane> {
  const arm = await managementPlane();
  const group = `${arm.subscription}/resourceGroups/apps`;
  const resourceId = `${group}/providers/Microsoft.KeyVault/vaults/moved`;
  const dataOperations = secretOperations({ ...arm, pager: new Pager(arm.keyring) });
  const moveParts: MoveParts = { ...arm, dataOperations };
  const vault = async () => (await findVaultByName(arm.store.reader, 'moved'))!;
  return {
    ...arm,
    moveParts,
    vault,
    makeVault: async (properties) => {
      const body = {
        location: 'local',
        properties: { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' }, ...properties },
      };
      const { status, body: answer } = await arm.send('PUT', resourceId, { body });
      if (status !== 200) throw new Error(JSON.stringify(answer));
      return vault();
    },
    ask: (properties, { as = arm.owner, fall, meanwhile } = {}) => {
      let step = 0;
      const run = async (work: (transaction: never) => Promise<Answer>) => {
        if (meanwhile?.step === step) await meanwhile.act();
        const isHere = fall?.step === step++;
        if (isHere && fall.when === 'before') throw new Fallen();
        const answer = await arm.store.write((transaction) => work(transaction as never));
        if (isHere) throw new Fallen();
        return answer;
      };
      return sampleCall({
        caller: arm.caller(as),
        vault: null,
        parameters: { subscriptionId: arm.subscriptionId, group: 'apps', vault: 'moved' },
        body: properties && { properties },
        time: arm.clock.now(),
        commit: (work) => run(work),
        commitStep: (_step, work) => run(work),
      });
    },
    isLetIn: async (oid, permission, dataAction, name) => {
      const need = { kind: 'data', dataAction, permission: { of: 'secrets', name: permission } } as const;
      const object = name === undefined ? null : ({ kind: 'secrets', name } as const);
      try {
        await new Access(arm.store).authoriseData(arm.caller(oid), await vault(), need, object);
        return true;
      } catch (error) {
        if (error instanceof Refusal) return false;
        throw error;
      }
    },
    log: async (oid, operation, name, { time = arm.clock.now(), times = 1, appId: asApp } = {}) => {
      const appId = asApp ?? (await describePrincipal(arm.store.reader, oid))?.appId ?? oid;
      const row = dataOperations.find(({ id }) => id === operation)!;
      const entry = auditEntry({
        time,
        recorded: time,
        requestId: '01900000-0000-7000-8000-000000000000',
        operationName: operation,
        operationVersion: '7.5',
        method: row.method,
        status: 200,
        description: '',
        callerIpAddress: '127.0.0.1',
        tlsVersion: 'TLS1_3',
        clientInfo: '',
        clientRequestId: '',
        url: `https://moved.vault.localhost:8443${row.path.replace(':name', name)}`,
        caller: { ...arm.caller(oid), appId },
        vault: await vault(),
        resourceId: '',
        subject: '',
        assignmentId: null,
        isPolicyMatch: true,
        audit: null,
        refusal: null,
      });
      for (let count = 0; count < times; count++) await arm.store.append(entry);
    },
    state: async () => {
      const { settings, scopeKey } = await vault();
      const selection = { scopeKey, below: true, principalIds: null, after: null, limit: 2000 };
      const assignments = await listAssignments(arm.store.reader, selection);
      const roles = await listCustomRoles(arm.store.reader, { after: '', limit: 2000 });
      return { settings, assignments, roles };
    },
  };
}
