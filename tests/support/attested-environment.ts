import { constants, createDecipheriv, generateKeyPairSync, type KeyObject, privateDecrypt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assignRole, groupScope, objectIdOf, putVault } from './arm.ts';
import { getToken, resources } from './http.ts';
import { type HttpsIssuer, startIssuer } from './https-issuer.ts';
import { startRecordedServer } from './recorded-server.ts';
import type { TestServer } from './server.ts';

type Json = Readonly<Record<string, unknown>>;

/** A server that believes an attestation authority, and an environment that has a key for what is released to it. */
export interface AttestedEnvironment {
  readonly server: TestServer;
  /** A premium vault in which the administrator may do everything. */
  readonly vault: string;
  readonly authority: HttpsIssuer;
  /** A release policy, as JSON, that the environment meets. */
  readonly policy: string;
  /** The environment's key, as PEM (PKCS #8). */
  readonly privateKeyPem: string;
  /** Its attestation, good for ten minutes. */
  attest(): string;
  /** What the environment makes of a released key: the payload of the answer, and the key's bytes. */
  open(value: string): ReleasedKey;
  close(): Promise<void>;
}

/** A released key, opened. */
export interface ReleasedKey {
  readonly payload: {
    readonly request: Json;
    readonly response: { readonly key: { readonly key: Readonly<Record<string, string>> } & Json };
  };
  /** `key_hsm` without its ciphertext. */
  readonly wrapping: Json & { readonly header: Readonly<Record<string, string>> };
  /** PKCS #8, or the bytes of a symmetric key. */
  readonly material: Buffer;
}

/** The hash of OAEP by the name of the wrapping. */
const digests: Readonly<Record<string, string>> = {
  CKM_RSA_AES_KEY_WRAP: 'sha1',
  RSA_AES_KEY_WRAP_256: 'sha256',
  RSA_AES_KEY_WRAP_384: 'sha384',
};

/** Starts a server, an authority that it believes, and an environment. */
export async function openAttestedEnvironment(): Promise<AttestedEnvironment> {
  const authority = await startIssuer();
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-attested-'));
  const config = join(folder, 'config.json');
  const { issuer, caFile } = authority;
  writeFileSync(config, JSON.stringify({ attestationAuthorities: [{ issuer, caFile }] }));
  const server = await startRecordedServer({ args: ['--config', config] });
  const manager = await getToken(server, resources.management);
  const vault = 'premium-vault';
  await putVault(server, manager, vault, { sku: { family: 'A', name: 'premium' } });
  const principalId = objectIdOf(manager);
  await assignRole(server, manager, { role: 'Key Vault Administrator', principalId, scope: groupScope(server) });
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const conditions = [{ claim: 'x-tee.type', equals: 'sevsnpvm' }];
  return {
    server,
    vault,
    authority,
    policy: JSON.stringify({ version: '1.0.0', anyOf: [{ authority: issuer, allOf: conditions }] }),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    attest: () => attestationOf(authority, publicKey),
    open: (value) => openReleased(value, privateKey),
    close: async () => {
      await server.stop();
      authority.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An attestation of an environment whose key for what is released to it is this one; claims may be others. */
export function attestationOf(
  authority: HttpsIssuer,
  publicKey: KeyObject,
  claims: Json = {},
  header: Json = {},
): string {
  const now = Math.floor(Date.now() / 1000);
  const key = { ...publicKey.export({ format: 'jwk' }), kid: 'TpmEphemeralEncryptionKey', key_ops: ['encrypt'] };
  const usual = {
    iss: authority.issuer,
    ...{ iat: now, nbf: now, exp: now + 600 },
    'x-ms-runtime': { keys: [key] },
    'x-tee': { type: 'sevsnpvm' },
  };
  return authority.sign({ ...usual, ...claims }, header);
}

/** Opens a released key by the documents alone, with nothing of ours. */
export function openReleased(value: string, key: KeyObject): ReleasedKey {
  const payload = JSON.parse(
    Buffer.from(value.split('.')[1] ?? '', 'base64url').toString('utf8'),
  ) as ReleasedKey['payload'];
  return { payload, ...openWrapped(payload.response.key.key['key_hsm']!, key) };
}

/** Opens what was wrapped for an environment, as `key_hsm` of a released key has it. */
export function openWrapped(value: string, key: KeyObject): Omit<ReleasedKey, 'payload'> {
  const { ciphertext, ...wrapping } = JSON.parse(Buffer.from(value, 'base64url').toString('utf8'));
  const bytes = Buffer.from(ciphertext, 'base64url');
  const modulusBytes = key.asymmetricKeyDetails!.modulusLength! / 8;
  const oaepHash = digests[wrapping.header.enc]!;
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const aesKey = privateDecrypt({ key, padding, oaepHash }, bytes.subarray(0, modulusBytes));
  const decipher = createDecipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'));
  const material = Buffer.concat([decipher.update(bytes.subarray(modulusBytes)), decipher.final()]);
  return { wrapping, material };
}
