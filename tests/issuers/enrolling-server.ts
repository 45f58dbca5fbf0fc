import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assignRole, groupScope, objectIdOf } from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer } from '../support/server.ts';

/** A server whose certificates come from one authority. */
export interface EnrollingServer {
  /** Makes a certificate by the authority, and gives the ended operation with what was issued, or null. */
  enrol(
    name: string,
    host: string,
  ): Promise<{ readonly operation: Operation; readonly issued: X509Certificate | null }>;
  /** All that the server has said and recorded, for canaries. */
  said(): Promise<string>;
  close(): Promise<void>;
}

interface Operation {
  readonly status: string;
  readonly status_details: string;
  readonly error: { readonly code: string } | null;
}

/**
 * Starts one.
 * @param authority an entry of `certificateAuthorities`; `files` are written beside the configuration, and named by `FOLDER/`
 * @param issuer the body that registers the issuer in the vault
 */
export async function enrollingServer(
  authority: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>>,
  issuer: object,
): Promise<EnrollingServer> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-authority-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const settings = JSON.stringify({ certificateAuthorities: [authority] }).replaceAll('FOLDER', folder);
  writeFileSync(join(folder, 'config.json'), settings);
  const server = await startServer({ args: ['--config', join(folder, 'config.json'), '--dev'] });
  let token = await getToken(server, resources.data);
  const ok = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const order = { method, host: 'main-vault.vault', token, path: `${path}?api-version=2025-07-01`, body } as Ask;
    const reply = await call(server, order);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`);
    return reply;
  };
  const role = { role: 'Key Vault Administrator', principalId: objectIdOf(token), scope: groupScope(server) };
  await assignRole(server, await getToken(server, resources.management), role);
  await ok('PUT', '/certificates/issuers/authority', issuer);
  const ended = async (name: string): Promise<Operation> => {
    for (let turn = 0; turn < 60; turn++) {
      const moved = await strongroom(['clock', '--advance', '5m', '--data-dir', server.dataDir]);
      assert.equal(moved.code, 0, moved.stderr);
      token = await getToken(server, resources.data);
      const { body } = await ok('GET', `/certificates/${name}/pending`);
      if (body.status !== 'inProgress') return body as Operation;
    }
    return assert.fail(`${name} comes to no end`);
  };
  return {
    enrol: async (name, host) => {
      const x509_props = { subject: `CN=${host}`, sans: { dns_names: [host] }, validity_months: 3 };
      const key_props = { kty: 'EC', crv: 'P-256' };
      await ok('POST', `/certificates/${name}/create`, {
        policy: { key_props, x509_props, issuer: { name: 'authority' } },
      });
      const operation = await ended(name);
      if (operation.status !== 'completed') return { operation, issued: null };
      const { cer } = (await ok('GET', `/certificates/${name}`)).body;
      return { operation, issued: new X509Certificate(Buffer.from(cer, 'base64')) };
    },
    said: async () => {
      const { stdout, stderr } = server.output();
      return stdout + stderr + (await strongroom(['audit', 'export', '--data-dir', server.dataDir])).stdout;
    },
    close: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
