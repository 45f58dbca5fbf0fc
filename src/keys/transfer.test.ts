import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../tests/support/parts.ts';
import { releaseAlgorithms } from '../crypto/algorithms.ts';
import type { RsaPublicMembers } from '../crypto/key-provider.ts';
import { SoftwareProvider } from '../crypto/software/provider.ts';
import type { Call } from '../operations/operation.ts';
import type { Vault } from '../resources/vault.ts';
import { type KeyParts, rowOf, storeVersion } from './service.ts';
import { transferOf } from './transfer.ts';

/** Key exchange keys are those of hardware modules; here one lies in the software, where it does the same. */
const version = '0123456789abcdef0123456789abcdef';
const kid = `https://main-vault.vault.example/keys/kek/${version}`;
const vault = { id: 'v1', name: 'main-vault' } as Vault;
const call = { origin: 'https://main-vault.vault.example:8443', vault } as Call;
let base: TestParts;
let parts: KeyParts;
let provider: SoftwareProvider;
let exchangeKey: RsaPublicMembers;

async function store(name: string, operations: readonly string[], isEnabled = true): Promise<RsaPublicMembers> {
  const made = await provider.generate({ family: 'RSA', bits: 2048, publicExponent: 65_537 });
  const attributes = { enabled: isEnabled, nbf: null, exp: null };
  const key = { family: 'RSA', isHsm: false, operations, attributes, tags: null, release: { policy: null } } as const;
  const row = rowOf(key, made, null, { name, nameKey: name, version }, base.clock.now());
  await base.store.write(async (transaction) => {
    await storeVersion(parts, transaction, vault, row, made.material, false);
    await transaction.db.updateTable('key_versions').set({ kty: 'RSA-HSM' }).where('name_key', '=', name).execute();
  });
  return made.publicMembers as RsaPublicMembers;
}

async function wrapped(target: RsaPublicMembers) {
  const made = await provider.generate({ family: 'EC', curve: 'P-384' });
  const source = { id: `source/${made.material.toString('hex', 40, 60)}`, ...made };
  const open = async () => Buffer.from(made.material);
  const algorithm = releaseAlgorithms['CKM_RSA_AES_KEY_WRAP']!;
  return { made, ciphertext: await provider.release({ ...source, open }, algorithm, target) };
}

const take = (ciphertext: Buffer, family: 'EC' | 'RSA' | 'oct' = 'EC', id = kid) =>
  transferOf(parts, call, { family, transfer: { kid: id, ciphertext } } as Parameters<typeof transferOf>[2]).then(
    (made) => made(provider),
  );

before(async () => {
  base = await testParts();
  provider = new SoftwareProvider(base.random);
  parts = { store: base.store, keyring: base.keyring, random: base.random } as unknown as KeyParts;
  await base.store.write(async (transaction) => {
    await base.keyring.createVaultKey(transaction, vault.id, base.clock.now());
  });
  exchangeKey = await store('kek', ['import']);
});
after(() => base.cleanup());

describe('a key that comes in a transfer blob', () => {
  it('is taken in by the key exchange key that the blob names', async () => {
    const { made, ciphertext } = await wrapped(exchangeKey);
    const taken = await take(ciphertext);
    assert.deepEqual([taken.spec, taken.publicMembers, taken.material], [made.spec, made.publicMembers, made.material]);
  });

  it('is not, where it was wrapped for another key, changed, or is of another type', async () => {
    const other = await store('other', ['import']);
    const { ciphertext } = await wrapped(other);
    await assert.rejects(take(ciphertext), { code: 'key-transfer-blob-invalid' });
    const good = (await wrapped(exchangeKey)).ciphertext;
    good[300]! ^= 1;
    await assert.rejects(take(good), { code: 'key-transfer-blob-invalid' });
    good[300]! ^= 1;
    await assert.rejects(take(good, 'RSA'), { code: 'key-transfer-blob-invalid' });
    await assert.rejects(take(Buffer.alloc(300)), { code: 'key-transfer-blob-invalid' });
  });

  it('is not, where that key is not there, in another vault, disabled, or made for other things', async () => {
    const { ciphertext } = await wrapped(exchangeKey);
    await store('off', ['import'], false);
    await store('opens', ['unwrapKey', 'decrypt']);
    for (const id of [
      kid.replace('/kek/', '/nobody/'),
      kid.replace(version, 'f'.repeat(32)),
      kid.replace('main-vault', 'second-vault'),
      kid.replace('/kek/', '/off/'),
      kid.replace('/kek/', '/opens/'),
    ]) {
      await assert.rejects(take(ciphertext, 'EC', id), { code: 'key-transfer-kek-unsuitable' }, id);
    }
  });
});
