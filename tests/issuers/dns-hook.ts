import { request } from 'node:http';
import type { DnsCommand } from '../../src/certificates/issuers/acme/dns-challenge.ts';
import type { Pebble } from '../support/pebble.ts';

/** The command that this file is: it sets what pebble's challenge test server says. */
export function hookCommand(pebble: Pebble): DnsCommand {
  const command = [process.execPath, import.meta.filename, String(pebble.managementPort)];
  return { command, timeLimitSeconds: 20, settleSeconds: 0 };
}

if (process.argv[1] === import.meta.filename) {
  const [port, what, name, value] = process.argv.slice(2);
  const path = what === 'present' ? '/set-txt' : '/clear-txt';
  const foreign = Object.keys(process.env).filter((key) => !['PATH', 'LANG'].includes(key));
  if (foreign.length > 0) process.exit(3);
  request({ host: '127.0.0.1', port, path, method: 'POST' }, (response) => {
    response.resume();
    process.exitCode = response.statusCode === 200 ? 0 : 1;
  }).end(JSON.stringify({ host: `${name}.`, value }));
}
