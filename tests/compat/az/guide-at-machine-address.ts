import { join } from 'node:path';
import { MACHINE_ADDRESS, withMachineAddress } from '../machine-address.ts';
import { openReadingServer, runClient } from '../reading-client.ts';

/** Run by `guide.test.ts` in a network of its own: the guide's curl commands for the identity of a machine, as JSON. */
const url = `http://${MACHINE_ADDRESS}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net`;
const env = { PATH: process.env['PATH'] ?? '' };

await withMachineAddress(async (options) => {
  const at = await openReadingServer(options);
  const { server } = at;
  try {
    const asked = await runClient('curl', ['-s', '-H', 'Metadata: true', url], env);
    const { access_token: token, token_type: type, resource } = JSON.parse(asked.stdout);
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString('utf8'));
    const bare = await runClient('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', url], env);
    const isMachine = claims.oid === server.machinePrincipalId;
    // A token is no word of a command line: curl reads it from standard input.
    const vault = `${server.env['AZURE_KEYVAULT_URL']}/secrets?api-version=7.4`;
    const trust = ['--cacert', join(server.dataDir, 'ca.pem'), '--config', '-'];
    const listed = await runClient('curl', ['-s', ...trust, vault], env, `header = "Authorization: Bearer ${token}"\n`);
    console.log(JSON.stringify({ type, resource, isMachine, bare: bare.stdout, refusal: JSON.parse(listed.stdout) }));
  } finally {
    await at.close();
  }
});
