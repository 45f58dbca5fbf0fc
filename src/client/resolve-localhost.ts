/**
 * A preload for Node programs: `node --import strongroom/resolve-localhost app.js`, or the same in NODE_OPTIONS, makes
 * `*.localhost` reach this machine where the system's resolver does not know those names (RFC 6761 §6.3). It replaces
 * `dns.lookup` and `dns.promises.lookup`, through which net, tls, http, https, dgram and fetch find their addresses. All
 * other names, and every call with arguments that Node would refuse, go to Node unchanged. `dns.resolve*` is untouched:
 * it speaks DNS and does not know the hosts file either.
 *
 * Needs nothing but Node, so that it works from any folder and in any program. Loading it twice changes nothing.
 */
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { promisify } from 'node:util';
import { type AddressOrder, isLocalhostName, type LoopbackAddress, loopbackAddresses } from './localhost-name.ts';

/** A lookup's options, once they are known to be ones that Node takes. */
interface Query {
  readonly family: 0 | 4 | 6;
  readonly order: AddressOrder;
  readonly all: boolean;
}

const FAMILIES: ReadonlyMap<unknown, 0 | 4 | 6> = new Map<unknown, 0 | 4 | 6>([
  [undefined, 0],
  [null, 0],
  [0, 0],
  [4, 4],
  [6, 6],
  ['IPv4', 4],
  ['IPv6', 6],
]);
const PATCHED = Symbol.for('strongroom.resolve-localhost');

/** The query inside a lookup's options, or null where Node itself should judge them. */
function readOptions(options: unknown): Query | null {
  if (typeof options === 'string') return null;
  const bag = (typeof options === 'object' ? (options ?? {}) : { family: options }) as Record<string, unknown>;
  const family = FAMILIES.get(bag['family']);
  if (family === undefined || !isFlag(bag['all']) || !isFlag(bag['verbatim']) || !isHints(bag['hints'])) return null;
  const order = readOrder(bag);
  return order && { family, order, all: bag['all'] === true };
}

function isFlag(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'boolean';
}

function isHints(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'number' && (value & ~(dns.ADDRCONFIG | dns.ALL | dns.V4MAPPED)) === 0;
}

/** `order` wins over `verbatim`, and both over the process-wide default, as in Node. */
function readOrder(bag: Record<string, unknown>): AddressOrder | null {
  const order = bag['order'];
  if (order === 'verbatim' || order === 'ipv4first' || order === 'ipv6first') return order;
  if (order !== undefined && order !== null) return null;
  if (typeof bag['verbatim'] === 'boolean') return bag['verbatim'] ? 'verbatim' : 'ipv4first';
  return dns.getDefaultResultOrder() as AddressOrder;
}

function answer(hostname: unknown, options: unknown): { found: LoopbackAddress[]; all: boolean } | null {
  if (typeof hostname !== 'string' || !isLocalhostName(hostname)) return null;
  const query = readOptions(options);
  return query && { found: loopbackAddresses(query.family, query.order), all: query.all };
}

type Callback = (error: null, ...result: readonly unknown[]) => void;

function wrapLookup(original: typeof dns.lookup): typeof dns.lookup {
  function lookup(hostname: unknown, options: unknown, callback?: unknown): unknown {
    const [bag, done] =
      callback === undefined && typeof options === 'function' ? [undefined, options] : [options, callback];
    const local = typeof done === 'function' ? answer(hostname, bag) : null;
    // Handed on with the caller's own number of arguments: Node tells two from three.
    if (!local)
      return Reflect.apply(original, dns, callback === undefined ? [hostname, options] : [hostname, options, callback]);
    if (local.all) process.nextTick(done as Callback, null, local.found);
    else process.nextTick(done as Callback, null, local.found[0]!.address, local.found[0]!.family);
    return {};
  }
  // Node gives `promisify(dns.lookup)` an object with both results; a plain function would lose the family.
  const promised = (hostname: string, options?: dns.LookupOptions): unknown =>
    dns.promises.lookup(hostname, options ?? {});
  Object.defineProperty(lookup, promisify.custom, { value: promised });
  return lookup as unknown as typeof dns.lookup;
}

function wrapPromised(original: typeof dns.promises.lookup): typeof dns.promises.lookup {
  function lookup(...args: readonly unknown[]): unknown {
    const local = answer(args[0], args[1]);
    if (!local) return Reflect.apply(original, dns.promises, args);
    return Promise.resolve(local.all ? local.found : local.found[0]);
  }
  return lookup as unknown as typeof dns.promises.lookup;
}

if (!(PATCHED in dns)) {
  Object.defineProperty(dns, PATCHED, { value: true });
  dns.lookup = wrapLookup(dns.lookup);
  dns.promises.lookup = wrapPromised(dns.promises.lookup);
  // For those who import the functions by name.
  syncBuiltinESMExports();
}
