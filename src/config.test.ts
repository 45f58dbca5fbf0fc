import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigFault, type ConfigFlags, readConfig, readNamedFile } from './config.ts';

describe('the configuration', () => {
  let folder: string;
  let file: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-config-'));
    file = join(folder, 'config.json');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const read = (settings: unknown, flags: Partial<ConfigFlags> = {}) => {
    writeFileSync(file, typeof settings === 'string' ? settings : JSON.stringify(settings));
    return readConfig({ dataDir: folder, configFile: file, ...flags });
  };
  const refuses = (settings: unknown, message: RegExp, flags: Partial<ConfigFlags> = {}) =>
    assert.throws(
      () => read(settings, flags),
      (error: ConfigFault) => error instanceof ConfigFault && message.test(error.message),
      JSON.stringify(settings),
    );

  it('needs no file: everything has a default, on loopback alone', () => {
    assert.deepEqual(readConfig({ dataDir: 'some/where' }), {
      dataDir: resolve('some/where'),
      domain: 'localhost',
      port: 8443,
      imdsPort: 8444,
      addresses: ['127.0.0.1', '::1'],
      imdsAddresses: ['127.0.0.1', '::1'],
      machineResourceId: null,
      store: { kind: 'sqlite' },
      seal: { kind: 'key-file', passphraseFile: null },
      sealKeyFile: resolve('some/where/seal.key'),
      pkcs11: null,
      tls: null,
      acceptNewerApiVersions: false,
      trustedIssuers: [],
      attestationAuthorities: [],
      movableClock: false,
      certificateAuthorities: [],
      revocationPort: null,
      revocationAddresses: ['127.0.0.1', '::1'],
      mail: null,
      keyPolicy: { signsFor: 60 * 86_400_000, announcedFor: 48 * 3_600_000 },
      encryptionKeyPolicy: { rootKeyFor: 365 * 86_400_000, vaultKeyFor: 365 * 86_400_000 },
      first: { subscription: 'Strongroom', group: 'strongroom', vault: 'main-vault', location: 'local' },
    });
  });

  it('takes every setting from the file, paths of the seal below the data directory', () => {
    const machine = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm';
    const settings = {
      domain: 'Vault.Example',
      port: 9443,
      imdsPort: 40342,
      addresses: ['0.0.0.0'],
      imdsAddresses: ['169.254.169.254'],
      machineResourceId: machine,
      postgresUrlFile: '/etc/url',
      seal: 'passphrase',
      sealPassphraseFile: '/etc/passphrase',
      sealKeyFile: 'keys/seal.key',
      pkcs11: null,
      rootKeyDays: null,
      vaultKeyDays: 90,
      tlsCertificateFile: '/etc/cert.pem',
      tlsKeyFile: '/etc/key.pem',
      acceptNewerApiVersions: true,
      trustedIssuers: [{ issuer: 'https://ci.example', jwksFile: '/etc/jwks.json' }],
      attestationAuthorities: [{ issuer: 'https://attest.example' }],
      signingKeyDays: 30,
      signingKeyAnnounceHours: 24,
      movableClock: true,
      firstSubscription: 'S',
      firstGroup: 'G',
      firstVault: 'V-V',
      firstLocation: 'L',
    };
    assert.deepEqual(read(settings), {
      dataDir: folder,
      domain: 'vault.example',
      port: 9443,
      imdsPort: 40342,
      addresses: ['0.0.0.0'],
      imdsAddresses: ['169.254.169.254'],
      machineResourceId: machine,
      store: { kind: 'postgres', urlFile: '/etc/url' },
      seal: { kind: 'passphrase', passphraseFile: '/etc/passphrase' },
      sealKeyFile: join(folder, 'keys/seal.key'),
      pkcs11: null,
      tls: { certificateFile: '/etc/cert.pem', keyFile: '/etc/key.pem' },
      acceptNewerApiVersions: true,
      trustedIssuers: [
        {
          issuer: 'https://ci.example',
          keys: { kind: 'file', path: '/etc/jwks.json' },
          caFile: null,
          algorithms: ['RS256', 'PS256', 'ES256'],
          bearer: null,
        },
      ],
      attestationAuthorities: [
        {
          issuer: 'https://attest.example',
          keys: { kind: 'discovery' },
          caFile: null,
          algorithms: ['RS256', 'PS256', 'ES256'],
          bearer: null,
        },
      ],
      certificateAuthorities: [],
      revocationPort: null,
      revocationAddresses: ['127.0.0.1', '::1'],
      mail: null,
      keyPolicy: { signsFor: 30 * 86_400_000, announcedFor: 24 * 3_600_000 },
      encryptionKeyPolicy: { rootKeyFor: null, vaultKeyFor: 90 * 86_400_000 },
      movableClock: true,
      first: { subscription: 'S', group: 'G', vault: 'V-V', location: 'L' },
    });
    assert.equal(read({ sealKeyFile: '/media/seal.key' }).sealKeyFile, '/media/seal.key');
  });

  it('names a key token, whole and rightly', () => {
    const token = { module: '/lib/p11.so', token: 'vault', pinFile: '/run/pin' };
    assert.deepEqual(read({ pkcs11: token }).pkcs11?.selector, { label: 'vault' });
    refuses({ pkcs11: { ...token, pin: '1234' } }, /pkcs11 is wrong: it has no member pin/);
    refuses({ pkcs11: 'vault' }, /pkcs11 is wrong: it must be an object/);
  });

  it('is overruled by the command line', () => {
    const config = read({ domain: 'a.b', port: 1, imdsPort: 2 }, { domain: 'c.d', port: '3', imdsPort: '4' });
    assert.deepEqual([config.domain, config.port, config.imdsPort], ['c.d', 3, 4]);
  });

  it('puts the identity endpoint beside the port, on a free one where that is, or nowhere', () => {
    assert.equal(read({}, { port: '0' }).imdsPort, 0);
    assert.equal(read({ port: 5000 }).imdsPort, 5001);
    assert.equal(read({ imdsPort: null }).imdsPort, null);
    assert.equal(read({ imdsPort: null }, { imdsPort: '7' }).imdsPort, 7);
  });

  it('keeps the identity endpoint, which gives tokens to whoever reaches it, on this machine', () => {
    for (const address of ['0.0.0.0', '::', '10.0.0.1', '169.254.169.253', '127.0.0.1.example', 'localhost']) {
      refuses({ imdsAddresses: ['127.0.0.1', address] }, /^imdsAddresses may hold loopback addresses/);
    }
    assert.deepEqual(read({ imdsAddresses: ['127.8.8.8', '::1'] }).imdsAddresses, ['127.8.8.8', '::1']);
  });

  it('takes seals and rotations that there are, and no other', () => {
    refuses({ seal: 'wax' }, /one of key-file, passphrase, shamir/);
    refuses({ sealPassphraseFile: '/etc/passphrase' }, /for "seal": "passphrase" alone/);
    refuses({ rootKeyDays: 0 }, /must be 1 to 3650/);
    refuses({ vaultKeyDays: 'yearly' }, /must be 1 to 3650/);
  });

  it('rotates signing keys as it is told, never without announcing them', () => {
    refuses({ signingKeyDays: 1 }, /must be 2 to 3650/);
    refuses({ signingKeyAnnounceHours: 0 }, /must be 1 to 720/);
    refuses({ signingKeyDays: 2, signingKeyAnnounceHours: 48 }, /must be less than signingKeyDays/);
  });

  it('takes attestation authorities as it takes issuers, without terms for bearer tokens', () => {
    const issuer = 'https://attest.example';
    refuses(
      { attestationAuthorities: [{ issuer, url: 'x' }] },
      /attestationAuthorities is wrong: .* does not exist: url/,
    );
    const bearer = { audiences: { data: ['api://vaults'] }, federatedCredentials: true };
    refuses({ attestationAuthorities: [{ issuer, bearer }] }, /attestationAuthorities is wrong: .* has bearer/);
  });

  it('takes a whole resource id for the machine that the endpoint stands for', () => {
    for (const machineResourceId of [
      'vm',
      '/subscriptions/s',
      '/subscriptions/s/resourceGroups/g/providers/T/v/n/more',
    ]) {
      refuses({ machineResourceId }, /machineResourceId must be the resource id/);
    }
  });

  it('refuses what it does not know, and what is of the wrong kind, by name', () => {
    refuses({ prot: 1 }, /has a setting that does not exist: prot\./);
    refuses({ __proto__x: 1 }, /does not exist: __proto__x\./);
    for (const port of [-1, 65_536, 1.5, '8443', true, null])
      refuses({ port }, /^The setting port in .* must be 0 to 65535\./);
    for (const domain of ['', 5, null]) refuses({ domain }, /^The setting domain in .* must be a text\./);
    for (const domain of ['a b', '.a', 'a.', 'a..b', 'a/b', 'ä', 'x'.repeat(201)])
      refuses({ domain }, /is not a domain name\.$/);
    for (const addresses of ['127.0.0.1', [], [5], null])
      refuses({ addresses }, /^The setting addresses in .* must be a list of texts\./);
    refuses({ acceptNewerApiVersions: 'true' }, /must be true or false\./);
    refuses({ tlsKeyFile: '/a' }, /must be set together/);
    refuses({ tlsCertificateFile: '/a' }, /must be set together/);
    for (const port of ['', 'x', '-1', '65536', '1e3', ' 1']) refuses({}, /^--port must be 0 to 65535\.$/, { port });
    refuses({}, /^--imds-port must be 0 to 65535\.$/, { imdsPort: 'x' });
  });

  it('refuses a file that is no JSON object or not there', () => {
    for (const text of ['', '{', 'port: 1']) refuses(text, /^The configuration .* cannot be read: it is not JSON\./);
    for (const text of ['[]', 'null', '5']) refuses(text, /^The configuration .* must be a JSON object\./);
    assert.throws(() => readConfig({ dataDir: folder, configFile: join(folder, 'none') }), /cannot be read: ENOENT/);
  });

  it('reads files that settings name, or says which setting named them', () => {
    writeFileSync(file, 'text');
    assert.equal(readNamedFile(file, 'x'), 'text');
    assert.throws(
      () => readNamedFile(join(folder, 'none'), 'postgresUrlFile'),
      /^ConfigFault: The file .*none that postgresUrlFile names cannot be read: ENOENT/,
    );
  });
});
