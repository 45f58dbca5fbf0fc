import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { jobEntry } from './audit/job-entry.ts';
import type { Clock, Log, Random } from './base/ports.ts';
import type { Config } from './config.ts';
import { Keyring } from './crypto/keyring.ts';
import type { Token } from './crypto/pkcs11/token.ts';
import { storedSealKind } from './crypto/root-keys.ts';
import { createKeyFile, openKeyFile, type Seal, SealFault } from './crypto/seal.ts';
import { isTokenAbsent, openWithToken } from './crypto/seals/await-token.ts';
import { readDescription } from './crypto/seals/description.ts';
import { readSealOrder, SealDrafts } from './crypto/seals/make-seal.ts';
import { newPassphraseSeal, openPassphraseSeal, readPassphraseFile } from './crypto/seals/passphrase.ts';
import { Unsealing } from './crypto/seals/unsealing.ts';
import type { ControlRoutes } from './http/control.ts';
import { type Listener, listen } from './http/listen.ts';
import { sealedFront } from './http/sealed.ts';
import type { Store } from './store/store.ts';
import { operatorCertificate, unvouchedCertificate } from './tls/server-certificate.ts';

/** What is told where a server waits for an operator. */
export interface SealedServer {
  /** `sealed`; `uninitialised` where there is no root key yet. */
  readonly state: 'sealed' | 'uninitialised';
  readonly kind: string;
  readonly port: number;
  /** SHA-256 of the certificate that is shown meanwhile, hexadecimal with colons. */
  readonly certificateSha256: string;
  /** Why it does not open by itself, where it would; it does once that is mended. */
  readonly reason?: string;
}

/** What opening the keys at the start takes. */
export interface SealedParts {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly machineClock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The passphrase from the environment, where there is one. */
  readonly sealPassphrase?: string | undefined;
  /** The token that the configuration names, or null. */
  readonly device: Token | null;
  /** Called when the server listens, sealed. */
  readonly onSealed?: ((sealed: SealedServer) => void) | undefined;
  /** Ends the waiting. */
  readonly stopped?: Promise<void> | undefined;
  /** What the control endpoint can do from now on. */
  readonly useRoutes: (routes: ControlRoutes) => void;
}

/** The keys, and what was already listening for them. */
export interface Opened {
  readonly keyring: Keyring;
  /** The listener that refused while the server was sealed, and how it gets another handler. */
  readonly waiting: { readonly listener: Listener; readonly use: (handler: Handler) => void } | null;
  /** How an operator opened it; null where it opened by itself. */
  readonly unsealed: { readonly kind: string; readonly wrongAttempts: number } | null;
}

type Handler = Parameters<typeof listen>[0];

/**
 * Opens the keys with the configured seal: at once where the machine has what that takes, else once operators have brought it, or the token
 * of the seal is there.
 * @returns null where the waiting was ended
 * @throws SealFault, ListenFault
 */
export async function openKeys(parts: SealedParts, store: Store): Promise<Opened | null> {
  for (let attempt = 1; ; attempt++) {
    const stored = await storedSealKind(store.reader);
    const seal = await sealAtHand(parts, store, stored);
    if (!seal) return untilOpened(parts, store, stored, null);
    try {
      const keyring = await Keyring.open(store, seal, parts.random, parts.clock.now());
      return { keyring, waiting: null, unsealed: null };
    } catch (error) {
      if (isTokenAbsent(error)) return untilOpened(parts, store, stored, { seal, reason: error.message });
      // Two nodes that start at once on an empty database with one passphrase: the second takes the salt of the first.
      if (stored !== null || attempt > 1 || !(error instanceof SealFault)) throw error;
    }
  }
}

/**
 * That the configuration names the seal which the data has.
 * @throws SealFault `seal-wrong`
 */
export function assertConfiguredSeal(config: Config, stored: string | null): void {
  if (stored === null || stored === config.seal.kind) return;
  throw new SealFault(
    'seal-wrong',
    `This data is sealed by '${stored}', but the configured seal is '${config.seal.kind}'. ` +
      `Configure the seal it was made with, or was changed to: "seal": "${stored}". Nothing was changed.`,
  );
}

/** The seal where it needs nobody; null where an operator has to bring something. */
async function sealAtHand(
  { config, random, sealPassphrase, device }: SealedParts,
  store: Store,
  stored: string | null,
): Promise<Seal | null> {
  assertConfiguredSeal(config, stored);
  const { kind, passphraseFile } = config.seal;
  if (kind === 'shamir') return null;
  if (kind === 'pkcs11') {
    const description = await readDescription(store.reader);
    if (stored === null) return null;
    const { openTokenSeal } = await import('./crypto/seals/token-seal.ts');
    if (description?.kind === 'pkcs11' && device) return openTokenSeal(description, device, random);
    throw descriptionMissing();
  }
  if (kind === 'key-file') {
    // Data without its seal key is a fault, told when it is opened.
    if (stored === null && !existsSync(config.sealKeyFile)) createKeyFile(config.sealKeyFile, random);
    return openKeyFile(config.sealKeyFile, random);
  }
  const passphrase = sealPassphrase ?? (passphraseFile === null ? null : readPassphraseFile(passphraseFile));
  if (passphrase === null) return null;
  const description = await readDescription(store.reader);
  return description?.kind === 'passphrase'
    ? openPassphraseSeal(description, passphrase, random)
    : newPassphraseSeal(passphrase, random);
}

async function untilOpened(
  parts: SealedParts,
  store: Store,
  stored: string | null,
  absent: Absent | null,
): Promise<Opened | null> {
  const { config, log } = parts;
  const certificate = config.tls
    ? operatorCertificate(config.tls)
    : await unvouchedCertificate(config.domain, parts.machineClock.now());
  const { kind } = config.seal;
  let handler: Handler = sealedFront({ ...parts, domain: config.domain, kind }, parts);
  const listener = await listen(
    (request, response) => handler(request, response),
    config.addresses,
    config.port,
    certificate.server,
  );
  const sealed: SealedServer = {
    state: stored === null ? 'uninitialised' : 'sealed',
    kind,
    port: listener.port,
    certificateSha256: new X509Certificate(certificate.server.certificatePem).fingerprint256,
    ...(absent && { reason: absent.reason }),
  };
  const { promise, resolve, reject } = Promise.withResolvers<Omit<Opened, 'waiting'>>();
  const ended = new AbortController();
  let opened: Omit<Opened, 'waiting'> | null = null;
  try {
    if (absent) parts.useRoutes(tokenRoutes(parts, store, { sealed, absent, signal: ended.signal, resolve, reject }));
    else if (stored === null) parts.useRoutes(initialRoutes(parts, store, sealed, resolve));
    else parts.useRoutes(await sealedRoutes(parts, store, sealed, resolve));
    log.info('The server is sealed.', { ...sealed });
    parts.onSealed?.(sealed);
    opened = await Promise.race([promise, parts.stopped?.then(() => null) ?? promise]);
  } finally {
    ended.abort();
    if (!opened) await listener.close(0);
  }
  if (!opened) return null;
  const use = (next: Handler) => {
    handler = next;
  };
  return { ...opened, waiting: { listener, use } };
}

/** Records that operators have opened the seal, and after how many wrong attempts. */
export function recordUnsealing(
  parts: Pick<SealedParts, 'clock' | 'random'>,
  store: Store,
  { tenantId }: { readonly tenantId: string },
  unsealed: NonNullable<Opened['unsealed']>,
): Promise<void> {
  const resourceId = `/tenants/${tenantId}`;
  const event = { operationName: 'Unseal', time: parts.clock.now(), vault: null, resourceId };
  return store.append(jobEntry(parts, { ...event, subject: `${resourceId}/seal`, audit: { ...unsealed } }));
}

/** A seal that would open by itself, and why it does not. */
interface Absent {
  readonly seal: Seal;
  readonly reason: string;
}

interface TokenWaiting {
  readonly sealed: SealedServer;
  readonly absent: Absent;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly resolve: Resolve;
  readonly reject: (error: unknown) => void;
}

/** What can be done while the token of the seal is not there: see why. The server goes on by itself when it is. */
function tokenRoutes(
  parts: SealedParts,
  store: Store,
  { sealed, absent, signal, resolve, reject }: TokenWaiting,
): ControlRoutes {
  const { random, clock, log } = parts;
  let { reason } = absent;
  log.error('The token of the seal cannot be used; it is looked for until it can.', { reason });
  openWithToken({
    open: () => Keyring.open(store, absent.seal, random, clock.now()),
    tell: (next) => {
      if (next !== reason) log.error('The token of the seal cannot be used.', { reason: next });
      reason = next;
    },
    pause: (milliseconds) => pause(milliseconds, undefined, { signal }),
  }).then(
    (keyring) => resolve({ keyring, unsealed: null }),
    (error: unknown) => reject(error),
  );
  return { 'GET /seal': async () => ({ ...sealed, reason }) };
}

type Resolve = (opened: Omit<Opened, 'waiting'>) => void;

/** What can be done before there is a root key: make the first, under a seal of the configured kind. */
function initialRoutes(parts: SealedParts, store: Store, sealed: SealedServer, resolve: Resolve): ControlRoutes {
  const drafts = new SealDrafts(parts.random, parts.device);
  return {
    'GET /seal': async () => ({ ...sealed }),
    'POST /seal/draft': async (body) => ({ ...(await drafts.make(readSealOrder({ ...body, to: sealed.kind }))) }),
    'POST /seal/initialise': async ({ id }) => {
      const seal = drafts.take(id);
      const keyring = await Keyring.open(store, seal, parts.random, parts.clock.now());
      setImmediate(resolve, { keyring, unsealed: null });
      return { kind: seal.kind };
    },
  };
}

/** What can be done while the keys are sealed: bring what opens them. */
async function sealedRoutes(
  parts: SealedParts,
  store: Store,
  sealed: SealedServer,
  resolve: Resolve,
): Promise<ControlRoutes> {
  const { clock, random, log } = parts;
  const description = await readDescription(store.reader);
  if (description?.kind !== 'passphrase' && description?.kind !== 'shamir') {
    throw descriptionMissing();
  }
  const open = (seal: Seal) => Keyring.open(store, seal, random, clock.now());
  const unsealing = new Unsealing({ description, clock: parts.machineClock, random, open });
  let isOpen = false;
  return {
    'GET /seal': async () => ({ ...sealed, ...unsealing.progress }),
    'POST /unseal': async ({ secret }) => {
      if (typeof secret !== 'string') throw new SealFault('seal-order-invalid', 'A passphrase or share is expected.');
      let keyring: Keyring | null;
      try {
        keyring = isOpen ? null : await unsealing.give(secret);
      } catch (error) {
        log.warn('An attempt to unseal was refused.', { reason: (error as { code?: string }).code ?? 'fault' });
        throw error;
      }
      if (!keyring) return { state: isOpen ? 'open' : 'sealed', ...unsealing.progress };
      isOpen = true;
      setImmediate(resolve, { keyring, unsealed: { kind: sealed.kind, wrongAttempts: unsealing.wrongAttempts } });
      return { state: 'open' };
    },
    'POST /unseal/forget': async () => {
      unsealing.forget();
      return { ...sealed, ...unsealing.progress };
    },
  };
}

function descriptionMissing(): SealFault {
  return new SealFault('seal-unreadable', 'The description of the seal is missing. Restore it from a backup.');
}
