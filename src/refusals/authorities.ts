import { rows } from './row.ts';

/** Refusals of the vaults' own certificate authorities. */
export const authorityRefusals = rows({
  'authority-not-owner': {
    check: 'authorise',
    status: 403,
    error: 'AuthorizationFailed',
    message: "The client with object id '{oid}' may not revoke certificates of the authority. That takes an Owner.",
    cause: 'A revocation cannot be taken back, so other roles do not suffice, whatever actions they hold.',
    remedy: ['Ask as an Owner of the subscription: strongroom certificates authorities'],
  },
  'authority-not-found': {
    check: 'state',
    status: 404,
    error: 'CertificateAuthorityNotFound',
    message: 'There is no certificate authority of that name in the configuration of this server.',
    cause: 'No entry of certificateAuthorities with the provider StrongroomCA has that name.',
    remedy: ['strongroom certificates authorities'],
  },
  'authority-unusable': {
    check: 'state',
    status: 409,
    error: 'CertificateAuthorityUnusable',
    message: 'The certificate authority cannot be used: {reason}',
    cause: 'Its key was deleted or disabled, its vault is gone, or its certificate is of another key.',
    remedy: ['Recover or enable the key: az keyvault key recover, az keyvault key set-attributes --enabled true'],
  },
  'authority-serial-not-found': {
    check: 'state',
    status: 404,
    error: 'CertificateSerialNotFound',
    message: 'The authority has issued no certificate with that serial number.',
    cause:
      'The serial number is of another authority, or mistyped: it is hexadecimal, as openssl x509 -serial shows it.',
    remedy: ['openssl x509 -noout -serial -issuer -in CERTIFICATE'],
  },
  'authority-revocation-invalid': {
    check: 'body',
    status: 400,
    error: 'InvalidRevocation',
    message: 'The revocation is not made: {reason}.',
    cause: 'A serial number in hexadecimal and one of the reasons of RFC 5280 §5.3.1 are expected.',
    remedy: ['strongroom certificates revoke --authority NAME --serial SERIAL --reason keyCompromise'],
  },
});
