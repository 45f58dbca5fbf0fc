import type { Server } from 'node:net';
import { oneByOne } from '../../../base/one-by-one.ts';
import { ChallengeFault } from './challenge.ts';

/** Where a listener for challenges listens. */
export interface ListenAt {
  readonly port: number;
  readonly addresses: readonly string[];
}

const MOST = 1000;
/** An order that nobody goes on with must not keep the port open. */
const FORGOTTEN_MS = 3_600_000;

/**
 * What a listener shows, by token or name. It listens while there is something to show, and not otherwise: a port that is
 * asked for by strangers is open for minutes, and free for others the rest of the time.
 */
export class Shown<T> {
  readonly #at: ListenAt;
  readonly #create: (find: (key: string) => T | undefined) => Server;
  readonly #items = new Map<string, { readonly item: T; readonly end: NodeJS.Timeout }>();
  #servers: readonly Server[] = [];
  /** Openings and closings follow one another. */
  readonly #inTurn = oneByOne();

  constructor(at: ListenAt, create: (find: (key: string) => T | undefined) => Server) {
    this.#at = at;
    this.#create = create;
  }

  /** Shows it from now on. @throws ChallengeFault where the port cannot be listened on */
  async add(key: string, item: T): Promise<void> {
    if (this.#items.size >= MOST) throw new ChallengeFault(`More than ${MOST} challenges are open at once.`);
    clearTimeout(this.#items.get(key)?.end);
    const end = setTimeout(() => void this.remove(key).catch(() => undefined), FORGOTTEN_MS).unref();
    this.#items.set(key, { item, end });
    await this.#settle();
  }

  /** Shows it no more. */
  async remove(key: string): Promise<void> {
    clearTimeout(this.#items.get(key)?.end);
    this.#items.delete(key);
    await this.#settle();
  }

  #settle(): Promise<void> {
    return this.#inTurn(() => (this.#items.size > 0 ? this.#open() : this.#close()));
  }

  async #open(): Promise<void> {
    if (this.#servers.length > 0) return;
    const opened: Server[] = [];
    try {
      for (const address of this.#at.addresses) opened.push(await this.#listen(address));
    } catch (error) {
      await Promise.all(opened.map(close));
      for (const { end } of this.#items.values()) clearTimeout(end);
      this.#items.clear();
      const { port } = this.#at;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new ChallengeFault(`Port ${port} cannot be listened on: ${code ?? message}.`, { cause: error });
    }
    this.#servers = opened;
  }

  #listen(address: string): Promise<Server> {
    const server = this.#create((key) => this.#items.get(key)?.item);
    server.maxConnections = 64;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#at.port, address, () => {
        server.off('error', reject);
        server.unref();
        resolve(server);
      });
    });
  }

  async #close(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    await Promise.all(servers.map(close));
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    if ('closeAllConnections' in server) (server as unknown as { closeAllConnections(): void }).closeAllConnections();
  });
}
