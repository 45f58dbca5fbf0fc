import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Comparison, compareLanes, type Side, type SliceSettings, sideOf } from './comparison.ts';
import { type Lane, LoadProcess } from './load-process.ts';
import { frameFor, type Product, signIn, startProduct } from './product.ts';
import type { Row } from './report.ts';
import { readable } from './statistics.ts';
import type { RequestFrame, Workload } from './workload.ts';

/** How long and how often things are measured. */
export interface Settings extends SliceSettings {
  /** Starts measured in each situation. */
  readonly starts: number;
  /** Secrets in the small and the large server. */
  readonly fewSecrets: number;
  readonly manySecrets: number;
  /** Certificates whose renewals are due at once. */
  readonly dueCertificates: number;
}

/** A server whose vault holds a known set of secrets. */
export interface FilledServer {
  readonly product: Product;
  readonly dataDirectory: string;
  readonly token: string;
  /** The set's label for `secretName`. */
  readonly label: string;
  readonly count: number;
  /** Null for a server that was started empty. */
  readonly fill: Side | null;
}

/** What a load can be pointed at: the product or a bare server. */
export interface LoadTarget {
  readonly port: number;
  readonly pid: number;
  readonly hostname: string;
  readonly authority: string;
  readonly frame: RequestFrame;
}

const FILL_CONNECTIONS = 64;
const TMPFS_MAGIC = 0x01021994;

/** What the scenarios of one run share: the load generator, the filled servers, the place for data, the rows. */
export class Session {
  readonly settings: Settings;
  readonly rows: Row[] = [];
  readonly directory: string;
  readonly profileDirectory: string | undefined;
  readonly #load = new LoadProcess();
  readonly #servers = new Map<string, Promise<FilledServer>>();

  constructor(settings: Settings, parentDirectory = tmpdir(), profileDirectory?: string) {
    this.settings = settings;
    this.profileDirectory = profileDirectory;
    this.directory = mkdtempSync(join(parentDirectory, 'strongroom-bench-'));
    process.once('exit', () => rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 }));
    if (statfsSync(this.directory).type === TMPFS_MAGIC) {
      this.note(`${this.directory} is in memory: durable writes cost nothing there. Choose a disk with --work-dir.`);
    }
  }

  /** Progress for the person who waits; not part of the result. */
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  add(row: Row): void {
    this.rows.push(row);
    this.note(`  ${row.name}: ${row.figure}`);
  }

  /** A new directory for a server's data, not yet made. */
  dataDirectory(name: string): string {
    return join(this.directory, name);
  }

  /** The server that holds `count` secrets; started and filled through its API on first use, and kept. */
  filledServer(count: number): Promise<FilledServer> {
    return this.#server(`filled-${count}`, count);
  }

  /** The server that writes are measured on; started empty on first use, and kept. */
  writtenServer(): Promise<FilledServer> {
    return this.#server('written', 0);
  }

  /** Whether the server that holds `count` secrets was used in this run. */
  hasFilledServer(count: number): boolean {
    return this.#servers.has(`filled-${count}`);
  }

  /** Opens connections that will load the target. */
  openLane(target: LoadTarget, connections: number, workload: Workload): Promise<Lane> {
    const { port, pid, hostname, authority, frame } = target;
    const where = { port, servername: hostname, authority, serverPid: pid, frame };
    return this.#load.open({ ...where, connections, workload, expectedStatus: 200 });
  }

  /** Compares two loads, slice by slice. */
  async compare(
    connections: number,
    a: { readonly target: LoadTarget; readonly workload: Workload },
    b: { readonly target: LoadTarget; readonly workload: Workload },
  ): Promise<Comparison> {
    const laneA = await this.openLane(a.target, connections, a.workload);
    const laneB = await this.openLane(b.target, connections, b.workload);
    return compareLanes(laneA, laneB, this.settings);
  }

  /** Ends every process of this run, the servers in order. */
  async close(): Promise<void> {
    for (const server of this.#servers.values()) await (await server).product.stop();
    this.#servers.clear();
    await this.#load.stop();
  }

  /** Takes a server out of the run, stopped; its data stay until the end. */
  async retire(server: FilledServer): Promise<void> {
    for (const [name, kept] of this.#servers) if ((await kept) === server) this.#servers.delete(name);
    await server.product.stop();
  }

  #server(name: string, count: number): Promise<FilledServer> {
    const started = this.#servers.get(name) ?? this.#start(name, count);
    this.#servers.set(name, started);
    return started;
  }

  async #start(name: string, count: number): Promise<FilledServer> {
    const dataDirectory = this.dataDirectory(name);
    const profileDirectory = this.profileDirectory === undefined ? undefined : join(this.profileDirectory, name);
    if (profileDirectory !== undefined) mkdirSync(profileDirectory, { recursive: true });
    const product = await startProduct({ dataDirectory, profileDirectory });
    const token = await signIn(product, dataDirectory);
    const empty = { product, dataDirectory, token, label: 'fill', count, fill: null };
    if (count === 0) return empty;
    this.note(`filling a vault with ${readable(count)} secrets`);
    const workload: Workload = { kind: 'put-new', label: empty.label, first: 0, count };
    const lane = await this.openLane(targetOf(empty), FILL_CONNECTIONS, workload);
    const slice = await lane.run(null);
    const fill = sideOf(await lane.total(), [slice]);
    await lane.close();
    return { ...empty, fill };
  }
}

/** The server as the load generator sees it. */
export function targetOf(server: FilledServer): LoadTarget {
  const { product, token } = server;
  const { port, pid, vaultHostname, authority } = product;
  return { port, pid, hostname: vaultHostname, authority, frame: frameFor(product, token) };
}
