import { type Access, type Admission, callerFacts, type ObjectScope, vaultFacts } from '../access/authorise.ts';
import { activityRow } from '../audit/activity.ts';
import { auditEntry } from '../audit/record.ts';
import { endOfTurn } from '../base/end-of-turn.ts';
import { newRequestId } from '../base/ids.ts';
import type { Clock, Log, Random } from '../base/ports.ts';
import type { Authentication, Caller } from '../identity/caller.ts';
import { judgeAddress, type NetworkVerdict } from '../network/rules.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { JournalEntry, Session, Transaction } from '../store/port.ts';
import type { Store } from '../store/store.ts';
import type { Check, CheckName, Facts } from './decision.ts';
import type { Incoming } from './incoming.ts';
import type { Answer, Call } from './operation.ts';
import { checkSubscriptionId, checkVersion } from './versions.ts';

/** A body that comes later than this after its head is late: what was judged then is judged again. */
const LATE_MS = 100;

type Awaitable<T> = T | Promise<T>;

/** What the pipeline is made of. */
export interface PipelineParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly access: Access;
  readonly tenantId: string;
  readonly acceptNewerApiVersions: boolean;
  /** Refuses what a management lock forbids. @throws Refusal `scope-locked` */
  readonly assertUnlocked: (session: Session, action: string, scope: string) => Promise<void>;
  readonly findVault: (nameKey: string) => Awaitable<Vault | null>;
  /** A vault that was found before, as the transaction sees it now: live, deleted, or gone. */
  readonly refreshVault: (session: Session, vault: Vault) => Promise<Vault | null>;
  readonly authenticate: (
    header: string | undefined,
    plane: 'data' | 'management' | 'graph' | 'logs',
    expectedTenant: string,
    now: number,
  ) => Awaitable<Authentication>;
}

/** The state of one request on its way through the checks; it gathers the decision. */
export class Passage {
  readonly requestId: string;
  readonly incoming: Incoming;
  readonly time: number;
  apiVersion = '';
  caller: Caller | null = null;
  vault: Vault | null = null;
  admission: Admission | null = null;
  network: NetworkVerdict | null = null;
  notes: Facts | null = null;
  isWellFormed = false;
  isRecorded = false;

  constructor(requestId: string, incoming: Incoming, time: number) {
    this.requestId = requestId;
    this.incoming = incoming;
    this.time = time;
  }

  /** The checks passed so far with their evidence; made when somebody asks, which is when a request is refused. */
  passed(): readonly Check[] {
    const { vault, caller, network, admission, incoming } = this;
    const checks: Check[] = [];
    const add = (check: CheckName, facts: Facts) => checks.push({ check, outcome: 'passed', facts });
    if (vault) add('vault', vaultFacts(vault));
    if (caller) {
      const { oid, appId, tokenId, issuer, outsideSubject } = caller;
      const outside = outsideSubject === undefined ? {} : { issuer, subject: outsideSubject };
      add('authenticate', { oid, appid: appId, tokenId, ...outside });
    }
    if (this.isWellFormed) add('request', { operation: incoming.operation.id, apiVersion: this.apiVersion });
    if (network?.allowed) {
      add('network', {
        address: incoming.clientAddress,
        by: network.by,
        ...(network.rule ? { rule: network.rule } : {}),
      });
    }
    if (admission) add('authorise', admission.facts);
    return checks;
  }
}

/** The one way of every request: checks in their order, the service function, the audit record, the answer. */
export class Pipeline {
  readonly #parts: PipelineParts;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  /** Begins a request. */
  begin(incoming: Incoming): Passage {
    const now = this.#parts.clock.now();
    return new Passage(newRequestId(this.#parts.random, now), incoming, now);
  }

  /**
   * The checks that come before the body is read: vault, authentication, the request's form, network, authorisation.
   * @throws Refusal
   */
  admit(passage: Passage): Promise<void> {
    return this.#judge(passage, passage.time);
  }

  /**
   * The same once more where the body came late: what was taken away meanwhile counts, however slowly a body is sent.
   * @throws Refusal
   */
  async admitBody(passage: Passage): Promise<void> {
    const now = this.#parts.clock.now();
    if (now - passage.time >= LATE_MS) await this.#judge(passage, now);
  }

  async #judge(passage: Passage, now: number): Promise<void> {
    const { operation, host } = passage.incoming;
    if (host.plane === 'data') await this.#findVault(passage);
    if (operation.need.kind !== 'anonymous') await this.#authenticate(passage, now);
    passage.apiVersion = checkVersion(passage.incoming, this.#parts.acceptNewerApiVersions);
    checkSubscriptionId(passage.incoming);
    const object = readObject(passage.incoming);
    passage.isWellFormed = true;
    if (passage.vault) judgeNetwork(passage, passage.vault);
    const admitted = this.#authorise(passage, object);
    if (admitted) passage.admission = await admitted;
    await this.#assertUnlocked(this.#parts.store.reader, passage);
  }

  /**
   * Runs the service function of an admitted request; the answer is durable in the audit log when this resolves.
   * @throws Refusal, which the caller hands to {@link refuse}
   */
  async execute(passage: Passage, body: Readonly<Record<string, unknown>> | null): Promise<Answer> {
    const { operation } = passage.incoming;
    // The requests that one turn of the event loop brings are first all let in, then all served: each half finds the processor's
    // caches as the request before it left them.
    await endOfTurn();
    const answer = await operation.run(this.#call(passage, body));
    if (!passage.isRecorded && !operation.unaudited) {
      await this.#record(this.#entry(passage, answer.status, answer, answer.refusal ?? null));
    }
    return answer;
  }

  /** Records a refused request (or a fault, as `internal`) and gives back what is to be told. */
  async refuse(passage: Passage, error: unknown): Promise<Refusal> {
    const refusal = this.#asRefusal(passage, error);
    const { operation } = passage.incoming;
    if (operation.unaudited || passage.isRecorded || refusal.code === 'audit-unavailable') return refusal;
    try {
      await this.#record(this.#entry(passage, refusal.status, null, refusal));
      return refusal;
    } catch (fault) {
      return fault instanceof Refusal ? fault : refusal;
    }
  }

  async #findVault(passage: Passage): Promise<void> {
    const name = passage.incoming.host.vaultKey;
    const found = this.#parts.findVault(name);
    const vault = found instanceof Promise ? await found : found;
    passage.vault = liveVault(name, vault);
  }

  async #authenticate(passage: Passage, now: number): Promise<void> {
    const { plane } = passage.incoming.operation;
    if (plane === 'login' || plane === 'imds') return;
    const header = passage.incoming.headers['authorization'] as string | undefined;
    const tenant = passage.vault?.tenantId ?? this.#parts.tenantId;
    const pending = this.#parts.authenticate(header, plane, tenant, now);
    const result = pending instanceof Promise ? await pending : pending;
    if ('refusal' in result) {
      const url = passage.incoming.host.origin + passage.incoming.path.slice(0, 200);
      throw new Refusal(result.refusal, { url, resource: audienceOf(passage.incoming), tenant, ...result.facts });
    }
    passage.caller = result.caller;
  }

  #authorise(passage: Passage, object: ObjectScope | null): Awaitable<Admission> | null {
    const { need } = passage.incoming.operation;
    const { caller, vault } = passage;
    if (!caller) return null;
    switch (need.kind) {
      case 'data':
        return vault && this.#parts.access.authoriseData(caller, vault, need, object);
      case 'management':
        return this.#parts.access.authoriseManagement(caller, need.action, need.scope(passage.incoming.parameters));
      case 'directory':
        if (need.write === true && caller.directoryRole !== 'Global Administrator') {
          throw new Refusal('directory-forbidden', callerFacts(caller));
        }
        return null;
      default:
        return null;
    }
  }

  async #assertUnlocked(session: Session, { incoming }: Passage): Promise<void> {
    const { need } = incoming.operation;
    if (need.kind !== 'management') return;
    await this.#parts.assertUnlocked(session, need.action, need.scope(incoming.parameters));
  }

  #call(passage: Passage, body: Readonly<Record<string, unknown>> | null): Call {
    const { incoming } = passage;
    return {
      requestId: passage.requestId,
      operation: incoming.operation,
      time: passage.time,
      origin: incoming.host.origin,
      port: incoming.host.port,
      path: incoming.path,
      parameters: incoming.parameters,
      query: incoming.query,
      headers: incoming.headers,
      apiVersion: passage.apiVersion,
      clientAddress: incoming.clientAddress,
      caller: passage.caller,
      vault: passage.vault,
      body,
      note: (facts) => {
        passage.notes = { ...passage.notes, ...facts };
      },
      commit: async (work) => {
        const answer = await this.#commit(passage, work);
        passage.isRecorded = true;
        return answer;
      },
      commitStep: (step, work) => this.#commit(this.#stepOf(passage, step), work),
    };
  }

  async #commit(passage: Passage, work: (transaction: Transaction) => Promise<Answer>): Promise<Answer> {
    return this.#parts.store.write(async (transaction) => {
      // Once more, since a lock may have come between: what is locked is not changed after its lock was answered.
      await this.#assertUnlocked(transaction, passage);
      // A vault that was deleted or purged meanwhile, perhaps by another node, takes nothing in.
      if (passage.vault) liveVault(passage.vault.nameKey, await this.#parts.refreshVault(transaction, passage.vault));
      const result = await work(transaction);
      transaction.record(this.#entry(passage, result.status, result, null));
      return result;
    });
  }

  /** The passage under another id, as whose step something is recorded. */
  #stepOf(passage: Passage, step: string): Passage {
    const { random, clock } = this.#parts;
    const part = new Passage(newRequestId(random, clock.now()), passage.incoming, passage.time);
    const { apiVersion, caller, vault, admission } = passage;
    return Object.assign(part, { apiVersion, caller, vault, admission, notes: { step, partOf: passage.requestId } });
  }

  async #record(entry: JournalEntry): Promise<void> {
    try {
      await this.#parts.store.append(entry);
    } catch (error) {
      this.#parts.log.error('An audit record could not be written.', { reason: (error as Error).message });
      throw new Refusal('audit-unavailable', {}, { cause: error });
    }
  }

  #asRefusal(passage: Passage, error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    const { code } = (error ?? {}) as { code?: unknown };
    if (code === 'store-closed' || code === 'store-unreachable' || code === 'store-busy')
      return new Refusal('audit-unavailable', {}, { cause: error });
    const { requestId } = passage;
    if (code === 'key-provider-unavailable' || code === 'key-token-unavailable' || code === 'key-token-lacks')
      return new Refusal(code, { requestId, reason: (error as Error).message }, { cause: error });
    const refusal = code === 'envelope-unreadable' ? 'vault-key-missing' : 'internal';
    this.#parts.log.error('A request failed.', {
      requestId,
      operation: passage.incoming.operation.id,
      error: error instanceof Error ? (error.stack ?? error.message) : typeof error,
    });
    return new Refusal(refusal, { requestId }, { cause: error });
  }

  #entry(passage: Passage, status: number, answer: Answer | null, refusal: Refusal | null): JournalEntry {
    const { incoming, admission } = passage;
    const anonymous = refusal?.check === 'authenticate';
    const audit = answer?.audit ?? null;
    const recorded = this.#parts.clock.now();
    const activity = this.#activity(passage, recorded, status, answer, refusal);
    const entry = auditEntry({
      time: passage.time,
      recorded,
      requestId: passage.requestId,
      operationName: anonymous ? 'Authentication' : (incoming.operation.audit ?? incoming.operation.id),
      operationVersion: passage.apiVersion,
      method: incoming.method,
      status,
      description: refusal?.message ?? '',
      callerIpAddress: incoming.clientAddress,
      tlsVersion: incoming.tlsVersion,
      clientInfo: header(incoming, 'user-agent'),
      clientRequestId: header(incoming, 'x-ms-client-request-id'),
      url: incoming.host.origin + incoming.path.slice(0, 2048),
      caller: passage.caller,
      vault: passage.vault,
      resourceId: `/tenants/${this.#parts.tenantId}`,
      subject: answer?.subject ?? subjectOf(incoming),
      assignmentId: admission?.assignmentId ?? null,
      isPolicyMatch: admission?.by === 'policy',
      audit: passage.notes ? { ...audit, ...passage.notes } : audit,
      refusal: refusal && { code: refusal.code, checks: [...passage.passed(), refusedCheck(refusal)] },
    });
    return activity ? { ...entry, activity } : entry;
  }

  #activity(passage: Passage, recorded: number, status: number, answer: Answer | null, refusal: Refusal | null) {
    const { incoming, caller } = passage;
    const { need } = incoming.operation;
    if (need.kind !== 'management' || !caller) return null;
    return activityRow({
      time: passage.time,
      recorded,
      requestId: passage.requestId,
      clientRequestId: header(incoming, 'x-ms-client-request-id').slice(0, 128),
      method: incoming.method,
      url: incoming.host.origin + incoming.path.slice(0, 2048),
      clientAddress: incoming.clientAddress,
      caller,
      tenantId: this.#parts.tenantId,
      action: need.action,
      scope: need.scope(incoming.parameters),
      subject: answer?.subject ?? null,
      status,
      refusal,
    });
  }
}

function refusedCheck({ check, code, facts }: Refusal): Check {
  return { check, outcome: 'refused', code, facts };
}

function judgeNetwork(passage: Passage, vault: Vault): void {
  const { clientAddress } = passage.incoming;
  const verdict = judgeAddress(vault.settings, clientAddress);
  if (!verdict.allowed) {
    throw new Refusal(verdict.reason, {
      ...vaultFacts(vault),
      ...(passage.caller ? callerFacts(passage.caller) : {}),
      address: clientAddress,
      rules: vault.settings.networkAcls.ipRules.length,
      defaultAction: vault.settings.networkAcls.defaultAction,
    });
  }
  passage.network = verdict;
}

/** The object an operation is about, its name's form checked before any right to it is. */
function readObject({ operation, parameters }: Incoming): ObjectScope | null {
  if (operation.plane !== 'data') return null;
  const { name, version } = parameters;
  if (name !== undefined && !/^[0-9a-zA-Z-]{1,127}$/.test(name)) {
    throw new Refusal('name-invalid', { name: name.slice(0, 200) });
  }
  if (version !== undefined && !/^[0-9a-zA-Z]{1,64}$/.test(version)) {
    throw new Refusal('name-invalid', { name: version.slice(0, 200) });
  }
  if (operation.need.kind !== 'data' || operation.need.object === undefined || name === undefined) return null;
  return { kind: operation.need.object, name };
}

/** The resource that a token for this host is asked for. */
function audienceOf({ host, operation }: Incoming): string {
  if (operation.plane !== 'data') return host.origin;
  return `https://${host.host.slice(host.host.indexOf('.') + 1)}${host.port}`;
}

function subjectOf({ host, operation, parameters }: Incoming): string {
  if (operation.plane !== 'data' || parameters['name'] === undefined) return host.origin;
  return `${host.origin}/${operation.path.split('/')[1]}/${parameters['name']}`;
}

function header({ headers }: Incoming, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

/** The vault, where it is there and live. @throws Refusal `vault-not-found`, `vault-deleted` */
function liveVault(name: string, vault: Vault | null): Vault {
  if (!vault) throw new Refusal('vault-not-found', { vault: name });
  if (vault.deleted === null) return vault;
  throw new Refusal('vault-deleted', {
    vault: vault.name,
    location: vault.location,
    deleted: new Date(vault.deleted).toISOString(),
    purge: new Date(vault.purgeAt ?? 0).toISOString(),
  });
}
