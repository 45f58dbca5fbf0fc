import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, type Program, startProgram } from '../../support/child-process.ts';

const execute = promisify(execFile);

/** A program that serves a synced certificate. */
export interface TlsServer {
  readonly port: number;
  /** What makes it read its files again. */
  readonly reload: readonly string[];
  stop(): Promise<void>;
}

/** nginx over a certificate and a key file that are there already. */
export async function startNginx(folder: string, certFile: string, keyFile: string): Promise<TlsServer> {
  const port = await freePort();
  mkdirSync(join(folder, 'nginx'), { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/nginx/${kind};`,
  );
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off; pid ${folder}/nginx/pid; error_log stderr; worker_processes 1;
events { }
http { access_log off; ${temporary.join(' ')}
  server { listen 127.0.0.1:${port} ssl; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; return 200 "served"; } }
`,
  );
  const nginx = await startProgram(['/usr/sbin/nginx', '-c', config, '-p', folder], port);
  return {
    port,
    reload: ['/usr/sbin/nginx', '-c', config, '-p', folder, '-s', 'reload'],
    stop: () => stopMaster(nginx, join(folder, 'nginx', 'pid')),
  };
}

/** Its workers end with the master only where that ends in order. */
async function stopMaster(nginx: Program, pidFile: string): Promise<void> {
  await execute('/bin/sh', ['-c', `kill -QUIT "$(cat ${pidFile})" 2>/dev/null; sleep 0.2; true`]);
  await nginx.stop();
}

/** HAProxy over one PEM file. */
export async function startHaproxy(folder: string, pemFile: string): Promise<TlsServer> {
  const port = await freePort();
  const config = join(folder, 'haproxy.cfg');
  writeFileSync(
    config,
    `defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:${port} ssl crt ${pemFile}
  http-request return status 200 content-type text/plain string served
`,
  );
  const haproxy = await startProgram(['/usr/sbin/haproxy', '-f', config, '-db'], port);
  return { port, reload: [], stop: () => haproxy.stop() };
}

/** What curl gets from the name, verified against one root; rejects where it does not verify. */
export async function curl(name: string, port: number, rootFile: string): Promise<string> {
  const args = ['--silent', '--show-error', '--fail', '--max-time', '10', '--cacert', rootFile];
  const { stdout } = await execute('curl', [
    ...args,
    '--resolve',
    `${name}:${port}:127.0.0.1`,
    `https://${name}:${port}/`,
  ]);
  return stdout;
}
