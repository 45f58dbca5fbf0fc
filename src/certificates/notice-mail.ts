import { toIso } from '../base/text.ts';
import type { Notice } from './parts.ts';

/** What each kind of notice begins with. */
const headlines: Readonly<Record<Notice['kind'], string>> = {
  'near-expiry': 'ends soon',
  expired: 'has ended',
  'renewal-hindered': 'could not be issued yet; it is tried again',
  'renewal-failed': 'could not be issued',
};

/** A notice as an e-mail: subject and plain text. */
export function noticeMail(notice: Notice): { readonly subject: string; readonly text: string } {
  const { kind, vault, certificate, expires, reason } = notice;
  const subject = `Certificate ${certificate} in ${vault.name}: ${headlines[kind]}`;
  const lines = [
    `The certificate ${certificate} in the vault ${vault.name} ${headlines[kind]}.`,
    '',
    expires === null ? 'There is no valid version of it.' : `The current version is valid until ${toIso(expires)}.`,
    ...(reason === '' ? [] : ['', `Reason: ${reason}`]),
    '',
    'What it waits for:',
    `  az keyvault certificate pending show --vault-name ${vault.name} --name ${certificate}`,
    'Everything that needs somebody:',
    '  strongroom certificates due',
    '',
    `You are told because you are a contact of the certificates of ${vault.name}.`,
  ];
  return { subject, text: `${lines.join('\n')}\n` };
}
