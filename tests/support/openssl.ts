import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The system's openssl in a folder of its own. */
export interface OpenSsl {
  readonly folder: string;
  /** Runs a command line, words split at spaces, and gives what it printed; throws what it said where it fails. */
  run(command: string, input?: string): string;
  write(name: string, content: string | Uint8Array): void;
  read(name: string): Buffer;
  close(): void;
}

/** Opens one. */
export function openSsl(): OpenSsl {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-openssl-'));
  return {
    folder,
    run: (command, input = '') => {
      try {
        const options = { cwd: folder, input, stdio: 'pipe', encoding: 'utf8' } as const;
        return execFileSync('openssl', command.trim().split(/\s+/), options);
      } catch (error) {
        throw new Error(`openssl ${command}: ${(error as { stderr?: string }).stderr}`);
      }
    },
    write: (name, content) => writeFileSync(join(folder, name), content),
    read: (name) => readFileSync(join(folder, name)),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** An authority made by openssl: a root and an intermediate, which signs requests. */
export interface OpensslAuthority {
  readonly root: string;
  readonly intermediate: string;
  /** Signs a request in DER; gives the certificate in PEM. `-days` and the like come last. */
  sign(csr: Buffer, more?: string): string;
}

/** Makes an authority in the folder. */
export function certificateAuthority(openssl: OpenSsl): OpensslAuthority {
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
  openssl.write('ca.ext', 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n');
  openssl.run(`req -x509 ${key} -keyout root.key -out root.pem -days 3650 -subj /CN=Root`);
  openssl.run(`req ${key} -keyout sub.key -out sub.csr -subj /CN=Intermediate`);
  openssl.run('x509 -req -in sub.csr -CA root.pem -CAkey root.key -days 3000 -extfile ca.ext -out sub.pem');
  return {
    root: openssl.read('root.pem').toString(),
    intermediate: openssl.read('sub.pem').toString(),
    sign: (csr, more = '-days 90') => {
      openssl.write('leaf.csr', csr);
      openssl.run(
        `x509 -req -inform DER -in leaf.csr -CA sub.pem -CAkey sub.key -copy_extensions copy -out leaf.pem ${more}`,
      );
      return openssl.read('leaf.pem').toString();
    },
  };
}
