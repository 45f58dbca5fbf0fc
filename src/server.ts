import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Access } from './access/authorise.ts';
import { activityJob } from './audit/activity-log.ts';
import { openJournal } from './audit/journal.ts';
import { replaceFile, writeNewFile } from './base/files.ts';
import type { Clock, Log, Random } from './base/ports.ts';
import { certificateJob } from './certificates/job.ts';
import { certificateOperations } from './certificates/operations.ts';
import type { IssuerFor, Notify } from './certificates/parts.ts';
import { type Config, readNamedFile } from './config.ts';
import type { KeyProvider } from './crypto/key-provider.ts';
import { Keyring } from './crypto/keyring.ts';
import { createKeyFile, openKeyFile } from './crypto/seal.ts';
import { SoftwareProvider } from './crypto/software/provider.ts';
import { testedProvider } from './crypto/tested-provider.ts';
import { type FirstCredentials, findInstallation, firstStart, type Installation } from './first-start.ts';
import { type App, buildApp } from './http/app.ts';
import { buildFront, type Front } from './http/front.ts';
import { type Listener, listen } from './http/listen.ts';
import { createAuthenticator } from './identity/authenticate.ts';
import type { Caller } from './identity/caller.ts';
import { isMachine } from './identity/identity-host.ts';
import { imdsOperations } from './identity/imds-operations.ts';
import { keyRotationJob } from './identity/key-rotation.ts';
import { loginOperations } from './identity/operations.ts';
import { OutsideIssuers } from './identity/outside-issuers.ts';
import { signInCleanupJob } from './identity/sign-in-cleanup.ts';
import { SigningKeys } from './identity/signing-keys.ts';
import { type MovableClock, openClock } from './jobs/movable-clock.ts';
import { Scheduler } from './jobs/scheduler.ts';
import { keyOperations } from './keys/operations.ts';
import { keyVersionJob } from './keys/rotation-job.ts';
import { type HostName, hostReader } from './operations/hosts.ts';
import { Pager } from './operations/paging.ts';
import { Pipeline } from './operations/pipeline.ts';
import { purgeJob } from './recovery/purge-job.ts';
import { findHostById } from './resources/hosts.ts';
import { assertUnlocked } from './resources/lock-guard.ts';
import { createVaultDirectory, readVault, refreshVault } from './resources/vault-directory.ts';
import { secretOperations } from './secrets/operations.ts';
import type { Driver } from './store/port.ts';
import { openSqlite } from './store/sqlite/driver.ts';
import { openStore, type Store } from './store/store.ts';
import { localCertificate, operatorCertificate, type ServerCertificate } from './tls/server-certificate.ts';

/** What a server is started with. */
export interface ServerParts {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The parts with the installation's clock in place of the machine's, which certificates still follow: clients judge them. */
interface ClockedParts extends ServerParts {
  readonly clock: MovableClock;
  readonly machineClock: Clock;
}

/** A server that answers. */
export interface RunningServer {
  readonly port: number;
  readonly imdsPort: number | null;
  readonly installation: Installation;
  /** Known at the first start alone, and kept in administrator.json. */
  readonly firstCredentials: FirstCredentials | null;
  readonly vaults: readonly string[];
  /** The virtual machine that the managed identity endpoint stands for. */
  readonly machineResourceId: string;
  readonly storePlace: string;
  readonly clock: MovableClock;
  /** Lets what is under way finish, for at most the grace, and closes everything. */
  close(graceMilliseconds: number): Promise<void>;
}

const CERTIFICATE_CHECK_MS = 3_600_000;

/**
 * Opens the store and its keys, makes what a first start makes, and listens.
 * @throws StoreFault, SealFault, AuditFault, ListenFault: each with a message for the operator, nothing overwritten
 */
export async function startServer(parts: ServerParts): Promise<RunningServer> {
  const { config, clock, random } = parts;
  const driver = await openDriver(config);
  const store = await openStore(driver, { now: clock.now() }).catch(async (error: unknown) => {
    await driver.close();
    throw error;
  });
  try {
    prepareSeal(config, random, await hasRootKey(store));
    const movableClock = await openClock(clock, store, config.movableClock);
    const keyring = await Keyring.open(store, openKeyFile(config.sealKeyFile, random), random, movableClock.now());
    store.useJournal(await openJournal(keyring, store.reader, chainName(config)));
    return await serve({ ...parts, clock: movableClock, machineClock: clock }, store, keyring);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The driver that the configuration names. */
export async function openDriver(config: Config): Promise<Driver> {
  if (config.store.kind === 'sqlite') return openSqlite(join(config.dataDir, 'strongroom.db'));
  const { openPostgres } = await import('./store/postgres/driver.ts');
  return openPostgres({ connectionString: readNamedFile(config.store.urlFile, 'postgresUrlFile').trim() });
}

async function hasRootKey(store: Store): Promise<boolean> {
  return (await store.reader.db.selectFrom('root_keys').select('id').limit(1).execute()).length > 0;
}

/** A seal key is made for an installation that has no root key yet; data without its seal key is a fault, told when it is opened. */
function prepareSeal(config: Config, random: Random, isSealed: boolean): void {
  if (!isSealed && !existsSync(config.sealKeyFile)) createKeyFile(config.sealKeyFile, random);
}

/** Each node of a shared store has an audit chain of its own, named by a file in its data directory. */
function chainName(config: Config): string {
  if (config.store.kind === 'sqlite') return 'main';
  const path = join(config.dataDir, 'node-id');
  if (!existsSync(path)) writeNewFile(path, randomUUID(), 0o600);
  return readFileSync(path, 'utf8').trim();
}

async function serve(parts: ClockedParts, store: Store, keyring: Keyring): Promise<RunningServer> {
  const { config, clock, log } = parts;
  const { installation, credentials } = await installationOf(parts, store, keyring);
  const scheduler = new Scheduler({ store, clock, log, holder: randomUUID() });
  const provider = testedProvider('software', new SoftwareProvider(parts.random), log);
  const rooms = { ...parts, provider };
  const { app, imdsApp, machineResourceId } = await composeApps(rooms, store, keyring, installation, scheduler);
  const certificate = await certificateOf(parts, store, keyring);
  const listener = await listen(
    (request, response) => app.routing(request, response),
    config.addresses,
    config.port,
    certificate.server,
  );
  const imds = await listenForIdentities(config, listener, (request, response) => imdsApp.routing(request, response));
  if (certificate.authorityPem) replaceFile(join(config.dataDir, 'ca.pem'), certificate.authorityPem, 0o644);
  scheduler.start(purgeJob({ ...parts, store, keyring }));
  const { tenantId } = installation;
  scheduler.start(keyVersionJob({ ...parts, store, keyring, provider, findVault: readVault }));
  const authorities = { issuerFor: noProvider, notify: noMail };
  scheduler.start(certificateJob({ ...parts, ...authorities, store, keyring, provider, findVault: readVault }));
  scheduler.start(keyRotationJob({ ...parts, store, keyring, tenantId, keyPolicy: config.keyPolicy }));
  scheduler.start(signInCleanupJob({ store }));
  scheduler.start(activityJob({ store }));
  const unwatch = clock.watch(log, () => void scheduler.runAll());
  const renewal = renewCertificate(parts, store, keyring, listener, certificate);
  return {
    port: listener.port,
    imdsPort: imds?.port ?? null,
    installation,
    firstCredentials: credentials,
    vaults: await vaultNames(store, installation.vaultName),
    machineResourceId,
    storePlace: store.driver.place,
    clock,
    close: async (grace) => {
      clearInterval(renewal);
      unwatch();
      await Promise.all([listener.close(grace), imds?.close(grace)]);
      await Promise.all([app.close(), imdsApp.close(), scheduler.stop()]);
      await store.close();
    },
  };
}

/** Joins the rooms: every operation behind one pipeline, the managed identity endpoint on a front of its own. */
async function composeApps(
  parts: ClockedParts & { readonly provider: KeyProvider },
  store: Store,
  keyring: Keyring,
  installation: Installation,
  scheduler: Scheduler,
): Promise<{ app: Front; imdsApp: App; machineResourceId: string }> {
  const { config, clock } = parts;
  const { domain } = config;
  const { tenantId, subscriptionId } = installation;
  const base = { ...parts, store, keyring, tenantId, domain, subscriptionId };
  const signingKeys = await SigningKeys.open(base);
  const machineResourceId = await machineOf(parts, store, installation);
  const access = new Access(store);
  const pager = new Pager(keyring);
  const issuers = new OutsideIssuers(config.trustedIssuers, clock, parts.log);
  const pipeline = pipelineOf({ ...base, issuers }, access, signingKeys);
  const isOwner = (caller: Caller, scope: string) => access.isOwner(caller, scope);
  const dataOperations = [
    ...secretOperations({ ...base, pager }),
    ...keyOperations({ ...base, pager }),
    ...certificateOperations({ ...base, pager, issuerFor: noProvider }),
  ];
  const loadManagement = async () => {
    const { managementOperations } = await import('./management.ts');
    return managementOperations({
      ...base,
      access,
      health: () => healthOf(parts),
      dataOperations,
      signingKeys,
      isOwner,
      keyPolicy: config.keyPolicy,
      movableClock: clock,
      runJobs: () => scheduler.runAll(),
    });
  };
  const operations = [...dataOperations, ...loginOperations({ ...base, signingKeys, issuers })];
  const front = { pipeline, clock, tenantId, domain };
  const imdsRows = imdsOperations({ ...base, signingKeys, machineResourceId, findHost: findHostById });
  return {
    app: await buildFront(
      { ...front, log: parts.log, operations, readHost: hostReader(domain) },
      { planes: ['management', 'graph'], load: loadManagement },
    ),
    imdsApp: await buildApp({ ...front, operations: imdsRows, readHost: imdsHost }),
    machineResourceId,
  };
}

/** No authority is set up yet that an issuer of a vault could stand for. */
const noProvider: IssuerFor = async () => ({ reason: 'no authority of that provider is set up on this server' });
/** Nobody is written to yet: the log has what contacts should know. */
const noMail: Notify = async () => {};

function healthOf({ config, clock, version }: ClockedParts) {
  return {
    status: 'ok',
    version,
    seal: { kind: 'key-file', state: 'open' },
    store: { kind: config.store.kind },
    ...(clock.isMovable && { clock: { movable: true, aheadSeconds: Math.round(clock.ahead() / 1000) } }),
  };
}

/** The machine that the managed identity endpoint stands for; one that is not there refuses when it is asked for. */
async function machineOf(parts: ServerParts, store: Store, installation: Installation): Promise<string> {
  const { config, log } = parts;
  const machine = config.machineResourceId ?? installation.machineResourceId;
  const host = await findHostById(store.reader, machine);
  if (config.imdsPort !== null && !(host && isMachine(host))) {
    log.warn('The managed identity endpoint stands for a virtual machine that is not registered.', { machine });
  }
  return machine;
}

function pipelineOf(
  parts: ServerParts & {
    readonly store: Store;
    readonly tenantId: string;
    readonly domain: string;
    readonly issuers: OutsideIssuers;
  },
  access: Access,
  keys: SigningKeys,
): Pipeline {
  const vaults = createVaultDirectory(parts.store);
  const authenticator = createAuthenticator({ ...parts, keys, findHost: findHostById });
  return new Pipeline({
    ...parts,
    access,
    acceptNewerApiVersions: parts.config.acceptNewerApiVersions,
    assertUnlocked,
    findVault: (nameKey) => vaults.find(nameKey),
    refreshVault,
    authenticate: (header, plane, tenant, now) => authenticator.authenticate(header, plane, tenant, now),
  });
}

async function installationOf(
  parts: ServerParts,
  store: Store,
  keyring: Keyring,
): Promise<{ installation: Installation; credentials: FirstCredentials | null }> {
  const first = { ...parts, store, keyring };
  const found = await findInstallation(first);
  if (found) return { installation: found, credentials: null };
  const path = join(parts.config.dataDir, 'administrator.json');
  const credentials = await firstStart(first, (made) => replaceFile(path, `${JSON.stringify(made, null, 2)}\n`, 0o600));
  return { installation: (await findInstallation(first))!, credentials };
}

async function certificateOf(parts: ClockedParts, store: Store, keyring: Keyring): Promise<ServerCertificate> {
  const { config, machineClock } = parts;
  return config.tls
    ? operatorCertificate(config.tls)
    : localCertificate({ store, keyring }, config.domain, machineClock.now());
}

/** Looks every hour whether the certificate is to be renewed, and shows the new one to connections to come. */
function renewCertificate(
  parts: ClockedParts,
  store: Store,
  keyring: Keyring,
  listener: Listener,
  first: ServerCertificate,
): NodeJS.Timeout {
  let shown = first.server.certificatePem;
  const look = async () => {
    const { server } = await certificateOf(parts, store, keyring);
    if (server.certificatePem === shown) return;
    listener.useCertificate(server);
    shown = server.certificatePem;
    parts.log.info('The server certificate was renewed.');
  };
  return setInterval(() => {
    look().catch((error: Error) =>
      parts.log.error('The server certificate could not be renewed.', { reason: error.message }),
    );
  }, CERTIFICATE_CHECK_MS).unref();
}

async function listenForIdentities(
  config: Config,
  main: Listener,
  handler: Parameters<typeof listen>[0],
): Promise<Listener | null> {
  if (config.imdsPort === null) return null;
  try {
    return await listen(handler, config.imdsAddresses, config.imdsPort, null);
  } catch (error) {
    await main.close(0);
    throw error;
  }
}

/** Names of live vaults, the first start's own before the others. */
async function vaultNames(store: Store, first: string): Promise<readonly string[]> {
  const rows = await store.reader.db
    .selectFrom('vaults')
    .select('name')
    .where('deleted', 'is', null)
    .orderBy('name_key')
    .limit(100)
    .execute();
  const names = rows.map(({ name }) => name);
  return names.includes(first) ? [first, ...names.filter((name) => name !== first)] : names;
}

/** Every host is the endpoint's own there; which hosts it accepts, its operations say. */
function imdsHost(header: string): HostName {
  const host = /^[\w.:[\]-]{1,260}$/.test(header) ? header.toLowerCase() : '';
  return { plane: 'imds', origin: `http://${host}`, host, port: '', vaultKey: '' };
}
