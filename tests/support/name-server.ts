import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startProgram } from './child-process.ts';

/** BIND, authoritative for `dyn.test`, which takes updates that are signed with a TSIG key. */
export interface NameServer {
  readonly port: number;
  /** A file with the key that it knows. */
  readonly keyFile: string;
  /** A file with a key of the same name that it does not know. */
  readonly wrongKeyFile: string;
  stop(): Promise<void>;
}

/** Starts it in a folder of its own; every host of the zone is 127.0.0.1. */
export async function startNameServer(): Promise<NameServer> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-named-'));
  // It keeps its journal there, as whoever it runs as.
  chmodSync(folder, 0o777);
  const port = await freePort();
  const [keyFile, wrongKeyFile] = [join(folder, 'tsig.key'), join(folder, 'wrong.key')];
  for (const path of [keyFile, wrongKeyFile]) {
    const secret = randomBytes(32).toString('base64');
    writeFileSync(path, `key "strongroom" { algorithm hmac-sha256; secret "${secret}"; };\n`, { mode: 0o644 });
  }
  const zone = '$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n* A 127.0.0.1\n';
  writeFileSync(join(folder, 'zone'), zone);
  writeFileSync(
    join(folder, 'named.conf'),
    `include "${keyFile}";
options { directory "${folder}"; pid-file none; session-keyfile "${folder}/session.key"; recursion no;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; managed-keys-directory "${folder}"; };
controls { };
zone "dyn.test" { type master; file "${folder}/zone"; update-policy { grant strongroom wildcard *.dyn.test. TXT; }; };
`,
  );
  const named = await startProgram(['/usr/sbin/named', '-g', '-n', '1', '-c', join(folder, 'named.conf')], port);
  return {
    port,
    keyFile,
    wrongKeyFile,
    stop: async () => {
      await named.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
