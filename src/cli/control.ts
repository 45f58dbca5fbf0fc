import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { socketPath } from '../base/socket-path.ts';
import { CommandError, errorCode } from './command.ts';

// Not imported: reading all exports of `node:http` loads an HTTP client for the web's fetch, which no command needs.
const { request } = process.getBuiltinModule('node:http');

/** What the control endpoint says of the seal. */
export interface SealState {
  /** `open`, `sealed` or `uninitialised`. */
  readonly state: string;
  readonly kind: string;
  /** Shares given and needed, while it is sealed. */
  readonly given?: number;
  readonly needed?: number;
  /** Why it does not open by itself, where it would. */
  readonly reason?: string;
  readonly port?: number;
  readonly certificateSha256?: string;
}

const SOCKET = 'control.sock';
const ASK_MS = 60_000;
const LARGEST_ANSWER_BYTES = 1024 * 1024;

/** A refusal of the control endpoint: its message is the operator's, its code is stable. */
export class ControlRefusal extends CommandError {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The state of the seal of the server that runs on a data directory; null where none runs, or one that has no control endpoint. */
export async function readSealState(dataDir: string): Promise<SealState | null> {
  if (!existsSync(join(dataDir, SOCKET))) return null;
  try {
    return (await askControl(dataDir, 'GET', '/seal')) as unknown as SealState;
  } catch (error) {
    const code = errorCode((error as Error).cause);
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Asks the server that runs on a data directory, over its socket. What is sent is in no argument and no environment.
 * @throws ControlRefusal with the server's message; CommandError with exit code 3 where none listens
 */
export async function askControl(
  dataDir: string,
  method: 'GET' | 'POST',
  path: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const address = socketPath(dataDir, SOCKET);
  if (!address) throw new CommandError(`The path ${join(dataDir, SOCKET)} is too long for a socket.`);
  try {
    const { status, text } = await exchange(address.path, method, path, body === undefined ? '' : JSON.stringify(body));
    const answer = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (status === 200) return answer;
    throw new ControlRefusal(String(answer['code']), String(answer['message']));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      throw new CommandError(`Strongroom is not running on ${dataDir}.`, 3, { cause: error });
    }
    if (code === 'EACCES') throw new CommandError(`${join(dataDir, SOCKET)} belongs to another user.`);
    throw new CommandError(`The server on ${dataDir} does not answer: ${code ?? (error as Error).message}.`);
  } finally {
    address.release();
  }
}

function exchange(
  socket: string,
  method: string,
  path: string,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ASK_MS);
    const headers = { host: 'localhost', 'content-length': Buffer.byteLength(body), connection: 'close' };
    const outgoing = request({ socketPath: socket, method, path, headers, agent: false, signal }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > LARGEST_ANSWER_BYTES) incoming.destroy(new Error('the answer is too large'));
      });
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
