import { builtInRoles } from './access/built-in-roles.ts';
import { insertAssignment } from './access/repository.ts';
import { foldScope } from './access/scope.ts';
import { newUuid } from './base/ids.ts';
import type { Clock, Random } from './base/ports.ts';
import { DAY } from './base/text.ts';
import type { Config } from './config.ts';
import type { Keyring } from './crypto/keyring.ts';
import { newSecret } from './identity/client-secret.ts';
import { addSecret, createApplication, createServicePrincipal, directoryAdministrator } from './identity/service.ts';
import { adoptMachine, registerMachine } from './resources/machine.ts';
import { createGroup, createSubscription, createVault } from './resources/service.ts';
import type { Transaction } from './store/port.ts';
import { statement } from './store/statement.ts';
import type { Store } from './store/store.ts';

/** What the first start fixed for good; read back at every later one. */
export interface Installation {
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly subscriptionName: string;
  readonly groupName: string;
  readonly vaultName: string;
  /** The administrator's application. */
  readonly clientId: string;
  /** The virtual machine that stands for the machine the server runs on, unless the configuration names another. */
  readonly machineResourceId: string;
  readonly machinePrincipalId: string;
}

/** The administrator's credentials, known at the first start alone. */
export interface FirstCredentials {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

const readInstallation = statement<object, { value: string }>((db) =>
  db.selectFrom('meta').select('value').where('name', '=', 'installation'),
);
const writeInstallation = statement<{ value: string }>((db, p) =>
  db.insertInto('meta').values({ name: 'installation', value: p('value') }),
);

const updateInstallation = statement<{ value: string }>((db, p) =>
  db
    .updateTable('meta')
    .set({ value: p('value') })
    .where('name', '=', 'installation'),
);

/** An installation as earlier releases wrote it: they did not register the machine. */
type EarlierInstallation = Omit<Installation, 'machineResourceId'> & Partial<Installation>;

/** The installation of a store, or null before its first start. One of an earlier release gets what it lacks. */
export async function findInstallation(parts: FirstParts): Promise<Installation | null> {
  const row = await readInstallation.first(parts.store.reader, {});
  const found = row && (JSON.parse(row.value) as EarlierInstallation);
  if (!found || isComplete(found)) return found;
  return parts.store.write(async (transaction) => {
    const { value } = (await readInstallation.first(transaction, {}))!;
    const current = JSON.parse(value) as EarlierInstallation;
    if (isComplete(current)) return current;
    const { tenantId, subscriptionId } = current;
    const place = { subscriptionId, location: parts.config.first.location };
    const installation = {
      ...current,
      machineResourceId: await adoptMachine(transaction, { ...parts, tenantId }, place),
    };
    await updateInstallation.change(transaction, { value: JSON.stringify(installation) });
    return installation;
  });
}

function isComplete(found: EarlierInstallation): found is Installation {
  return found.machineResourceId !== undefined;
}

const SECRET_DAYS = 730;

/** What a first start is made of. */
export interface FirstParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: Config;
}

/**
 * Makes the tenant, the subscription, a group, a vault, this machine's identity and the administrator: all or nothing.
 * The administrator owns the subscription and administers the data of the first vault alone.
 * @param keep called before anything is committed, so that the secret is never lost
 * @returns null where another node was first
 */
export async function firstStart(
  parts: FirstParts,
  keep: (credentials: FirstCredentials) => void,
): Promise<FirstCredentials | null> {
  const { store, random } = parts;
  const tenantId = newUuid(random);
  const secret = newSecret(random);
  return store.write(async (transaction) => {
    if (await readInstallation.first(transaction, {})) return null;
    const installation = await makeAll(transaction, parts, tenantId, secret);
    await writeInstallation.change(transaction, { value: JSON.stringify(installation) });
    transaction.touch();
    const credentials = { tenantId, clientId: installation.clientId, clientSecret: secret.secretText };
    keep(credentials);
    return credentials;
  });
}

async function makeAll(
  transaction: Transaction,
  parts: FirstParts,
  tenantId: string,
  secret: ReturnType<typeof newSecret>,
): Promise<Installation> {
  const { clock, random, keyring, config } = parts;
  const now = clock.now();
  const making = { clock, random, keyring };
  const { first } = config;
  const subscription = await createSubscription(transaction, making, { tenantId, name: first.subscription });
  const subscriptionId = subscription.id;
  await createGroup(transaction, making, { subscriptionId, name: first.group, location: first.location });
  const vault = await createVault(transaction, making, {
    tenantId,
    subscriptionId,
    group: first.group,
    name: first.vault,
    location: first.location,
    settings: { enableRbacAuthorization: true },
  });
  const identity = { random, tenantId };
  const displayName = 'strongroom-administrator';
  const { appId } = await createApplication(transaction, identity, { displayName, now });
  const { id: oid } = await createServicePrincipal(transaction, identity, {
    appId,
    displayName,
    now,
    directoryRole: directoryAdministrator,
  });
  const expires = now + SECRET_DAYS * DAY;
  await addSecret(transaction, identity, { appId, secret, displayName: 'first start', starts: now, expires, now });
  await grant(transaction, parts, 'Owner', oid, `/subscriptions/${subscriptionId}`);
  await grant(transaction, parts, 'Key Vault Administrator', oid, vault.resourceId);
  const place = { subscriptionId, group: first.group, location: first.location };
  const machine = await registerMachine(transaction, { ...making, tenantId }, place);
  return {
    tenantId,
    subscriptionId,
    subscriptionName: subscription.name,
    groupName: first.group,
    vaultName: vault.name,
    clientId: appId,
    machineResourceId: machine.resourceId,
    machinePrincipalId: machine.principalId,
  };
}

async function grant(
  transaction: Transaction,
  { clock, random }: FirstParts,
  roleName: string,
  principalId: string,
  scope: string,
): Promise<void> {
  const now = clock.now();
  await insertAssignment(transaction, {
    id: newUuid(random),
    scope,
    scopeKey: foldScope(scope),
    roleId: builtInRoles.find((role) => role.name === roleName)!.id,
    principalId,
    principalType: 'ServicePrincipal',
    description: null,
    created: now,
    updated: now,
    createdBy: principalId,
    condition: null,
  });
}
