/** `node bench/cpu-profile.ts FILE|DIRECTORY`: where the time went in profiles that `node --cpu-prof` wrote. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The part of the V8 processor profile that is read (Chrome DevTools Protocol, Profiler.Profile). */
export interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }>;
  readonly samples: readonly number[];
  /** Microseconds from each sample to the one before. */
  readonly timeDeltas: readonly number[];
}

/** A place in the code and the time spent in it alone, not in what it calls. */
export interface SelfTime {
  readonly place: string;
  readonly milliseconds: number;
  /** Of all time but idle time. */
  readonly share: number;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const IDLE = '(idle)';
const TOP = 25;

/** Places of a profile by self time, the hottest first, without idle time. `placeOf` decides what is added up. */
export function selfTimes(profile: CpuProfile, placeOf = functionPlace): SelfTime[] {
  const places = new Map(profile.nodes.map((node) => [node.id, placeOf(node.callFrame)]));
  const microseconds = new Map<string, number>();
  let total = 0;
  for (const [i, id] of profile.samples.entries()) {
    const place = places.get(id) ?? '(unknown)';
    if (place === IDLE) continue;
    // The delta of a sample reaches back to its predecessor; what a sample saw lasted until the next one.
    const lasted = profile.timeDeltas[i + 1] ?? 0;
    microseconds.set(place, (microseconds.get(place) ?? 0) + lasted);
    total += lasted;
  }
  return [...microseconds]
    .map(([place, time]) => ({ place, milliseconds: time / 1e3, share: total === 0 ? 0 : time / total }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
}

/** A report on every profile in a directory and the directories in it, or on the one file given. */
export function hottestFunctionsIn(path: string): string {
  const files = statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.cpuprofile'))
        .map((name) => join(path, name))
    : [path];
  return files.toSorted().map(describe).join('\n');
}

function describe(file: string): string {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const rooms = selfTimes(profile, (frame) => roomOf(frame)).slice(0, TOP);
  const functions = selfTimes(profile).slice(0, TOP);
  const lines = (times: readonly SelfTime[]) =>
    times.map(({ place, milliseconds, share }) => {
      return `${`${(share * 100).toFixed(1)} %`.padStart(7)} ${`${milliseconds.toFixed(0)} ms`.padStart(9)}  ${place}`;
    });
  return `${file}\n by folder or package\n${lines(rooms).join('\n')}\n by function\n${lines(functions).join('\n')}\n`;
}

function functionPlace(frame: { functionName: string; url: string; lineNumber: number }): string {
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
  if (frame.url === '') return name;
  return `${name}  ${fileOf(frame.url)}:${frame.lineNumber + 1}`;
}

/** `src/room` for the product's own code, the package for others', `node:…` for Node's, V8's own name for the rest. */
function roomOf(frame: { functionName: string; url: string; lineNumber: number }): string {
  if (frame.url === '') return frame.functionName.startsWith('(') ? frame.functionName : '(native)';
  if (frame.url.startsWith('node:')) return frame.url.split('/').slice(0, 2).join('/');
  const file = fileOf(frame.url);
  const depth = file.startsWith('node_modules/@') ? 3 : 2;
  return file.split('/').slice(0, depth).join('/');
}

function fileOf(url: string): string {
  return url.startsWith('file:') ? relative(ROOT, fileURLToPath(url)) : url;
}

if (import.meta.main) {
  const path = process.argv[2];
  if (path === undefined) {
    process.stderr.write('usage: node bench/cpu-profile.ts FILE|DIRECTORY\n');
    process.exit(2);
  }
  process.stdout.write(hottestFunctionsIn(path));
}
