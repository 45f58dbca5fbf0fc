import type { Caller } from '../identity/caller.ts';
import type { Refusal } from '../refusals/refusal.ts';
import type { Vault } from '../resources/vault.ts';
import type { Transaction } from '../store/port.ts';
import type { Facts } from './decision.ts';

/** The planes, each a set of host names on the one listener (`imds` is the plain-HTTP listener on loopback). */
export type Plane = 'data' | 'management' | 'login' | 'graph' | 'logs' | 'imds';

/** The verbs that rows may have. */
export type Method = 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

/** The kinds of object that access policies speak of. */
export type ObjectKind = 'keys' | 'secrets' | 'certificates' | 'storage';

/** What a caller must hold to be let in. */
export type Need =
  /** Anybody: discovery, tokens, metadata. */
  | { readonly kind: 'anonymous' }
  /** Anyone with a valid token of the plane; the service function narrows what is shown. */
  | { readonly kind: 'authenticated' }
  /** A data action (RBAC) or a permission (access policies) on the vault, or on the object that `:name` names. */
  | {
      readonly kind: 'data';
      readonly dataAction: string;
      readonly permission: { readonly of: ObjectKind; readonly name: string };
      /** The collection whose object `:name` is, where a grant on that object suffices. */
      readonly object?: ObjectKind;
    }
  /** An action at the scope that the path names. */
  | {
      readonly kind: 'management';
      readonly action: string;
      readonly scope: (parameters: Readonly<Record<string, string>>) => string;
    }
  /**
   * Reading the directory is everyone's of the tenant; changing it needs the role Global Administrator, or, where it says
   * `by-service`, what the service function asks of roles and ownership inside the transaction.
   */
  | { readonly kind: 'directory'; readonly write: boolean | 'by-service' };

/** Which limit an operation counts against (Key Vault service limits, 2025). */
export type ThrottleClass = 'none' | 'vault' | 'secret' | 'secret-create' | 'key' | 'key-create' | 'certificate';

/** How the api-version of a request is held against the row. */
export interface ApiVersions {
  /** The versions served, oldest first; empty where the operation takes none. */
  readonly known: readonly string[];
  /** Whether any well-formed date version is served as the newest. */
  readonly anyDate?: boolean;
}

/** One REST operation: routing, authorisation, throttling, audit and documentation derive from it. */
export interface Operation {
  /** Stable and unique, e.g. `SecretGet`; also the audit operation name unless {@link audit} says otherwise. */
  readonly id: string;
  readonly plane: Plane;
  readonly method: Method;
  /**
   * Path template: `:name` takes one segment. Literal segments match in any case; a trailing slash and doubled slashes mean
   * nothing.
   */
  readonly path: string;
  readonly versions: ApiVersions;
  readonly audit?: string;
  readonly need: Need;
  readonly throttle: ThrottleClass;
  /** What the body is: none (ignored where sent), a JSON object, or a form. */
  readonly body: 'none' | 'json' | 'form';
  /** The largest body in bytes; 256 KiB where not set. */
  readonly bodyBytes?: number;
  /** Documented success statuses. */
  readonly success: readonly number[];
  /** Keeps it out of the audit log: discovery and health, which tell nothing and change nothing. */
  readonly unaudited?: boolean;
  readonly run: (call: Call) => Promise<Answer>;
}

/** A request that has passed the checks before its body, as a service function sees it. */
export interface Call {
  readonly requestId: string;
  readonly operation: Operation;
  /** Milliseconds since the Unix epoch at which the request arrived. */
  readonly time: number;
  /** `https://host[:port]` as the caller wrote it; every URL in an answer starts with it. */
  readonly origin: string;
  /** The `:port` the caller wrote, with the colon, or the empty text. */
  readonly port: string;
  readonly path: string;
  /** Decoded path parameters, by the names in the row's template. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Decoded query parameters; the first value where one is repeated. */
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly apiVersion: string;
  readonly clientAddress: string;
  /** Who calls; null for anonymous operations only. */
  readonly caller: Caller | null;
  /** The vault of the host name; null outside the data plane. */
  readonly vault: Vault | null;
  /** The parsed body: a JSON object, the form's fields as strings, or null. */
  readonly body: Readonly<Record<string, unknown>> | null;
  /** Adds evidence to the decision, e.g. what a token request named; shown by `explain`, kept in the audit record. */
  note(facts: Facts): void;
  /**
   * Runs a write and its audit record in one durable transaction. At most once a call, and the work may run again: it
   * must depend on nothing but the transaction. See Committer.write.
   */
  commit(work: (transaction: Transaction) => Promise<Answer>): Promise<Answer>;
  /**
   * The same for a step of an operation that takes several transactions, each whole: with a record of its own, under an id of its
   * own, that names the step and the request. The answer to the request has its record besides.
   */
  commitStep(step: string, work: (transaction: Transaction) => Promise<Answer>): Promise<Answer>;
}

/** What a service function answers. */
export interface Answer {
  readonly status: number;
  /** JSON text is made of it; undefined for an empty body. */
  readonly body?: unknown;
  /** A page for a person, in place of a body. */
  readonly html?: string;
  /** The refusal that the page shows: a page tells a person what JSON tells a program, and the record says the same. */
  readonly refusal?: Refusal;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the audit record says the request was about: the object's id without its version where there is none. */
  readonly subject?: string;
  /** Further members of the audit record's `properties`. */
  readonly audit?: Facts;
}

/** The caller of an operation that is not anonymous. */
export function callerOf(call: Call): Caller {
  if (!call.caller) throw new Error(`${call.operation.id} was reached without a caller.`);
  return call.caller;
}

/** The vault of a data-plane operation. */
export function vaultOf(call: Call): Vault {
  if (!call.vault) throw new Error(`${call.operation.id} was reached without a vault.`);
  return call.vault;
}
