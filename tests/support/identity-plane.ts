import type { KeyObject } from 'node:crypto';
import { Access } from '../../src/access/authorise.ts';
import { unpackRecords } from '../../src/audit/repository.ts';
import { foldName, newVersion } from '../../src/base/ids.ts';
import { DAY } from '../../src/base/text.ts';
import { graphOperations } from '../../src/directory/operations.ts';
import { buildApp } from '../../src/http/app.ts';
import { type Authenticator, createAuthenticator } from '../../src/identity/authenticate.ts';
import { newSecret } from '../../src/identity/client-secret.ts';
import { hostSecret } from '../../src/identity/host-secrets.ts';
import { imdsOperations } from '../../src/identity/imds-operations.ts';
import { loginOperations } from '../../src/identity/operations.ts';
import { OutsideIssuers } from '../../src/identity/outside-issuers.ts';
import * as people from '../../src/identity/people.ts';
import * as identity from '../../src/identity/service.ts';
import { type Signer, SigningKeys } from '../../src/identity/signing-keys.ts';
import type { TrustedIssuer } from '../../src/identity/trusted-issuers.ts';
import { type HostName, hostReader } from '../../src/operations/hosts.ts';
import { Pipeline } from '../../src/operations/pipeline.ts';
import { storeHost } from '../../src/resources/host-repository.ts';
import { findHostById } from '../../src/resources/hosts.ts';
import { assertUnlocked } from '../../src/resources/lock-guard.ts';
import { registerMachine } from '../../src/resources/machine.ts';
import { type TestParts, testParts } from './parts.ts';

/** An answer of one of the identity planes. */
export interface PlaneAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would.
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** An application with its service principal and a secret. */
export interface TestApplication {
  readonly id: string;
  readonly appId: string;
  readonly oid: string;
  readonly secret: string;
}

/** A user with a password. */
export interface TestPerson {
  readonly oid: string;
  readonly upn: string;
  readonly password: string;
}

/** The Azure CLI's own client id, which every directory knows. */
export const AZURE_CLI = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

/** How a request differs from the usual one. */
export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** Where the request comes from; 127.0.0.1 by default. */
  readonly address?: string;
}

/** The identities of a test host. */
export interface HostIdentities {
  readonly system?: boolean;
  readonly user?: readonly string[];
  readonly type?: string;
}

/** The login and graph planes and the managed identity endpoint over a real store, without sockets, with real tokens. */
export interface IdentityPlane extends TestParts {
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly domain: string;
  readonly signingKeys: SigningKeys;
  readonly authenticator: Authenticator;
  /** The key that signs now. */
  signingKey(): Promise<Signer & { readonly publicKey: KeyObject; readonly certificate: string }>;
  /** The machine that the endpoint stands for, and the object id of its own identity. */
  readonly machine: { readonly resourceId: string; readonly principalId: string };
  /** Holds the directory role that may change the directory. */
  readonly administrator: TestApplication;
  application(name: string, directoryRole?: string): Promise<TestApplication>;
  /** A user `{name}@localhost` with a password that need not be changed. */
  person(name: string): Promise<TestPerson>;
  /** Signs a person in by password through the Azure CLI's client id; the form's members may be replaced. */
  signIn(person: TestPerson, form?: Readonly<Record<string, string>>, address?: string): Promise<PlaneAnswer>;
  login(method: string, path: string, options?: AskOptions): Promise<PlaneAnswer>;
  graph(method: string, path: string, options?: AskOptions): Promise<PlaneAnswer>;
  imds(method: string, path: string, options?: AskOptions): Promise<PlaneAnswer>;
  /** Asks for a token by secret; the form's members may be replaced. */
  askToken(
    application: TestApplication,
    form?: Readonly<Record<string, string>>,
    address?: string,
  ): Promise<PlaneAnswer>;
  /** A token of the application for a resource. */
  tokenOf(application: TestApplication, resource?: string): Promise<string>;
  /** Registers a host, or changes its identities; a system-assigned identity is made where it is to have one. */
  host(resourceId: string, identities: HostIdentities): Promise<void>;
  /** The secret of a host. */
  secretOf(resourceId: string): Promise<string>;
  /** The text of every audit record so far. */
  auditText(): Promise<string>;
}

/** The tenant of the identity plane. */
export const TENANT = '22222222-2222-4222-8222-222222222222';
const SUBSCRIPTION = '33333333-3333-4333-8333-333333333333';

/** Makes the identity planes of the domain `localhost`, with an administrator. */
export async function identityPlane(trustedIssuers: readonly TrustedIssuer[] = []): Promise<IdentityPlane> {
  const parts = await testParts();
  const { store, random, clock } = parts;
  const signingKeys = await SigningKeys.open(parts);
  const base = { ...parts, tenantId: TENANT, domain: 'localhost', subscriptionId: SUBSCRIPTION };
  const issuers = new OutsideIssuers(trustedIssuers, clock);
  const authenticator = createAuthenticator({
    store,
    issuers,
    domain: 'localhost',
    keys: signingKeys,
    findHost: findHostById,
  });
  const place = { subscriptionId: SUBSCRIPTION, group: 'strongroom', location: 'local' };
  const machine = await store.write((transaction) => registerMachine(transaction, base, place));
  const pipeline = new Pipeline({
    ...base,
    log: { info: () => {}, warn: () => {}, error: console.error },
    access: new Access(store),
    acceptNewerApiVersions: false,
    assertUnlocked,
    findVault: () => null,
    refreshVault: async () => null,
    authenticate: (header, plane, tenant, now) => authenticator.authenticate(header, plane, tenant, now),
  });
  const shared = { pipeline, clock, tenantId: TENANT, domain: 'localhost' };
  const operations = [
    ...loginOperations({
      ...base,
      signingKeys,
      tenantNames: ['contoso.test'],
      issuers,
    }),
    ...graphOperations(base),
  ];
  const app = await buildApp({ ...shared, operations, readHost: hostReader('localhost') });
  const imdsApp = await buildApp({
    ...shared,
    operations: imdsOperations({
      ...base,
      signingKeys,
      machineResourceId: machine.resourceId,
      findHost: findHostById,
    }),
    readHost: imdsHost,
  });
  const application = (name: string, directoryRole: string | null = null) =>
    makeApplication({ random, tenantId: TENANT }, parts, name, directoryRole);
  const login = ask(app, 'login.localhost:8443');
  const askToken = (from: TestApplication, form: Readonly<Record<string, string>> = {}, address = '127.0.0.1') =>
    login('POST', `/${TENANT}/oauth2/v2.0/token`, {
      address,
      form: {
        grant_type: 'client_credentials',
        client_id: from.appId,
        client_secret: from.secret,
        scope: 'https://vault.azure.net/.default',
        ...form,
      },
    });
  return {
    ...base,
    signingKeys,
    signingKey: async () => {
      const keys = await signingKeys.current();
      const signer = keys.signerAt(clock.now());
      return { ...keys.find(signer.kid)!, ...signer };
    },
    authenticator,
    machine,
    administrator: await application('administrator', identity.directoryAdministrator),
    application,
    person: (name) => makePerson({ random, tenantId: TENANT }, parts, name),
    signIn: ({ upn, password }, form = {}, address = '127.0.0.1') =>
      login('POST', '/organizations/oauth2/v2.0/token', {
        address,
        form: {
          grant_type: 'password',
          client_id: AZURE_CLI,
          client_info: '1',
          username: upn,
          password,
          scope: 'https://vault.azure.net/.default offline_access openid profile',
          ...form,
        },
      }),
    login,
    graph: ask(app, 'graph.localhost:8443'),
    imds: ask(imdsApp, '127.0.0.1:8444'),
    askToken,
    tokenOf: async (from, resource = 'https://vault.azure.net') => {
      const answer = await askToken(from, { scope: `${resource}/.default` });
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      return answer.body.access_token as string;
    },
    host: (resourceId, identities) => changeHost(base, resourceId, identities),
    secretOf: (resourceId) =>
      store.write((transaction) => hostSecret(transaction, parts, foldName(resourceId), clock.now())),
    auditText: async () => {
      const rows = await store.reader.db.selectFrom('audit_batches').select('records').execute();
      return rows.map(({ records }) => unpackRecords(records)).join('\n');
    },
    cleanup: async () => {
      await Promise.all([app.close(), imdsApp.close()]);
      await parts.cleanup();
    },
  };
}

async function changeHost(
  parts: TestParts & { readonly tenantId: string },
  resourceId: string,
  { system = false, user = [], type = 'Microsoft.Compute/virtualMachines' }: HostIdentities,
): Promise<void> {
  const { store, clock } = parts;
  const [, , subscriptionId = '', , group = '', , , , name = ''] = resourceId.split('/');
  const now = clock.now();
  const place = { subscriptionId, groupKey: foldName(group), location: 'local', tags: {} };
  await store.write(async (transaction) => {
    const found = await identity.findManagedIdentity(transaction, { resourceId });
    if (system && !found) {
      await identity.createManagedIdentity(transaction, parts, { resourceId, name, location: 'local', tags: {}, now });
    }
    if (!system && found) await identity.deleteManagedIdentity(transaction, resourceId);
    await storeHost(transaction, {
      ...place,
      resourceId,
      resourceKey: foldName(resourceId),
      type,
      name,
      hasSystemIdentity: system,
      userIdentities: user,
      members: {},
      created: now,
      updated: now,
    });
  });
}

async function makeApplication(
  making: identity.MakingParts,
  { store, random, clock }: TestParts,
  displayName: string,
  directoryRole: string | null,
): Promise<TestApplication> {
  const secret = newSecret(random);
  const now = clock.now();
  return store.write(async (transaction) => {
    const { id, appId } = await identity.createApplication(transaction, making, { displayName, now });
    const order = { appId, displayName, directoryRole, now };
    const { id: oid } = await identity.createServicePrincipal(transaction, making, order);
    const life = { starts: now, expires: now + 30 * DAY };
    await identity.addSecret(transaction, making, { appId, secret, displayName: null, ...life, now });
    return { id, appId, oid, secret: secret.secretText };
  });
}

const PERSON_PASSWORD = 'Correct-horse-7';
/** Hashed once for all people: a hash is made to take its time. */
let hashedOnce: Promise<people.NewPassword> | null = null;

async function makePerson(
  making: identity.MakingParts,
  { store, clock }: TestParts,
  name: string,
): Promise<TestPerson> {
  hashedOnce ??= people.newPassword(making, PERSON_PASSWORD, false);
  const hashed = { ...(await hashedOnce), version: newVersion(making.random) };
  const upn = `${name}@localhost`;
  return store.write(async (transaction) => {
    const user = { type: 'Member', displayName: name, upn, enabled: true, details: {} };
    const oid = await people.createMemberPrincipal(transaction, making, 'User', user, clock.now());
    await people.setPassword(transaction, oid, hashed, clock.now());
    return { oid, upn, password: PERSON_PASSWORD };
  });
}

function ask(app: Awaited<ReturnType<typeof buildApp>>, host: string) {
  return async (method: string, path: string, options: AskOptions = {}): Promise<PlaneAnswer> => {
    const { form, json } = options;
    const payload = form ? new URLSearchParams(form).toString() : json === undefined ? undefined : JSON.stringify(json);
    const response = await app.inject({
      method: method as 'GET',
      url: path,
      remoteAddress: options.address ?? '127.0.0.1',
      headers: {
        host,
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(payload !== undefined && { payload }),
    });
    const text = response.body;
    const isPage = String(response.headers['content-type']).startsWith('text/html');
    const body = text === '' ? null : isPage ? text : JSON.parse(text);
    return { status: response.statusCode, body, headers: response.headers };
  };
}

function imdsHost(header: string): HostName {
  return { plane: 'imds', origin: `http://${header}`, host: header, port: '', vaultKey: '' };
}
