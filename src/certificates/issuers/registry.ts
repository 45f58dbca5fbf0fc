import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock, Random } from '../../base/ports.ts';
import type { Keyring } from '../../crypto/keyring.ts';
import type { Store } from '../../store/store.ts';
import type { ChallengeSolver } from './acme/challenge.ts';
import type { AcmeSetting, AuthoritySetting, DigiCertSetting, GlobalSignSetting } from './authorities.ts';
import type { OwnAuthoritySetting } from './authority/authority-setting.ts';
import type { AuthorityParts, VaultAuthority } from './authority/vault-authority.ts';
import type { Issuer } from './issuer.ts';
import { Outgoing } from './outgoing.ts';

/** An issuer as the certificates API keeps it. */
export interface IssuerRegistration {
  /** Unique and lasting: what belongs to it alone, such as an ACME account, is kept under it. */
  readonly id: string;
  /** `provider`. */
  readonly provider: string;
  /** `credentials.account_id`. */
  readonly accountId: string | null;
  /** `credentials.pwd`. */
  readonly password: string | null;
  /** `org_details.id`. */
  readonly organizationId: string | null;
}

/** A registration cannot be used with this configuration; the message says what to change, and holds no credential. */
export class IssuerSettingFault extends Error {
  readonly code = 'issuer-setting';
  constructor(message: string) {
    super(message);
    this.name = 'IssuerSettingFault';
  }
}

/** What issuers are built with. */
export interface IssuerParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly findKey: AuthorityParts['findKey'];
}

type Build<Setting> = (registry: Issuers, setting: Setting, registration: IssuerRegistration) => Promise<Issuer>;
type Builds = { readonly [P in AuthoritySetting['provider']]: Build<Extract<AuthoritySetting, { provider: P }>> };

/** How the issuer of each provider is made from its authority and a registration. */
const builds: Builds = {
  ACME: buildAcme,
  DigiCert: buildDigiCert,
  GlobalSign: buildGlobalSign,
  StrongroomCA: buildOwn,
};

/** Every issuer of the configuration's authorities. */
export class Issuers {
  readonly parts: IssuerParts;
  readonly #authorities: readonly AuthoritySetting[];
  readonly #solvers = new Map<string, ChallengeSolver>();

  constructor(parts: IssuerParts, authorities: readonly AuthoritySetting[]) {
    this.parts = parts;
    this.#authorities = authorities;
  }

  /** Whether a provider of this name can be registered at all, whatever the configuration names. */
  isProvider(provider: string): boolean {
    return Object.hasOwn(builds, provider);
  }

  /**
   * The issuer of a registration. `org_details.id` names the authority where the configuration has several of the provider.
   * @throws IssuerSettingFault
   */
  async issuerFor(registration: IssuerRegistration): Promise<Issuer> {
    const setting = this.#authorityOf(registration);
    return (builds[setting.provider] as Build<AuthoritySetting>)(this, setting, registration);
  }

  /** The one solver of an authority: two would want the same port. */
  async solverOf(setting: AcmeSetting): Promise<ChallengeSolver> {
    const { solverOf } = await import('./acme/solvers.ts');
    const held = this.#solvers.get(setting.name) ?? solverOf(setting.challenge);
    this.#solvers.set(setting.name, held);
    return held;
  }

  /** The vaults' own authorities, by name: for the responder, and for revoking. */
  async ownAuthorities(): Promise<ReadonlyMap<string, VaultAuthority>> {
    const own = this.#authorities.filter((one) => one.provider === 'StrongroomCA');
    const { VaultAuthority } = await import('./authority/vault-authority.ts');
    return new Map(own.map((setting) => [setting.name, new VaultAuthority(this.parts, setting)]));
  }

  #authorityOf({ provider, organizationId }: IssuerRegistration): AuthoritySetting {
    const possible = this.#authorities.filter((one) => one.provider === provider);
    const named = possible.find(({ name }) => name === organizationId);
    if (named) return named;
    if (possible.length === 0) {
      throw new IssuerSettingFault(
        `The operator has named no authority of the provider ${provider} in the configuration.`,
      );
    }
    if (possible.length === 1 && (organizationId === null || !choosesByName.includes(provider))) return possible[0]!;
    const names = possible.map(({ name }) => name).join(', ');
    throw new IssuerSettingFault(`The organization id names the authority: one of ${names}.`);
  }
}

async function buildDigiCert(
  { parts }: Issuers,
  setting: DigiCertSetting,
  { password, organizationId }: IssuerRegistration,
): Promise<Issuer> {
  if (password === null) throw new IssuerSettingFault('DigiCert takes an API key: it is the password of the issuer.');
  // It is sent as a header. A line break that came along from a file would look like an authority that cannot be reached.
  if (!/^[!-~]+$/.test(password)) {
    throw new IssuerSettingFault(
      'The API key of DigiCert has a space, a line break or another character that no key has.',
    );
  }
  if (organizationId !== null && !/^\d{1,15}$/.test(organizationId)) {
    throw new IssuerSettingFault('The organization id of DigiCert is a number.');
  }
  const { DigiCertIssuer } = await import('./digicert.ts');
  return new DigiCertIssuer({
    outgoing: new Outgoing(setting, () => parts.clock.now()),
    apiKey: password,
    organizationId: organizationId === null ? null : Number(organizationId),
    product: setting.product,
  });
}

async function buildGlobalSign(
  { parts }: Issuers,
  setting: GlobalSignSetting,
  { accountId, password }: IssuerRegistration,
): Promise<Issuer> {
  if (accountId === null || password === null) {
    throw new IssuerSettingFault('GlobalSign takes an API key (account id) and its secret (password).');
  }
  const { GlobalSignIssuer } = await import('./globalsign.ts');
  const client = { certificatePem: setting.certificatePem, keyPem: await keyOf(setting) };
  return new GlobalSignIssuer({
    outgoing: new Outgoing({ ...setting, client }, () => parts.clock.now()),
    base: new URL(setting.url).pathname.replace(/\/$/, ''),
    apiKey: accountId,
    apiSecret: password,
    clock: parts.clock,
  });
}

async function keyOf({ keyFile, name }: GlobalSignSetting): Promise<string> {
  try {
    return await readFile(keyFile, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new IssuerSettingFault(`The file ${keyFile} of ${name} cannot be read: ${code}.`);
  }
}

async function buildOwn(
  { parts }: Issuers,
  setting: OwnAuthoritySetting,
  registration: IssuerRegistration,
): Promise<Issuer> {
  const [{ OwnIssuer }, { VaultAuthority }] = await Promise.all([
    import('./authority/own-issuer.ts'),
    import('./authority/vault-authority.ts'),
  ]);
  return new OwnIssuer(new VaultAuthority(parts, setting), parts.clock, registration.id);
}

/** Providers whose authorities know no organizations, so that the id is free to name the authority. */
const choosesByName: readonly string[] = ['ACME', 'StrongroomCA'];

async function buildAcme(registry: Issuers, setting: AcmeSetting, registration: IssuerRegistration): Promise<Issuer> {
  const [{ AcmeIssuer }, { sealedAccount }] = await Promise.all([
    import('./acme/acme-issuer.ts'),
    import('./acme/account.ts'),
  ]);
  const { accountId, password, id } = registration;
  if ((accountId === null) !== (password === null)) {
    throw new IssuerSettingFault('An account binding has both a key id (account id) and an HMAC key (password).');
  }
  const { parts } = registry;
  const { directoryUrl, caPem, contacts } = setting;
  return new AcmeIssuer({
    outgoing: new Outgoing({ url: directoryUrl, caPem }, () => parts.clock.now()),
    terms: {
      directoryUrl,
      contacts,
      binding: accountId === null || password === null ? null : { keyId: accountId, hmacKey: password },
    },
    // Another directory or another binding is another account.
    account: sealedAccount(parts, `${id}/${digestOf(`${directoryUrl} ${accountId ?? ''}`)}`),
    solver: await registry.solverOf(setting),
  });
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
