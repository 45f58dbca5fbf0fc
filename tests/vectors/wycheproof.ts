import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { call, type Reply } from '../support/http.ts';
import type { TestServer } from '../support/server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = process.env['STRONGROOM_CACHE'] ?? join(root, '.cache');
/** A usual run takes a part of each file, the same each time; STRONGROOM_VECTORS=whole takes everything. */
const isWhole = process.env['STRONGROOM_VECTORS'] === 'whole';

/** A case: what it is about, its values in hexadecimal, and what is known of it. */
export interface WycheproofCase {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: 'valid' | 'acceptable' | 'invalid';
  readonly [value: string]: unknown;
}

/** Cases that share a key or its sizes. */
export interface WycheproofGroup {
  readonly tests: readonly WycheproofCase[];
  readonly [fact: string]: unknown;
}

/**
 * The groups of a file of the Wycheproof project. A part of a file has every valid and acceptable case up to `most`, and invalid
 * ones up to `most`, both spread over all of it.
 */
export function readWycheproof(name: string, most = 150): readonly WycheproofGroup[] {
  const path = join(cache, 'wycheproof/testvectors_v1', `${name}_test.json`);
  assert.ok(existsSync(path), `no vectors at ${path}: run tests/vectors/install-wycheproof.sh`);
  const groups = (JSON.parse(readFileSync(path, 'utf8')) as { testGroups: WycheproofGroup[] }).testGroups;
  if (isWhole) return groups;
  const all = groups.flatMap(({ tests }) => tests);
  const chosen = new Set(
    [true, false].flatMap((isBad) =>
      spread(
        all.filter((one) => isInvalid(one) === isBad),
        most,
      ),
    ),
  );
  return groups
    .map((group) => ({ ...group, tests: group.tests.filter((one) => chosen.has(one)) }))
    .filter(({ tests }) => tests.length > 0);
}

/** Bytes in hexadecimal as base64url. */
export function fromHex(hex: unknown): string {
  return Buffer.from(String(hex), 'hex').toString('base64url');
}

/** What to call a case when it fails. */
export function titleOf(file: string, { tcId, comment, flags, result }: WycheproofCase): string {
  return `${file} ${tcId} (${result}: ${comment}; ${flags.join(', ')})`;
}

/** Counts what was seen, so that a file that was read wrongly cannot pass. */
export class Tally {
  readonly #seen = { valid: 0, acceptable: 0, invalid: 0 };

  add({ result }: WycheproofCase): void {
    this.#seen[result] += 1;
  }

  /** @throws AssertionError where fewer were seen */
  assertAtLeast(valid: number, invalid: number): void {
    const { valid: good, invalid: bad } = this.#seen;
    assert.ok(good >= valid && bad >= invalid, `only ${good} valid and ${bad} invalid cases`);
  }
}

/** Asks for keys of the first vault, and takes keys in under names of their own. */
export class VectorVault {
  readonly #server: TestServer;
  readonly #token: string;
  #keys = 0;

  constructor(server: TestServer, token: string) {
    this.#server = server;
    this.#token = token;
  }

  ask(method: string, path: string, body: unknown): Promise<Reply> {
    const asked = { method, host: 'main-vault.vault', token: this.#token, body };
    return call(this.#server, { ...asked, path: `${path}?api-version=7.6` });
  }

  /** @returns the path of the key */
  async take(key: object): Promise<string> {
    this.#keys += 1;
    const reply = await this.ask('PUT', `/keys/taken-${this.#keys}`, { key });
    assert.equal(reply.status, 200, reply.text);
    return `/keys/taken-${this.#keys}`;
  }
}

function isInvalid({ result }: WycheproofCase): boolean {
  return result === 'invalid';
}

function spread<T>(list: readonly T[], most: number): readonly T[] {
  const step = Math.max(1, list.length / most);
  return list.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}
