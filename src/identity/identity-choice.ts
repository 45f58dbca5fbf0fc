import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import { hasIdentity, type IdentityHost, isMachine } from './identity-host.ts';
import { findManagedIdentity, type ManagedIdentity } from './service.ts';

/** The members of a request for a managed identity's token: those of its query or its form. */
export type IdentityParameters = Readonly<Record<string, unknown>>;

const MAX_ID = 2048;

/** The names under which each form of the endpoint takes an identity. */
const selectors = {
  clientId: ['client_id', 'clientid'],
  principalId: ['object_id', 'principal_id'],
  resourceId: ['msi_res_id', 'mi_res_id'],
} as const;

interface Selector {
  readonly by: keyof typeof selectors;
  readonly value: string;
}

/**
 * The identity of a host that a request means: the one it names, else the host's own, else (`mayTakeOnly`) the only one that is
 * assigned to it. An identity that is not the host's is answered like one that does not exist, after the same look-ups.
 * @throws Refusal `identity-ambiguous`, `identity-not-found`, `identity-not-assigned`, `identity-none`, `identity-choice-needed`
 */
export async function chooseIdentity(
  session: Session,
  host: IdentityHost,
  parameters: IdentityParameters,
  mayTakeOnly: boolean,
): Promise<ManagedIdentity> {
  const [selector, ...more] = readSelectors(parameters);
  if (more.length > 0) throw new Refusal('identity-ambiguous');
  return selector ? namedIdentity(session, host, selector) : usualIdentity(session, host, mayTakeOnly);
}

/** The text of a parameter, empty where it has none. */
export function parameterText(parameters: IdentityParameters, name: string): string {
  const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  return typeof value === 'string' ? value : '';
}

function readSelectors(parameters: IdentityParameters): readonly Selector[] {
  return (Object.keys(selectors) as (keyof typeof selectors)[]).flatMap((by) =>
    selectors[by].flatMap((name) => {
      const value = parameterText(parameters, name);
      return value ? [{ by, value }] : [];
    }),
  );
}

async function namedIdentity(session: Session, host: IdentityHost, { by, value }: Selector): Promise<ManagedIdentity> {
  const facts = { by: selectors[by][0], ...hostFacts(host) };
  if (value.length > MAX_ID || !/^[\x21-\x7e]+$/.test(value)) throw new Refusal('identity-not-found', facts);
  const key =
    by === 'clientId' ? { clientId: value } : by === 'principalId' ? { principalId: value } : { resourceId: value };
  const identity = await findManagedIdentity(session, key);
  if (!identity) throw new Refusal('identity-not-found', facts);
  if (hasIdentity(host, identity.resourceId)) return identity;
  throw new Refusal('identity-not-assigned', { ...facts, identity: identity.resourceId });
}

async function usualIdentity(session: Session, host: IdentityHost, mayTakeOnly: boolean): Promise<ManagedIdentity> {
  const [only, ...others] = host.userIdentities;
  const isOne = mayTakeOnly && only !== undefined && others.length === 0;
  const resourceId = host.hasSystemIdentity ? host.resourceId : isOne ? only : null;
  const identity = resourceId === null ? null : await findManagedIdentity(session, { resourceId });
  if (identity) return identity;
  if (others.length > 0 && mayTakeOnly) {
    throw new Refusal('identity-choice-needed', { ...hostFacts(host), assigned: host.userIdentities });
  }
  throw new Refusal('identity-none', hostFacts(host));
}

/** What the operator is told of a host: its id, and the group of `az` commands that assign identities to it. */
function hostFacts(host: IdentityHost): { readonly host: string; readonly tool: string } {
  return { host: host.resourceId, tool: isMachine(host) ? 'vm' : 'webapp' };
}
