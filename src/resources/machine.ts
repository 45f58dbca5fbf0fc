import { foldName } from '../base/ids.ts';
import type { Clock, Random } from '../base/ports.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { keepHostSecret } from '../identity/host-secrets.ts';
import { createManagedIdentity, findManagedIdentity, machineResourceId } from '../identity/service.ts';
import type { Transaction } from '../store/port.ts';
import { findHost, storeHost } from './host-repository.ts';
import { findGroup } from './repository.ts';
import { createGroup } from './service.ts';

/** What registering the machine takes. */
export interface MachineParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly keyring: Keyring;
  readonly tenantId: string;
}

/** Where the machine is registered. */
export interface MachinePlace {
  readonly subscriptionId: string;
  readonly group: string;
  readonly location: string;
}

/** The one secret that earlier releases had for all identities, and the group they put the machine in. */
const EARLIER_SECRET = 'identity-endpoint-secret';
const EARLIER_GROUP = 'strongroom';

/**
 * Registers the machine that the server runs on as a virtual machine with an identity of its own, and makes the group where there is
 * none. @returns its resource id and the object id of its identity
 */
export async function registerMachine(
  transaction: Transaction,
  parts: MachineParts,
  { subscriptionId, group, location }: MachinePlace,
): Promise<{ readonly resourceId: string; readonly principalId: string }> {
  const resourceId = machineResourceId(subscriptionId, group);
  const [name, now] = ['this-machine', parts.clock.now()];
  const groupKey = foldName(group);
  if (!(await findGroup(transaction, subscriptionId, groupKey))) {
    await createGroup(transaction, parts, { subscriptionId, name: group, location });
  }
  const identity =
    (await findManagedIdentity(transaction, { resourceId })) ??
    (await createManagedIdentity(transaction, parts, { resourceId, name, location, tags: {}, now }));
  await storeHost(transaction, {
    resourceId,
    resourceKey: foldName(resourceId),
    type: 'Microsoft.Compute/virtualMachines',
    name,
    subscriptionId,
    groupKey,
    location,
    tags: {},
    hasSystemIdentity: true,
    userIdentities: [],
    members: {},
    created: now,
    updated: now,
  });
  return { resourceId, principalId: identity.principalId };
}

/**
 * Takes over the machine of an earlier release, which had an identity without being registered: it is registered, unless the
 * operator deleted it, and the one secret that there was for all identities becomes the machine's. @returns the machine's id
 */
export async function adoptMachine(
  transaction: Transaction,
  parts: MachineParts,
  place: Omit<MachinePlace, 'group'>,
): Promise<string> {
  const { keyring } = parts;
  const resourceId = machineResourceId(place.subscriptionId, EARLIER_GROUP);
  const resourceKey = foldName(resourceId);
  const isRegistered = (await findHost(transaction, resourceKey)) !== null;
  const isThere = isRegistered || (await findManagedIdentity(transaction, { resourceId })) !== null;
  if (isThere && !isRegistered) await registerMachine(transaction, parts, { ...place, group: EARLIER_GROUP });
  const secret = (await keyring.readValue(transaction, EARLIER_SECRET))?.toString('utf8');
  if (secret && isThere) await keepHostSecret(transaction, parts, { resourceKey, secret, now: parts.clock.now() });
  await keyring.deleteValue(transaction, EARLIER_SECRET);
  transaction.touch();
  return resourceId;
}
