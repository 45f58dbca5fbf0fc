import { spawn } from 'node:child_process';
import { CommandError } from '../command.ts';

const LIMIT_MS = 20_000;
const MOST_BYTES = 1024 * 1024;

/**
 * A PKCS #12 file without a password as PEM. Vaults give certificates so; reading one is OpenSSL's business. Nothing
 * touches the disk.
 * @throws CommandError
 */
export async function pemOfPkcs12(pfx: Buffer): Promise<string> {
  const args = ['pkcs12', '-passin', 'pass:', '-nodes'];
  const first = await openssl(args, pfx);
  // Files of older services are encrypted with RC2, which OpenSSL 3 keeps apart.
  const read = first ?? (await openssl([...args, '-legacy'], pfx));
  if (read === null) throw new CommandError('OpenSSL cannot read the PKCS #12 file that the vault gave.');
  return read.toString('latin1');
}

/**
 * A PKCS #12 file for a Java keystore or whoever wants one, encrypted under the password in a file (AES-256, HMAC-SHA-256).
 * @throws CommandError
 */
export async function pkcs12Of(pem: string, alias: string, passwordFile: string): Promise<Buffer> {
  const args = ['pkcs12', '-export', '-name', alias, '-passout', `file:${passwordFile}`];
  const made = await openssl(args, Buffer.from(pem));
  if (made === null) throw new CommandError(`OpenSSL cannot make the PKCS #12 file: is ${passwordFile} readable?`);
  return made;
}

/** What it wrote; null where it failed. What it says of the failure is let go: it could quote what it was given. */
function openssl(args: readonly string[], input: Buffer): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('openssl', args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    let length = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MOST_BYTES) child.kill('SIGKILL');
      else chunks.push(chunk);
    });
    child.on('error', () => reject(new CommandError('openssl cannot be run: install OpenSSL 1.1.1 or later.')));
    child.on('close', (code) => resolve(code === 0 ? Buffer.concat(chunks) : null));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
