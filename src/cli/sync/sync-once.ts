import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/ports.ts';
import { type ServedCertificate, ServedCertificateFault, servedCertificate } from '../../crypto/served-certificate.ts';
import { CommandError, type CommandIo, errorCode } from '../command.ts';
import { type Delivery, deliver, isDelivered } from './deliver-file.ts';
import { pemOfPkcs12, pkcs12Of } from './openssl.ts';
import { runReload } from './run-reload.ts';
import type { SyncOrder } from './sync-order.ts';
import { readCertificateSecret } from './vault-client.ts';

/** What a look did. */
export interface SyncResult {
  /** Version of the vault's secret. */
  readonly version: string;
  readonly written: readonly string[];
  readonly reloaded: boolean;
}

/**
 * Brings the files up to the vault's newest version, and runs the reload command where what was last reloaded is another. A fall
 * between the two is made good by the next look: what was reloaded is noted only after.
 * @throws CommandError; the files are then as they were, or, where the reload failed, new
 */
export async function syncOnce(order: SyncOrder, io: CommandIo, clock: Clock): Promise<SyncResult> {
  const secret = await readCertificateSecret(order.place, order.name, io);
  const served = await parse(secret.contentType, secret.value);
  if (served.expires <= clock.now()) {
    throw new CommandError(`The newest version of ${order.name} has expired: the files are left as they are.`);
  }
  const digest = digestOf(served, order);
  const isKnown = readNote(order.noteFile) === digest;
  const deliveries = await deliveriesOf(order, served, isKnown);
  const missing = deliveries.filter((one) => !withPath(one.path, 'read', () => isDelivered(one)));
  for (const one of missing) withPath(one.path, 'written', () => deliver(one));
  const written = missing.map(({ path }) => path);
  if (isKnown && written.length === 0) return { version: secret.version, written, reloaded: false };
  if (order.reload.length > 0) await runReload(order.reload, io.env);
  const note = { path: order.noteFile, content: Buffer.from(`${digest}\n`), mode: 0o644, owner: null };
  withPath(order.noteFile, 'written', () => deliver(note));
  return { version: secret.version, written, reloaded: order.reload.length > 0 };
}

async function parse(contentType: string, value: string): Promise<ServedCertificate> {
  try {
    if (contentType === 'application/x-pem-file') return servedCertificate(value);
    if (contentType === 'application/x-pkcs12') {
      return servedCertificate(await pemOfPkcs12(Buffer.from(value, 'base64')));
    }
  } catch (error) {
    if (error instanceof ServedCertificateFault) throw new CommandError(`The vault's certificate: ${error.message}`);
    throw error;
  }
  throw new CommandError(`The secret's content type '${contentType}' is none of a certificate.`);
}

async function deliveriesOf(
  order: SyncOrder,
  served: ServedCertificate,
  isKnown: boolean,
): Promise<readonly Delivery[]> {
  const { certFile, keyFile, pemFile, pkcs12 } = order;
  const { leafPem, chainPem, keyPem } = served;
  const secret = { mode: order.mode, owner: order.owner };
  const open = { mode: 0o644, owner: order.owner };
  const files: Delivery[] = [];
  // The key first: whoever restarts between the two finds the pair that differs for one rename only.
  if (keyFile) files.push({ path: keyFile, content: Buffer.from(keyPem), ...secret });
  if (certFile) files.push({ path: certFile, content: Buffer.from(leafPem + chainPem), ...open });
  if (pemFile) files.push({ path: pemFile, content: Buffer.from(leafPem + chainPem + keyPem), ...secret });
  // Salted, so never twice the same: it is made anew for another certificate, or where it is gone.
  if (pkcs12 && !(isKnown && isThere(pkcs12.file))) {
    const content = await pkcs12Of(keyPem + leafPem + chainPem, order.name, pkcs12.passwordFile);
    files.push({ path: pkcs12.file, content, ...secret });
  }
  return files;
}

/** What was served where: other files for the same certificate are a change as well. */
function digestOf({ keyPem, leafPem, chainPem }: ServedCertificate, order: SyncOrder): string {
  const places = [order.certFile, order.keyFile, order.pemFile, order.pkcs12?.file];
  return createHash('sha256')
    .update(JSON.stringify([keyPem, leafPem, chainPem, places]))
    .digest('hex');
}

function readNote(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw new CommandError(`${path} cannot be read: ${errorCode(error)}.`);
  }
}

function isThere(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false;
  }
}

function withPath<T>(path: string, what: 'read' | 'written', work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CommandError(`${path} cannot be ${what}: ${errorCode(error) ?? (error as Error).message}.`);
  }
}
