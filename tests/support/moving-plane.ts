import { foldName } from '../../src/base/ids.ts';
import { certificateOperations } from '../../src/certificates/operations.ts';
import { SoftwareProvider } from '../../src/crypto/software/provider.ts';
import { keyOperations } from '../../src/keys/operations.ts';
import { abandonMove } from '../../src/moving/abandon.ts';
import { applyMove } from '../../src/moving/apply.ts';
import { finishMove } from '../../src/moving/finish.ts';
import type { MovingParts } from '../../src/moving/parts.ts';
import { getMove, planMove } from '../../src/moving/plan.ts';
import type { Answer, Call } from '../../src/operations/operation.ts';
import { Pager } from '../../src/operations/paging.ts';
import { findVaultByName } from '../../src/resources/repository.ts';
import type { Vault } from '../../src/resources/vault.ts';
import { secretOperations } from '../../src/secrets/operations.ts';
import { type ManagementPlane, managementPlane } from './management-plane.ts';
import { type Fall, Fallen, type Meanwhile } from './model-plane.ts';
import { sampleCall } from './samples.ts';

/** The operations of a move. */
export type MoveVerb = 'get' | 'plan' | 'apply' | 'finish' | 'abandon';

/** How a request differs from the usual one. */
export interface MoveAsk {
  readonly as?: string;
  /** The old vault; `old` by default. */
  readonly vault?: string;
  readonly fall?: Fall;
  readonly meanwhile?: Meanwhile;
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would.
type Body = any;

/** A management plane with vaults that are moved, and their secrets and keys. */
export interface MovingPlane extends ManagementPlane {
  readonly movingParts: MovingParts;
  /** `…/vaults/{name}`. */
  scope(name: string): string;
  makeVault(name: string, properties?: object): Promise<Vault>;
  vault(name: string): Promise<Vault | null>;
  /** One operation of a move; answers its `properties`. */
  move(verb: MoveVerb, properties: object, options?: MoveAsk): Promise<Body>;
  /** One operation of the data plane by its id, without the checks before it. */
  data(vault: string, operation: string, parameters: Readonly<Record<string, string>>, body?: object): Promise<Body>;
}

const verbs = { get: getMove, plan: planMove, apply: applyMove, finish: finishMove, abandon: abandonMove };

/** Makes one. */
export async function movingPlane(): Promise<MovingPlane> {
  const arm = await managementPlane();
  const providers = { software: new SoftwareProvider(arm.random), token: null };
  const pager = new Pager(arm.keyring);
  const dataOperations = [
    ...secretOperations({ ...arm, pager }),
    ...keyOperations({ ...arm, pager, providers } as never),
    ...certificateOperations({ ...arm, pager, providers, issuerFor: async () => ({ reason: 'there is none' }) }),
  ];
  const movingParts: MovingParts = { ...arm, providers, domain: 'localhost', dataOperations };
  const scope = (name: string) => `${arm.subscription}/resourceGroups/apps/providers/Microsoft.KeyVault/vaults/${name}`;
  const vault = (name: string) => findVaultByName(arm.store.reader, foldName(name));
  return {
    ...arm,
    movingParts,
    scope,
    vault,
    makeVault: async (name, properties = {}) => {
      const body = {
        location: 'local',
        tags: { team: 'payments' },
        properties: { tenantId: arm.tenantId, sku: { family: 'A', name: 'standard' }, ...properties },
      };
      const { status, body: answer } = await arm.send('PUT', scope(name), { body });
      if (status !== 200) throw new Error(JSON.stringify(answer));
      return (await vault(name))!;
    },
    move: async (verb, properties, options = {}) => {
      const answer = await verbs[verb](movingParts, moveCall(arm, properties, options));
      return (answer.body as { readonly properties: Body }).properties;
    },
    data: async (name, operation, parameters, body) => {
      const row = dataOperations.find(({ id, path }) => {
        const isVersioned = path.includes(':version');
        return id === operation && isVersioned === 'version' in parameters;
      })!;
      const found = (await vault(name))!;
      const commit = (work: (transaction: never) => Promise<Answer>) =>
        arm.store.write((transaction) => work(transaction as never));
      const call = sampleCall({
        vault: found,
        parameters,
        body: (body ?? null) as Call['body'],
        time: arm.clock.now(),
        origin: `https://${name}.vault.localhost:8443`,
        apiVersion: '2025-07-01',
        commit,
      });
      return (await row.run(call)).body;
    },
  };
}

function moveCall(arm: ManagementPlane, properties: object, options: MoveAsk): Call {
  const { as = arm.owner, vault = 'old', fall, meanwhile } = options;
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
    parameters: { subscriptionId: arm.subscriptionId, group: 'apps', vault },
    body: { properties } as Call['body'],
    time: arm.clock.now(),
    commit: (work) => run(work),
    commitStep: (_step, work) => run(work),
  });
}
