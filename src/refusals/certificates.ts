import { rows } from './row.ts';

const show = 'az keyvault certificate show --vault-name {vault} --name {name}';
const pending = 'az keyvault certificate pending show --vault-name {vault} --name {name}';
const recover = 'az keyvault certificate recover --vault-name {vault} --name {name}';
const notFound =
  'A certificate with (name/id) {id} was not found in this key vault. If you recently deleted this certificate you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182';

/** Refusals of the certificates API: names, pending operations, what is imported or merged, issuers and contacts. */
export const certificateRefusals = rows({
  'certificate-not-found': {
    check: 'state',
    status: 404,
    error: 'CertificateNotFound',
    message: notFound,
    cause: 'The vault has no certificate, or no version, of this name.',
    remedy: [
      'az keyvault certificate list --vault-name {vault} --include-pending true --output table',
      'az keyvault certificate list-versions --vault-name {vault} --name {name}',
    ],
  },
  'certificate-deleted': {
    check: 'state',
    status: 404,
    error: 'CertificateNotFound',
    message: notFound,
    cause: 'The certificate was deleted at {deleted} and can be recovered until {purge}.',
    remedy: [recover],
  },
  'deleted-certificate-not-found': {
    check: 'state',
    status: 404,
    error: 'CertificateNotFound',
    message: 'Deleted Certificate not found: {name}',
    cause: 'The vault has no deleted certificate of this name: it is live, purged, or never was.',
    remedy: ['az keyvault certificate list-deleted --vault-name {vault} --include-pending true --output table'],
  },
  'certificate-name-deleted': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    inner: 'ObjectIsDeletedButRecoverable',
    message:
      'Certificate {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the certificate can only be recovered or purged.',
    cause: 'A certificate of this name was deleted at {deleted}; it keeps its name until it is purged at {purge}.',
    remedy: [recover, 'az keyvault certificate purge --vault-name {vault} --name {name}'],
  },
  'certificate-name-taken': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    message: 'A {kind} with the name {name} already exists in this key vault; a certificate needs a name of its own.',
    cause:
      'A certificate has a key and a secret of its own name, and there is a {kind} {name} that no certificate made.',
    remedy: [
      'Use another name for the certificate.',
      'az keyvault {kind} delete --vault-name {vault} --name {name}',
      'az keyvault {kind} purge --vault-name {vault} --name {name}',
    ],
  },
  'certificate-exists': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    message: 'A certificate with the name {name} already exists in this key vault.',
    cause: 'A backup is restored only where its name is free.',
    remedy: [show],
  },
  'certificate-in-progress': {
    check: 'state',
    status: 409,
    error: 'Conflict',
    message: 'The certificate {name} has a pending operation that is in progress.',
    cause: 'One version of a certificate is made at a time; the operation {requestId} has not ended.',
    remedy: [pending, 'az keyvault certificate pending delete --vault-name {vault} --name {name}'],
  },
  'certificate-pending-not-found': {
    check: 'state',
    status: 404,
    error: 'PendingCertificateNotFound',
    message: 'Pending certificate not found: {name}',
    cause: 'The certificate was imported, its pending operation was deleted, or there is no such certificate.',
    remedy: [show],
  },
  'certificate-pending-ended': {
    check: 'state',
    status: 403,
    error: 'Forbidden',
    message: 'Pending status must be in progress to allow update.',
    cause: 'The pending operation of {name} has ended: {status}.',
    remedy: [pending],
  },
  'certificate-create-unknown': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'Property has invalid value: policy: it is required for a certificate that has none yet.',
    cause: 'A new version follows the policy of its certificate; there is no certificate {name} to have one.',
    remedy: [
      'az keyvault certificate create --vault-name {vault} --name {name} --policy "$(az keyvault certificate get-default-policy)"',
    ],
  },
  'certificate-import-unusable': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'The certificate cannot be imported: {reason}.',
    cause: 'The file that was sent has not what a certificate with its private key needs: {reason}.',
    remedy: [
      'openssl pkcs12 -in FILE -info -noout',
      'Send PKCS #12 in base64 with its password, or PEM with the private key and the certificates.',
    ],
  },
  'certificate-import-password': {
    check: 'body',
    status: 400,
    error: 'BadParameter',
    message: 'The specified PKCS#12 or PEM content cannot be opened: the password is wrong, or one is needed.',
    cause: 'The content is encrypted, or protected by a code, under another password than the one that was sent.',
    remedy: ['az keyvault certificate import --vault-name {vault} --name {name} --file FILE --password PASSWORD'],
  },
  'certificate-merge-unusable': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'The certificate cannot be merged: {reason}.',
    cause: 'What the authority gave does not answer the pending request of {name}: {reason}.',
    remedy: [pending, 'az keyvault certificate pending merge --vault-name {vault} --name {name} --file CHAIN.pem'],
  },
  'certificate-issuer-not-found': {
    check: 'state',
    status: 404,
    error: 'CertificateIssuerNotFound',
    message: 'Certificate issuer not found: {issuer}',
    cause: 'The vault has no issuer of this name; Self and Unknown are always there.',
    remedy: [
      'az keyvault certificate issuer list --vault-name {vault}',
      'az keyvault certificate issuer create --vault-name {vault} --issuer-name {issuer} --provider-name PROVIDER',
    ],
  },
  'certificate-issuer-disabled': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'The certificate issuer {issuer} is disabled.',
    cause: 'The issuer has attributes.enabled false.',
    remedy: ['az keyvault certificate issuer update --vault-name {vault} --issuer-name {issuer} --enabled true'],
  },
  'certificate-provider-unknown': {
    check: 'state',
    status: 400,
    error: 'BadParameter',
    message: 'The certificate issuer {issuer} of the provider {provider} cannot be asked for a certificate: {reason}.',
    cause:
      'This server does not know whom to ask for a certificate, or the issuer does not fit what it knows: {reason}.',
    remedy: [
      'az keyvault certificate issuer show --vault-name {vault} --issuer-name {issuer}',
      'Use the issuer Unknown and merge what the authority gives.',
    ],
  },
  'certificate-contacts-not-found': {
    check: 'state',
    status: 404,
    error: 'ContactsNotFound',
    message: 'Contacts not found in this key vault.',
    cause: 'Nobody has set the contacts of the certificates of {vault}.',
    remedy: ['az keyvault certificate contact add --vault-name {vault} --email ADDRESS'],
  },
});
