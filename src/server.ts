import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Access } from './access/authorise.ts';
import { openJournal } from './audit/journal.ts';
import { replaceFile, writeNewFile } from './base/files.ts';
import type { Clock, Log, Random } from './base/ports.ts';
import { toIso } from './base/text.ts';
import { certificateIssuers, certificateRoom, listenForRevocation } from './certificate-authorities.ts';
import type { Issuers } from './certificates/issuers/registry.ts';
import { certificateOperations } from './certificates/operations.ts';
import { type Config, readNamedFile } from './config.ts';
import { type ControlEndpoint, openControl, openRoutes } from './control-endpoint.ts';
import type { Keyring } from './crypto/keyring.ts';
import type { Token } from './crypto/pkcs11/token.ts';
import { ReleaseSigner } from './crypto/release-signer.ts';
import { type FirstCredentials, findInstallation, firstStart, type Installation } from './first-start.ts';
import { type App, buildApp } from './http/app.ts';
import { buildFront, type Front } from './http/front.ts';
import { type Listener, listen } from './http/listen.ts';
import { createAuthenticator } from './identity/authenticate.ts';
import { isMachine } from './identity/identity-host.ts';
import { imdsOperations } from './identity/imds-operations.ts';
import { loginOperations } from './identity/operations.ts';
import { OutsideIssuers } from './identity/outside-issuers.ts';
import { SigningKeys } from './identity/signing-keys.ts';
import { type MovableClock, openClock } from './jobs/movable-clock.ts';
import { Scheduler } from './jobs/scheduler.ts';
import { type OpenProviders, openDevice, openProviders, watchDevice } from './key-providers.ts';
import { keyOperations } from './keys/operations.ts';
import { type HostName, hostReader } from './operations/hosts.ts';
import { Pager } from './operations/paging.ts';
import { Pipeline } from './operations/pipeline.ts';
import { findHostById } from './resources/hosts.ts';
import { assertUnlocked } from './resources/lock-guard.ts';
import { createVaultDirectory, readVault, refreshVault } from './resources/vault-directory.ts';
import { followKeys, sealedTables, startJobs } from './scheduled-work.ts';
import { type Opened, openKeys, recordUnsealing, type SealedServer } from './sealed-start.ts';
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
  /** The passphrase of the seal, where the environment has it. */
  readonly sealPassphrase?: string | undefined;
  /** Called when the server listens but waits for operators to open its seal. */
  readonly onSealed?: (sealed: SealedServer) => void;
  /** Resolves when the server is to stop; heard while it waits, after that {@link RunningServer.close} is the way. */
  readonly stopped?: Promise<void>;
}

/** The parts with the installation's clock in place of the machine's, which certificates still follow: clients judge them. */
interface ClockedParts extends ServerParts {
  readonly clock: MovableClock;
  readonly machineClock: Clock;
  /** The token that holds keys, and may seal; null where none is configured. */
  readonly device: Token | null;
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
 * @returns null where it was told to stop before operators had opened its seal
 * @throws StoreFault, SealFault, AuditFault, ListenFault: each with a message for the operator, nothing overwritten
 */
export async function startServer(parts: ServerParts): Promise<RunningServer | null> {
  const { config, clock } = parts;
  const driver = await openDriver(config);
  const store = await openStore(driver, { now: clock.now() }).catch(async (error: unknown) => {
    await driver.close();
    throw error;
  });
  try {
    return await open(parts, store, await openClock(clock, store, config.movableClock));
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function open(given: ServerParts, store: Store, clock: MovableClock): Promise<RunningServer | null> {
  const control = await openControl(given);
  const device = await openDevice(given.config, given.log);
  const parts = { ...given, clock, machineClock: given.clock, device, useRoutes: control.useRoutes };
  try {
    const opened = await openKeys(parts, store);
    if (opened) {
      store.useJournal(await openJournal(opened.keyring, store.reader, chainName(parts.config)));
      return await serve(parts, store, opened, control);
    }
    device?.close();
    await Promise.all([control.close(), store.close()]);
    return null;
  } catch (error) {
    device?.close();
    await control.close();
    throw error;
  }
}

/** The driver that the configuration names. */
export async function openDriver(config: Config): Promise<Driver> {
  if (config.store.kind === 'sqlite') return openSqlite(join(config.dataDir, 'strongroom.db'));
  const { openPostgres } = await import('./store/postgres/driver.ts');
  return openPostgres({ connectionString: readNamedFile(config.store.urlFile, 'postgresUrlFile').trim() });
}

/** Each node of a shared store has an audit chain of its own, named by a file in its data directory. */
function chainName(config: Config): string {
  if (config.store.kind === 'sqlite') return 'main';
  const path = join(config.dataDir, 'node-id');
  if (!existsSync(path)) writeNewFile(path, randomUUID(), 0o600);
  return readFileSync(path, 'utf8').trim();
}

async function serve(
  parts: ClockedParts,
  store: Store,
  { keyring, waiting, unsealed }: Opened,
  control: ControlEndpoint,
): Promise<RunningServer> {
  const { config, clock, log } = parts;
  const { installation, credentials } = await installationOf(parts, store, keyring);
  const following = followKeys(parts, store, keyring);
  const scheduler = new Scheduler({ store, clock, log, holder: randomUUID() });
  const providers = await openProviders(parts.device, parts.random, log);
  const joined = { ...parts, store, keyring, providers, tenantId: installation.tenantId };
  const issuers = certificateIssuers(joined);
  const rooms = { ...parts, providers, certificateIssuers: issuers };
  const { app, imdsApp, machineResourceId } = await composeApps(rooms, store, keyring, installation, scheduler);
  const certificate = await certificateOf(parts, store, keyring);
  const route: Parameters<typeof listen>[0] = (request, response) => app.routing(request, response);
  const listener = await listenerOf(config, waiting, route, certificate);
  const imds = await listenForIdentities(config, listener, (request, response) => imdsApp.routing(request, response));
  const revocation = await listenForRevocation(joined, issuers);
  if (certificate.authorityPem) replaceFile(join(config.dataDir, 'ca.pem'), certificate.authorityPem, 0o644);
  await publishReleaseCertificate(parts, store, keyring);
  startJobs(scheduler, { ...joined, ...certificateRoom(joined, issuers) });
  control.useRoutes(openRoutes(joined));
  if (unsealed) await recordUnsealing(parts, store, installation, unsealed);
  const unwatch = clock.watch(log, () => void scheduler.runAll());
  const unwatchDevice = watchDevice(parts.device);
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
      clearInterval(following);
      unwatch();
      unwatchDevice();
      await Promise.all([control.close(), listener.close(grace), imds?.close(grace), revocation?.close(grace)]);
      await Promise.all([app.close(), imdsApp.close(), scheduler.stop()]);
      providers.device?.close();
      await store.close();
    },
  };
}

/** A listener of its own, or the one that refused while the server was sealed. */
async function listenerOf(
  { addresses, port }: Config,
  waiting: Opened['waiting'],
  handler: Parameters<typeof listen>[0],
  { server }: ServerCertificate,
): Promise<Listener> {
  if (!waiting) return listen(handler, addresses, port, server);
  waiting.listener.useCertificate(server);
  waiting.use(handler);
  return waiting.listener;
}

/** Joins the rooms: every operation behind one pipeline, the managed identity endpoint on a front of its own. */
async function composeApps(
  parts: ClockedParts & { readonly providers: OpenProviders; readonly certificateIssuers: Issuers },
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
  const authorities = new OutsideIssuers(config.attestationAuthorities, clock, parts.log);
  const rooms = { ...base, pager, authorities, ...certificateRoom(base, parts.certificateIssuers) };
  const keyRows = keyOperations({ ...rooms, signer: new ReleaseSigner(base) });
  const dataOperations = [...secretOperations(rooms), ...keyRows, ...certificateOperations(rooms)];
  const loadManagement = async () => {
    const { managementOperations } = await import('./management.ts');
    return managementOperations({
      ...base,
      access,
      health: () => healthOf(parts, keyring),
      dataOperations,
      signingKeys,
      isOwner: (caller, scope) => access.isOwner(caller, scope),
      keyPolicy: config.keyPolicy,
      movableClock: clock,
      runJobs: async () => void (await Promise.all([scheduler.runAll(), parts.device?.look()])),
      hastenJob: (name) => scheduler.hasten(name),
      findVault: readVault,
      sealedRows: sealedTables.sealedRows,
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

/** Where keys may be released, whoever gets one can have the certificate that proves it beforehand. */
async function publishReleaseCertificate(
  { config, clock }: ClockedParts,
  store: Store,
  keyring: Keyring,
): Promise<void> {
  if (config.attestationAuthorities.length === 0) return;
  const certificate = await new ReleaseSigner({ store, keyring }).certificatePem(clock.now());
  replaceFile(join(config.dataDir, 'release-certificate.pem'), certificate, 0o644);
}

function healthOf(
  { config, clock, version, providers }: ClockedParts & { readonly providers: OpenProviders },
  keyring: Keyring,
) {
  return {
    status: 'ok',
    version,
    seal: {
      kind: keyring.roots.sealKind,
      state: 'open',
      ...(keyring.roots.isSealStale && { changedElsewhere: true }),
    },
    rootKey: { since: toIso(keyring.roots.list().find(({ isActive }) => isActive)!.created) },
    store: { kind: config.store.kind },
    ...(providers.device && { keyToken: providers.device.state() }),
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
