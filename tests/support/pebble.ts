import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueServerCertificate } from '../../src/tls/local-ca.ts';
import { freePort, startProgram } from './child-process.ts';
import { openGate } from './tcp-gate.ts';

const VERSION = 'v2.10.1';

/** A running ACME test server. */
export interface Pebble {
  readonly directoryUrl: string;
  /** PEM of the authority of its own TLS certificate. */
  readonly caPem: string;
  /** Where it looks for http-01 and tls-alpn-01. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Port of the challenge test server's management; what its name server says is set there. */
  readonly managementPort: number;
  /** Cuts the ACME server off, or joins it again; it has forgotten nothing. */
  outage(isDown: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** How a test wants it. */
export interface PebbleOptions {
  /** `key id` to base64url HMAC keys: accounts then need one. */
  readonly bindings?: Readonly<Record<string, string>>;
  /** Percent of good nonces that it refuses. */
  readonly refusedNonces?: number;
  /** `host:port` of a name server in place of the challenge test server's. */
  readonly nameServer?: string;
}

/** Starts pebble and its challenge test server, which resolves every name to 127.0.0.1. */
export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const programs = join(process.env['STRONGROOM_CACHE'] ?? '.cache', 'pebble', VERSION);
  if (!existsSync(join(programs, 'pebble'))) throw new Error('There is no pebble: run tests/compat/install-pebble.sh');
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-pebble-'));
  const ports = { acme: await freePort(), http: await freePort(), tls: await freePort(), dns: await freePort() };
  const [managementPort, pebbleManagement] = [await freePort(), await freePort()];
  const caPem = await writeConfiguration(folder, ports, pebbleManagement, options);
  const names = [`-dnsserver=127.0.0.1:${ports.dns}`, `-management=127.0.0.1:${managementPort}`, '-defaultIPv6='];
  const off = ['-http01=', '-https01=', '-tlsalpn01=', '-doh='];
  const challenges = await startProgram([join(programs, 'pebble-challtestsrv'), ...names, ...off], managementPort);
  const nameServer = options.nameServer ?? `127.0.0.1:${ports.dns}`;
  const acme = await startProgram(
    [join(programs, 'pebble'), '-config', join(folder, 'config.json'), '-dnsserver', nameServer],
    ports.acme,
    {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(options.refusedNonces ?? 0),
      PEBBLE_AUTHZREUSE: '0',
    },
  );
  // Its addresses follow the Host header, so the gate's port is in all of them.
  const gate = await openGate(ports.acme);
  return {
    directoryUrl: `https://localhost:${gate.port}/dir`,
    caPem,
    httpPort: ports.http,
    tlsPort: ports.tls,
    managementPort,
    outage: (isDown) => gate.outage(isDown),
    stop: async () => {
      await gate.outage(true);
      await acme.stop();
      await challenges.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function writeConfiguration(
  folder: string,
  ports: { readonly acme: number; readonly http: number; readonly tls: number },
  management: number,
  options: PebbleOptions,
): Promise<string> {
  const now = Date.now();
  const authority = await createAuthority({ now, commonName: 'pebble' });
  const names = { names: ['localhost'], ipAddresses: ['127.0.0.1'], lifetimeDays: 1 };
  const { privateKeyPem, certificatePem } = await issueServerCertificate({ authority, now, ...names });
  writeFileSync(join(folder, 'key.pem'), privateKeyPem, { mode: 0o600 });
  writeFileSync(join(folder, 'cert.pem'), certificatePem);
  const pebble = {
    listenAddress: `127.0.0.1:${ports.acme}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: join(folder, 'cert.pem'),
    privateKey: join(folder, 'key.pem'),
    httpPort: ports.http,
    tlsPort: ports.tls,
    externalAccountBindingRequired: options.bindings !== undefined,
    externalAccountMACKeys: options.bindings ?? {},
    domainBlocklist: ['blocked-domain.example'],
    retryAfter: { authz: 1, order: 1 },
    profiles: { default: { description: 'tests', validityPeriod: 7_776_000 } },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ pebble }));
  return authority.certificatePem;
}
