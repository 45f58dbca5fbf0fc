import { toIso } from '../base/text.ts';
import type { Notice } from './parts.ts';

/** What each kind of notice begins with. */
const headlines: Readonly<Record<Notice['kind'], string>> = {
  'near-expiry': 'ends soon',
  expired: 'has ended',
  'renewal-hindered': 'could not be issued yet; it is tried again',
  'renewal-failed': 'could not be issued',
  'issuer-failing': 'would take no order now',
  'issuer-recovered': 'takes orders again',
};

/** A notice as an e-mail: subject and plain text. */
export function noticeMail(notice: Notice): { readonly subject: string; readonly text: string } {
  const { kind, vault, certificate, expires, reason } = notice;
  if (kind === 'issuer-failing' || kind === 'issuer-recovered') return issuerMail(notice);
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

/** Renewals that are still far off would fail: there is time to mend it. */
function issuerMail({ kind, vault, certificate, reason }: Notice): { readonly subject: string; readonly text: string } {
  const name = certificate.replace('issuers/', '');
  const lines = [
    `The issuer ${name} in the vault ${vault.name} ${headlines[kind]}.`,
    ...(reason === '' ? [] : ['', `Reason: ${reason}`, '', 'Certificates are not renewed by it until that is mended:']),
    ...(reason === ''
      ? []
      : [`  az keyvault certificate issuer update --vault-name ${vault.name} --issuer-name ${name} …`]),
    '',
    `You are told because you are a contact of the certificates of ${vault.name}.`,
  ];
  return { subject: `Issuer ${name} in ${vault.name}: ${headlines[kind]}`, text: `${lines.join('\n')}\n` };
}
