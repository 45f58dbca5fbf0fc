/** What the connections of one load ask for. It crosses a process boundary, so it is data and not a function. */
export type Workload =
  /** The same request every time. */
  | { readonly kind: 'fixed'; readonly path: string; readonly expected: string }
  /** The same POST of a JSON body every time. */
  | { readonly kind: 'post'; readonly path: string; readonly body: string; readonly expected: string }
  /** GET of a secret drawn at random from `count` names of the set `label`. */
  | { readonly kind: 'get-random'; readonly label: string; readonly count: number }
  /** PUT of new names of the set `label`, from number `first` up, at most `count` of them. */
  | { readonly kind: 'put-new'; readonly label: string; readonly first: number; readonly count: number };

/** Where and as whom the requests are sent. */
export interface RequestFrame {
  /** Value of the Host header. */
  readonly host: string;
  /** Bearer token, or null to send no Authorization. */
  readonly token: string | null;
}

/** A source of requests shared by all connections of one load. */
export interface RequestSource {
  /** The next request as it goes on the wire (latin1), or null when the workload is exhausted. */
  next(): string | null;
  /** Text that the body of the answer to the last request must contain. */
  expected(): string;
}

/** The api-version that every request of the benchmark names. */
export const API_VERSION = '7.6';

const NAME_DIGITS = 7;

/** Name number `index` of the set `label`; all names of a set have the same length, so that all answers have. */
export function secretName(label: string, index: number): string {
  return `bench-${label}-${String(index).padStart(NAME_DIGITS, '0')}`;
}

/** Path and query of the secret `name`. */
export function secretPath(name: string): string {
  return `/secrets/${name}?api-version=${API_VERSION}`;
}

/** Path and query of an operation on the key `name`. */
export function keyPath(name: string, operation: string): string {
  return `/keys/${name}/${operation}?api-version=${API_VERSION}`;
}

/** The requests of a workload, in the form that `RequestSource` promises. */
export function requestSource(workload: Workload, frame: RequestFrame): RequestSource {
  switch (workload.kind) {
    case 'fixed':
      return fixedSource(workload.path, workload.expected, frame);
    case 'post':
      return postSource(workload.path, workload.body, workload.expected, frame);
    case 'get-random':
      return randomGetSource(workload.label, workload.count, frame);
    case 'put-new':
      return newPutSource(workload.label, workload.first, workload.count, frame);
  }
}

function fixedSource(path: string, expected: string, frame: RequestFrame): RequestSource {
  const request = `GET ${path} HTTP/1.1\r\n${headers(frame)}\r\n`;
  return { next: () => request, expected: () => expected };
}

function postSource(path: string, body: string, expected: string, frame: RequestFrame): RequestSource {
  const fields = `${headers(frame)}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  const request = `POST ${path} HTTP/1.1\r\n${fields}\r\n${body}`;
  return { next: () => request, expected: () => expected };
}

function randomGetSource(label: string, count: number, frame: RequestFrame): RequestSource {
  const tail = ` HTTP/1.1\r\n${headers(frame)}\r\n`;
  const draw = numbersBelow(count);
  let name = '';
  return {
    next: () => {
      name = secretName(label, draw());
      return `GET ${secretPath(name)}${tail}`;
    },
    expected: () => `/secrets/${name}/`,
  };
}

function newPutSource(label: string, first: number, count: number, frame: RequestFrame): RequestSource {
  const fields = `${headers(frame)}Content-Type: application/json\r\n`;
  let index = first;
  let name = '';
  return {
    next: () => {
      if (index >= first + count) return null;
      name = secretName(label, index);
      index += 1;
      const body = `{"value":"value-of-${name}-0123456789abcdef"}`;
      return `PUT ${secretPath(name)} HTTP/1.1\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
    },
    expected: () => `/secrets/${name}/`,
  };
}

function headers(frame: RequestFrame): string {
  const authorization = frame.token === null ? '' : `Authorization: Bearer ${frame.token}\r\n`;
  return `Host: ${frame.host}\r\nAccept: application/json\r\n${authorization}`;
}

/** A repeatable sequence of numbers from 0 to `count` - 1 (xorshift32), so that two runs ask for the same names. */
function numbersBelow(count: number): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % count;
  };
}
