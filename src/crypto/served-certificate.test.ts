import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type Chain, certificateChain } from '../../tests/support/certificate-chain.ts';
import { ServedCertificateFault, servedCertificate } from './served-certificate.ts';

describe('a certificate as it is served', () => {
  let chain: Chain;
  let other: Chain;
  before(async () => {
    chain = await certificateChain(['web.example']);
    other = await certificateChain(['other.example']);
  });
  const plain = (pem: string) => pem.replace(/\s/g, '');

  it('has the leaf, then its authorities without the root, in whatever order the bundle has them', () => {
    const { root, intermediate, leaf, keyPem } = chain;
    for (const parts of [
      [keyPem, leaf, intermediate, root],
      [root, leaf, keyPem, intermediate, other.root],
    ]) {
      const served = servedCertificate(parts.join(''));
      assert.equal(plain(served.leafPem), plain(leaf));
      assert.equal(plain(served.chainPem), plain(intermediate));
      assert.equal(plain(served.keyPem), plain(keyPem));
      assert.ok(served.expires > Date.now());
    }
    assert.equal(servedCertificate(keyPem + leaf).chainPem, '');
  });

  it('is refused without its key, with another’s, with two, or broken, and nothing of it is told', () => {
    const { leaf, keyPem } = chain;
    const spoiled = keyPem.replace(/[A-Za-z0-9]{20}/, '00000000000000000000');
    for (const bundle of [leaf, leaf + other.keyPem, leaf + keyPem + other.keyPem, leaf + spoiled, '', keyPem]) {
      assert.throws(
        () => servedCertificate(bundle),
        (error: Error) => error instanceof ServedCertificateFault && !/[A-Za-z0-9+/]{40}/.test(error.message),
      );
    }
  });
});
