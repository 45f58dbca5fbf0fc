import { checkNames } from '../operations/decision.ts';
import { armRequestRefusals } from '../refusals/arm-requests.ts';
import { authorisationRefusals } from '../refusals/authorisation.ts';
import { authorityRefusals } from '../refusals/authorities.ts';
import { certificateRefusals } from '../refusals/certificates.ts';
import { clockRefusals } from '../refusals/clock.ts';
import { dataRefusals } from '../refusals/data.ts';
import { encryptionKeyRefusals } from '../refusals/encryption-keys.ts';
import { federationRefusals } from '../refusals/federation.ts';
import { generalRefusals } from '../refusals/general.ts';
import { graphRefusals } from '../refusals/graph.ts';
import { keyReleaseRefusals } from '../refusals/key-release.ts';
import { keyRefusals } from '../refusals/keys.ts';
import { lockRefusals } from '../refusals/locks.ts';
import { loginRefusals } from '../refusals/login.ts';
import { managedIdentityRefusals } from '../refusals/managed-identity.ts';
import { managementRefusals } from '../refusals/management.ts';
import { moveRefusals } from '../refusals/moves.ts';
import { outsideTokenRefusals } from '../refusals/outside-tokens.ts';
import { peopleRefusals } from '../refusals/people.ts';
import { privateEndpointRefusals } from '../refusals/private-endpoints.ts';
import type { RefusalRow } from '../refusals/row.ts';
import { signInRefusals } from '../refusals/sign-in.ts';
import { signingKeyRefusals } from '../refusals/signing-keys.ts';
import { vaultMoveRefusals } from '../refusals/vault-moves.ts';

type Table = Readonly<Record<string, RefusalRow>>;

const sections: readonly { readonly title: string; readonly table: Table }[] = [
  { title: 'Every plane', table: generalRefusals },
  { title: 'Data plane', table: dataRefusals },
  { title: 'Keys', table: keyRefusals },
  { title: 'Keys that leave or arrive wrapped', table: keyReleaseRefusals },
  { title: 'Certificates', table: certificateRefusals },
  { title: 'Management plane', table: managementRefusals },
  { title: 'Requests to the management plane', table: armRequestRefusals },
  { title: 'Roles, conditions, denials', table: authorisationRefusals },
  { title: 'Management locks', table: lockRefusals },
  { title: 'Private endpoint connections', table: privateEndpointRefusals },
  { title: 'Moving between the permission models', table: moveRefusals },
  { title: 'Certificate authorities of vaults', table: authorityRefusals },
  { title: 'Moving a vault to another', table: vaultMoveRefusals },
  { title: 'The clock', table: clockRefusals },
  { title: 'Signing keys', table: signingKeyRefusals },
  { title: 'Root and vault keys', table: encryptionKeyRefusals },
  { title: 'Sign-in', table: loginRefusals },
  { title: 'People who sign in', table: signInRefusals },
  { title: 'Federated credentials', table: federationRefusals },
  { title: 'Managed identity', table: managedIdentityRefusals },
  { title: 'Tokens of outside issuers', table: outsideTokenRefusals },
  { title: 'Directory', table: graphRefusals },
  { title: 'People and groups', table: peopleRefusals },
];

const introduction = `# Refusals

Generated from \`src/refusals\`; do not edit. After a change there: \`node tests/architecture/write-refusals-page.ts\`.

Every refusal has a stable code. It is in the audit record of the request, and \`strongroom explain REQUEST_ID\` shows it with
its evidence. The caller sees status, error code and message; cause and remedy are for whoever may read the data directory.
\`{name}\` stands for a fact of the request. "Check" is the step of the pipeline that refuses; see architecture.md.
`;

/** The catalogue of refusals as the text of docs/refusals.md: a section for each plane, in the order of the checks. */
export function refusalsPage(): string {
  return [introduction, ...sections.map(({ title, table }) => sectionText(title, table))].join('\n');
}

function sectionText(title: string, table: Table): string {
  const entries = Object.entries(table).sort(
    ([, a], [, b]) => checkNames.indexOf(a.check) - checkNames.indexOf(b.check) || a.status - b.status,
  );
  return [`## ${title}\n`, ...entries.map(([code, row]) => rowText(code, row))].join('\n');
}

function rowText(code: string, row: RefusalRow): string {
  const number = row.aadsts === undefined ? '' : `, AADSTS${row.aadsts}`;
  const inner = row.inner === undefined ? '' : ` / \`${row.inner}\``;
  const management = row.management === undefined ? '' : ` (management plane: \`${row.management}\`)`;
  return [
    `### ${code}\n`,
    `${row.status} \`${row.error}\`${inner}${management}${number} · check: ${row.check}\n`,
    // Four spaces: a block in which nothing of a message is markup.
    `${row.message.trimEnd().replace(/^/gm, '    ').replace(/\r/g, '')}\n`,
    `${row.cause}\n`,
    ...row.remedy.map((step) => `- ${isCommand(step) ? codeSpan(step) : step}`),
    '',
  ].join('\n');
}

function isCommand(step: string): boolean {
  return /^(az|strongroom|curl|timedatectl|df) /.test(step);
}

/** Double backquotes where the text holds single ones. */
function codeSpan(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}
