import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = process.env['STRONGROOM_CACHE'] ?? join(root, '.cache');

/** One case of a file of NIST's Cryptographic Algorithm Validation Program, with the headings it stands under. */
export interface VectorCase {
  readonly heading: string;
  /** Values by name, those that stand before the first case of a heading too; a name alone on its line has the empty text. */
  readonly values: Readonly<Record<string, string>>;
}

/** The text of a vector file of the package cryptography_vectors. */
export function readVectorFile(path: string): string {
  const pattern = join(cache, 'compat-venv/python/lib/python3*/site-packages/cryptography_vectors', path);
  const [file] = globSync(pattern);
  assert.ok(file, `no vectors at ${pattern}: run tests/compat/install-python.sh`);
  return readFileSync(file, 'utf8');
}

/** Every case of a file in CAVP's form. Cases begin with `first`; what comes before the first of a heading is shared by all of it. */
export function readCases(path: string, first: string): readonly VectorCase[] {
  const cases: { heading: string; values: Record<string, string> }[] = [];
  let heading = '';
  let shared: Record<string, string> = {};
  let current: Record<string, string> | null = null;
  let isFresh = false;
  for (const line of readVectorFile(path)
    .split('\n')
    .map((text) => text.trim())) {
    // What follows an empty line and begins no case is shared by the cases after it.
    if (line === '') isFresh = true;
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      // Headings in a row are one.
      heading = current || Object.keys(shared).length > 0 ? line : heading + line;
      shared = {};
      current = null;
      continue;
    }
    const [name = '', value = ''] = line.split('=').map((part) => part.trim());
    if (name === first) {
      current = { ...shared };
      cases.push({ heading, values: current });
    } else if (isFresh) current = null;
    isFresh = false;
    if (current) current[name] = value;
    else shared[name] = value;
  }
  return cases;
}

/** Every n-th of a list, so that about `most` are left, spread over all of it. */
export function sampled<T>(list: readonly T[], most: number): readonly T[] {
  const step = Math.max(1, Math.floor(list.length / most));
  return list.filter((_, index) => index % step === 0);
}

/** Bytes in hexadecimal as base64url, leading zero bytes left out or, with a length, brought to it. */
export function hexToBase64Url(hex: string, bytes?: number): string {
  const digits = hex.replace(/^(00)+(?=.)/, '');
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Buffer.from(bytes === undefined ? even : even.padStart(bytes * 2, '0'), 'hex').toString('base64url');
}

/** The private JWK of an RSA key given by its primes and exponents. */
export function rsaJwk({
  n,
  e,
  d,
  p,
  q,
}: Readonly<Record<'n' | 'e' | 'd' | 'p' | 'q', string>>): Record<string, string> {
  const number = (hex: string) => BigInt(`0x${hex}`);
  const text = (value: bigint) => hexToBase64Url(value.toString(16));
  const [P, Q, D] = [number(p), number(q), number(d)];
  return {
    kty: 'RSA',
    n: text(number(n)),
    e: text(number(e)),
    d: text(D),
    p: text(P),
    q: text(Q),
    dp: text(D % (P - 1n)),
    dq: text(D % (Q - 1n)),
    qi: text(inverse(Q, P)),
  };
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a > 1n) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}
