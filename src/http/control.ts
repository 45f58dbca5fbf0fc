import { chmodSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Log } from '../base/ports.ts';
import { socketPath } from '../base/socket-path.ts';
import { ListenFault, requestLimits } from './listen.ts';

// Not imported: see listen.ts.
const { createServer } = process.getBuiltinModule('node:http');

/** The name of the socket in the data directory. */
export const CONTROL_SOCKET = 'control.sock';
const MOST_BYTES = 16 * 1024;
const MOST_CONNECTIONS = 16;

/** What may be asked there: by method and path, a JSON object to a JSON object. */
export type ControlRoutes = Readonly<
  Record<string, (body: Readonly<Record<string, unknown>>) => Promise<Readonly<Record<string, unknown>>>>
>;

/** The listener of the operator's own endpoint. */
export interface ControlListener {
  close(): Promise<void>;
}

/**
 * Listens on a UNIX socket of mode 0600 in the data directory, which is 0700: whoever reaches it could read the data directory as well. A fault with
 * a `seal-` code is told with its message, anything else without.
 * @param routes asked anew for each request: what there is changes when the server opens
 * @throws ListenFault where the socket cannot be made
 */
export async function listenForControl(
  directory: string,
  routes: () => ControlRoutes,
  log: Log,
): Promise<ControlListener> {
  const address = socketPath(directory, CONTROL_SOCKET);
  if (!address) throw new ListenFault(`The path ${join(directory, CONTROL_SOCKET)} is too long for a socket.`);
  // Left by a process that was killed: the directory's lock says that none is running.
  rmSync(join(directory, CONTROL_SOCKET), { force: true });
  const server = createServer({ ...requestLimits, maxHeaderSize: 4096 }, (request, response) => {
    answer(request, response, routes(), log).catch((error: Error) => {
      log.error('The control endpoint failed.', { reason: error.message });
      response.destroy();
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address.path, resolve);
    });
  } catch (error) {
    address.release();
    const { code } = error as NodeJS.ErrnoException;
    throw new ListenFault(`The socket ${join(directory, CONTROL_SOCKET)} cannot be made: ${code}.`, { cause: error });
  }
  chmodSync(join(directory, CONTROL_SOCKET), 0o600);
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      address.release();
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, routes: ControlRoutes, log: Log) {
  const send = (status: number, body: object) => {
    const text = JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  };
  const name = `${request.method} ${request.url}`;
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (!route) return send(404, { code: 'control-unknown', message: 'Not possible in the present state.' });
  const body = await readObject(request);
  if (!body) return send(400, { code: 'control-malformed', message: 'A JSON object is expected.' });
  try {
    send(200, await route(body));
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string };
    if (code.startsWith('seal-')) return send(409, { code, message });
    log.error('The control endpoint failed.', { operation: name, reason: message });
    send(500, { code: 'control-failed', message: 'It failed; the log of the server says why.' });
  }
}

async function readObject(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) return null;
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    // Without its cause: the parser's message quotes the text, which may be a secret.
    return null;
  } finally {
    for (const chunk of chunks) chunk.fill(0);
  }
}
