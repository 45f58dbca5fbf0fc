import type { Answer, Call, Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';

type Run = (call: Call) => Promise<Answer>;

const common = { plane: 'graph', versions: noVersions, throttle: 'none' } as const;
const reading = { ...common, need: { kind: 'directory', write: false }, success: [200] } as const;

/** A row that reads the directory. */
export function read(id: string, path: string, run: Run): Operation {
  return { ...reading, id, method: 'GET', path: `/v1.0${path}`, body: 'none', run };
}

/** A row that reads the directory by a POST, which says in its body what about. */
export function ask(id: string, path: string, run: Run): Operation {
  return { ...reading, id, method: 'POST', path: `/v1.0${path}`, body: 'json', run };
}

/** A row that changes the directory, whose service function asks for the right to it inside the transaction. */
export function write(
  id: string,
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  status: number,
  run: Run,
): Operation {
  const need = { kind: 'directory', write: 'by-service' } as const;
  const body = method === 'DELETE' ? 'none' : 'json';
  return { ...common, id, method, path: `/v1.0${path}`, need, body, success: [status], run };
}
