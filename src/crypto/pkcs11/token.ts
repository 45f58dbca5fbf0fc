import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Log } from '../../base/ports.ts';
import { KeyInputFault, KeyObjectFault, KeyTokenFault, KeyUnsupportedFault } from '../key-provider.ts';
import type {
  AnswerMessage,
  RequestMessage,
  TokenAnswers,
  TokenFacts,
  TokenFailure,
  TokenRequest,
  TokenSelector,
} from './messages.ts';

/** How a token is reached. */
export interface TokenSettings {
  /** Path of the PKCS #11 library. */
  readonly module: string;
  readonly selector: TokenSelector;
  /** The PIN, read anew for each connection and kept by nobody. @throws an error whose message is for the operator */
  readonly readPin: () => string;
  /** Sessions, and so operations at once; 1 to 64. */
  readonly sessions: number;
  /** The directory from which the package `pkcs11js` is found. */
  readonly bindingDirectory: string;
  /** The variables that the module sees. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The label of the trusted key under which new keys may be backed up; null where they never leave the token. */
  readonly backupKey: string | null;
  /** A call that takes longer is given up, and the connection with it. */
  readonly timeoutSeconds: number;
}

/** What is known of a token, for whoever looks after it; no secret. */
export interface TokenState {
  readonly state: 'connected' | 'absent' | 'not asked yet';
  readonly label?: string;
  readonly serial?: string;
  readonly model?: string;
  /** Why it is absent. */
  readonly reason?: string;
}

/** Requests that change nothing in the token: they may be asked again over a new connection. */
const repeatable: readonly TokenRequest['op'][] = ['use', 'transport', 'random', 'look'];
/** How long an absent token is left alone: each attempt starts a process. */
const PAUSES_MS = [0, 250, 500, 1000, 2000, 5000];
/**
 * A token that has no such object is looked at afresh, for that may be the last view of one that was taken away; but not at once
 * again, and rarely where it had been removed from a token that is there.
 */
const LOOK_AGAIN_MS = 1000;
const LOOK_RARELY_MS = 60_000;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** A request that failed, before it is known whose fault it is. */
class Failed extends Error {
  readonly failure: TokenFailure;
  constructor(failure: TokenFailure, reason: string) {
    super(reason);
    this.name = 'Failed';
    this.failure = failure;
  }
}

/** A process that is connected to the token. */
interface Connection {
  readonly child: ChildProcess;
  readonly waiting: Map<number, Waiting>;
  readonly facts: TokenFacts;
}

/**
 * A PKCS #11 token, talked to by a process of its own. One that is taken away, hangs or crashes takes that process with it alone: what
 * was under way is refused or, where it changes nothing, asked once more over a new connection, which the next use makes.
 */
export class Token {
  readonly #settings: TokenSettings;
  readonly #log: Log;
  #connection: Promise<Connection> | null = null;
  /** The process of {@link #connection}, known before it is connected. */
  #child: ChildProcess | null = null;
  #facts: TokenFacts | null = null;
  #reason: string | null = null;
  #failures = 0;
  #nextAttempt = 0;
  #nextLook = 0;
  #numbers = 0;
  #isClosed = false;
  /** Digest of a PIN that the token refused. */
  #refusedPin: string | null = null;

  constructor(settings: TokenSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
  }

  /** The label of the trusted key, where keys may be backed up. */
  get backupKey(): string | null {
    return this.#settings.backupKey;
  }

  /** What was last known of it; nothing is asked. */
  state(): TokenState {
    if (this.#reason !== null) return { ...about(this.#facts), state: 'absent', reason: this.#reason };
    return { ...about(this.#facts), state: this.#facts ? 'connected' : 'not asked yet' };
  }

  /**
   * Looks whether it is there, so that {@link state} tells it before a key is needed. One that nobody has used yet is left alone; one that was
   * lost is connected anew, by the same rules as for a use.
   */
  async look(): Promise<void> {
    if (this.#facts === null && this.#reason === null) return;
    // What is wrong is in the state, and in the log once.
    await this.ask<'look'>({ op: 'look' }).catch(() => {});
  }

  /** The token, connected. @throws KeyTokenFault */
  async facts(): Promise<TokenFacts> {
    return (await this.#connected()).facts;
  }

  /**
   * Asks the token.
   * @throws KeyInputFault, KeyUnsupportedFault, KeyTokenFault
   */
  async ask<Op extends Exclude<TokenRequest['op'], 'open'>>(
    request: Extract<TokenRequest, { op: Op }>,
  ): Promise<TokenAnswers[Op]> {
    const connection = await this.#connected();
    try {
      return (await this.#post(connection, request)) as TokenAnswers[Op];
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      const isWorthAnotherLook =
        error.failure === 'lost' || (error.failure === 'missing' && performance.now() >= this.#nextLook);
      if (!isWorthAnotherLook) throw faultOf(error);
      this.#give(connection, error.message);
      if (!repeatable.includes((request as TokenRequest).op)) throw faultOf(error);
    }
    const renewed = await this.#connected();
    try {
      return (await this.#post(renewed, request)) as TokenAnswers[Op];
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      if (error.failure === 'lost') this.#give(renewed, error.message);
      if (error.failure === 'missing') this.#nextLook = performance.now() + LOOK_RARELY_MS;
      throw faultOf(error);
    }
  }

  /**
   * Destroys objects, and forgets none that is only out of sight: where the connection sees nothing, one that begins now is asked.
   * @throws KeyTokenFault
   */
  async destroy(serial: string, id: string): Promise<void> {
    const request = { op: 'destroy', id } as const;
    if ((await this.ask<'destroy'>(request)) > 0) return;
    await this.#apart({ pin: this.#readPin(), isOfficer: false }, request, serial);
  }

  /**
   * Makes the trusted key under which keys may be backed up (the setting `backupKey`), as the token's security officer.
   * @throws KeyUnsupportedFault where there is one already, KeyTokenFault
   */
  async makeWrappingKey(officerPin: string): Promise<void> {
    const { backupKey } = this.#settings;
    if (backupKey === null) throw new KeyUnsupportedFault('The configuration names no backupKey.');
    await this.#apart({ pin: officerPin, isOfficer: true }, { op: 'make-wrapping-key', label: backupKey }, null);
  }

  /** Asks over a connection of its own, which begins and ends with it. */
  async #apart(
    as: { readonly pin: string; readonly isOfficer: boolean },
    request: TokenRequest,
    serial: string | null,
  ): Promise<void> {
    const half = this.#fork();
    try {
      const facts = await this.#open(half, { ...as, sessions: 1 });
      if (serial !== null && facts.serial !== serial)
        throw new KeyTokenFault(`The token ${serial} is not the one configured.`);
      await this.#post(half, request);
    } catch (error) {
      throw error instanceof Failed ? faultOf(error) : error;
    } finally {
      half.child.kill('SIGKILL');
    }
  }

  /** Ends the connection for good; what is under way is refused. */
  close(): void {
    this.#isClosed = true;
    void this.#connection?.then((connection) => this.#give(connection, 'The server stops.')).catch(() => {});
  }

  #connected(): Promise<Connection> {
    if (this.#connection) return this.#connection;
    if (this.#isClosed) return Promise.reject(new KeyTokenFault('The server stops.'));
    if (performance.now() < this.#nextAttempt) {
      return Promise.reject(new KeyTokenFault(this.#reason ?? 'The token is absent.'));
    }
    const attempt = this.#connect();
    this.#connection = attempt;
    attempt.catch((error: Error) => {
      if (this.#connection === attempt) this.#connection = null;
      this.#rest(error.message);
    });
    return attempt;
  }

  async #connect(): Promise<Connection> {
    const pin = this.#readPin();
    const half = this.#fork();
    this.#child = half.child;
    const facts = await this.#open(half, { pin, sessions: this.#settings.sessions, isOfficer: false });
    this.#welcome(facts);
    return { ...half, facts };
  }

  #fork(): Pick<Connection, 'child' | 'waiting'> {
    const { sessions, environment } = this.#settings;
    const child = fork(new URL(import.meta.url.replace(/[^/]+(\.\w+)$/, 'token-process$1')), {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // Nothing of this process's own: a debugger's port, a profiler, a preload.
      execArgv: [],
      env: { ...environment, UV_THREADPOOL_SIZE: String(sessions) },
    });
    const waiting = new Map<number, Waiting>();
    const half = { child, waiting };
    child.on('message', (message: AnswerMessage) => settle(waiting, message));
    child.on('error', (error) => this.#end(half, `The token's process cannot be started: ${error.message}.`));
    child.on('exit', (code, signal) => this.#end(half, `The token's process ended: ${signal ?? `exit code ${code}`}.`));
    // A server that ends, or does not come up, ends without a word to the token; requests under way have timers.
    child.unref();
    child.channel?.unref();
    return half;
  }

  async #open(
    half: Pick<Connection, 'child' | 'waiting'>,
    as: { readonly pin: string; readonly sessions: number; readonly isOfficer: boolean },
  ): Promise<TokenFacts> {
    const { module, selector, bindingDirectory } = this.#settings;
    try {
      return (await this.#post(half, { op: 'open', module, selector, bindingDirectory, ...as })) as TokenFacts;
    } catch (error) {
      half.child.kill('SIGKILL');
      if (error instanceof Failed && error.failure === 'pin' && !as.isOfficer) this.#refusedPin = digestOf(as.pin);
      throw new KeyTokenFault((error as Error).message, { cause: error });
    }
  }

  /** @throws KeyTokenFault also where the token refused this PIN before: a few more attempts, and most tokens lock themselves */
  #readPin(): string {
    let pin: string;
    try {
      pin = this.#settings.readPin();
    } catch (error) {
      throw new KeyTokenFault((error as Error).message, { cause: error });
    }
    if (this.#refusedPin !== digestOf(pin)) return pin;
    throw new KeyTokenFault(
      'The token refused the PIN, which is not tried again before it is another, or the next start.',
    );
  }

  #welcome(facts: TokenFacts): void {
    if (this.#reason !== null) this.#log.info('The key token is there again.', about(facts));
    this.#facts = facts;
    this.#reason = null;
    this.#failures = 0;
    this.#nextAttempt = 0;
    this.#nextLook = Math.max(this.#nextLook, performance.now() + LOOK_AGAIN_MS);
  }

  /** Leaves the token alone for a while, the longer the more often it was not there. */
  #rest(reason: string): void {
    if (this.#isClosed) return;
    if (this.#reason === null) {
      this.#log.error('The key token cannot be used: keys of hardware types are refused until it is back.', { reason });
    }
    this.#reason = reason;
    this.#failures = Math.min(this.#failures + 1, PAUSES_MS.length - 1);
    this.#nextAttempt = performance.now() + PAUSES_MS[this.#failures]!;
  }

  #post({ child, waiting }: Pick<Connection, 'child' | 'waiting'>, request: TokenRequest): Promise<unknown> {
    const { timeoutSeconds: seconds } = this.#settings;
    return new Promise<unknown>((resolve, reject) => {
      const number = ++this.#numbers;
      const giveUp = () => {
        waiting.delete(number);
        reject(new Failed('lost', `The token gave no answer within ${seconds} seconds.`));
      };
      const timer = setTimeout(giveUp, seconds * 1000);
      waiting.set(number, { resolve, reject, timer });
      child.send({ number, request } satisfies RequestMessage, (error) => {
        if (!error || !waiting.delete(number)) return;
        clearTimeout(timer);
        reject(new Failed('lost', "The token's process does not take requests."));
      });
    });
  }

  /** Gives a connection up: whatever state its process is in ends with it. */
  #give(connection: Connection, reason: string): void {
    connection.child.kill('SIGKILL');
    this.#end(connection, reason);
  }

  #end({ child, waiting }: Pick<Connection, 'child' | 'waiting'>, reason: string): void {
    // First this: whoever is refused below asks at once for another connection.
    if (this.#child === child) this.#connection = null;
    for (const [number, { reject, timer }] of waiting) {
      clearTimeout(timer);
      waiting.delete(number);
      reject(new Failed('lost', reason));
    }
  }
}

function settle(waiting: Map<number, Waiting>, message: AnswerMessage): void {
  const one = waiting.get(message.number);
  if (!one) return;
  clearTimeout(one.timer);
  waiting.delete(message.number);
  if ('failure' in message) one.reject(new Failed(message.failure, message.reason));
  else one.resolve(message.answer);
}

function faultOf({ failure, message }: Failed): Error {
  switch (failure) {
    case 'input':
      return new KeyInputFault('The value does not fit the key and the algorithm.', { cause: message });
    case 'unsupported':
      return new KeyUnsupportedFault(message);
    case 'missing':
      return new KeyObjectFault('The token answers, but has no such object: it was removed from it.');
    default:
      return new KeyTokenFault(message);
  }
}

function digestOf(pin: string): string {
  return createHash('sha256').update(pin).digest('hex');
}

function about(facts: TokenFacts | null): Pick<TokenState, 'label' | 'serial' | 'model'> {
  return facts ? { label: facts.label, serial: facts.serial, model: facts.model } : {};
}
