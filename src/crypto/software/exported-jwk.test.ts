import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../../base/system.ts';
import type { KeySpec } from '../key-provider.ts';
import { jwkOfMaterial } from './exported-jwk.ts';
import { SoftwareProvider } from './provider.ts';

const specs: readonly KeySpec[] = [
  { family: 'RSA', bits: 2048, publicExponent: 65537 },
  { family: 'EC', curve: 'P-256' },
  { family: 'EC', curve: 'P-256K' },
  { family: 'EC', curve: 'P-521' },
  { family: 'oct', bits: 256 },
];

describe('the private JWK of a software key', () => {
  for (const spec of specs) {
    it(`is taken in as the same key again: ${Object.values(spec).join(' ')}`, async () => {
      const provider = new SoftwareProvider(systemRandom());
      const made = await provider.generate(spec);
      const taken = await provider.importKey(jwkOfMaterial(spec, made.material));
      assert.deepEqual(taken.spec, made.spec);
      assert.deepEqual(taken.publicMembers, made.publicMembers);
      assert.ok(taken.material.equals(made.material));
    });
  }
});
