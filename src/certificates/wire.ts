import { toSeconds } from '../base/text.ts';
import { objectId, sharedAttributes } from '../objects/lifecycle.ts';
import type { Call } from '../operations/operation.ts';
import { isVersionAtLeast } from '../operations/versions.ts';
import { namesToWire } from './alternative-names.ts';
import type { CertificateOperation } from './operation-state.ts';
import type { CertificatePolicy, LifetimeAction } from './policy.ts';
import type { CertificateRow } from './repository.ts';

/** CertificateBundle (certificates.json); a version that is not issued yet has no certificate in it. */
export function certificateBundle(call: Call, row: CertificateRow): Record<string, unknown> {
  const { name, version } = row;
  const policy = JSON.parse(row.policy) as CertificatePolicy;
  const isOrdered = row.preserve_order === 1 && isVersionAtLeast(call.apiVersion, '7.6-preview.2');
  return {
    id: objectId(call, 'certificates', name, version),
    kid: objectId(call, 'keys', name, version),
    sid: objectId(call, 'secrets', name, version),
    ...(row.x5t === null ? {} : { x5t: row.x5t }),
    ...(row.cer === null ? {} : { cer: row.cer }),
    ...(row.cer === null ? {} : { contentType: policy.contentType }),
    attributes: sharedAttributes(call, row),
    ...tags(row),
    policy: policyBody(call, name, policy),
    ...(isOrdered ? { preserveCertOrder: true } : {}),
    ...(row.operation === null ? {} : { pending: { id: pendingId(call, name) } }),
  };
}

/** CertificateItem: what lists show; with the version in its id in lists of versions. */
export function certificateItem(call: Call, row: CertificateRow, withVersion: boolean): Record<string, unknown> {
  return {
    id: objectId(call, 'certificates', row.name, withVersion ? row.version : undefined),
    ...(row.x5t === null ? {} : { x5t: row.x5t }),
    attributes: sharedAttributes(call, row),
    ...tags(row),
  };
}

/** CertificatePolicy. */
export function policyBody(call: Call, name: string, policy: CertificatePolicy): Record<string, unknown> {
  const isNewer = isVersionAtLeast(call.apiVersion, '2025-07-01');
  const sans = namesToWire(policy.sans, isNewer);
  return {
    id: `${objectId(call, 'certificates', name)}/policy`,
    key_props: {
      exportable: policy.exportable,
      kty: policy.kty,
      key_size: policy.keySize,
      reuse_key: policy.reuseKey,
      ...(policy.curve === null ? {} : { crv: policy.curve }),
    },
    secret_props: { contentType: policy.contentType },
    x509_props: {
      subject: policy.subject,
      ...(Object.keys(sans).length === 0 ? {} : { sans }),
      ekus: policy.ekus,
      key_usage: policy.keyUsage,
      validity_months: policy.validityMonths,
      basic_constraints: { ca: policy.isAuthority },
    },
    lifetime_actions: policy.lifetimeActions.map(actionBody),
    issuer: issuerBody(policy.issuer, policy.certificateType, policy.certTransparency),
    attributes: {
      enabled: policy.enabled,
      created: toSeconds(policy.created),
      updated: toSeconds(policy.updated),
    },
  };
}

/** CertificateOperation: the pending operation of a certificate. */
export function operationBody(call: Call, name: string, operation: CertificateOperation): Record<string, unknown> {
  const isOrdered = operation.preserveOrder && isVersionAtLeast(call.apiVersion, '7.6-preview.2');
  return {
    id: pendingId(call, name),
    issuer: issuerBody(operation.issuer, operation.certificateType, operation.certTransparency),
    csr: operation.csr,
    cancellation_requested: operation.isCancelled,
    status: operation.status,
    ...(operation.statusDetails === '' ? {} : { status_details: operation.statusDetails }),
    ...(operation.error === null ? {} : { error: operation.error }),
    ...(operation.status === 'completed' ? { target: objectId(call, 'certificates', name) } : {}),
    request_id: operation.requestId,
    ...(isOrdered ? { preserveCertOrder: true } : {}),
  };
}

/** The address of the pending operation. */
export function pendingId(call: Call, name: string): string {
  return `${objectId(call, 'certificates', name)}/pending`;
}

function issuerBody(name: string, type: string | null, transparency: boolean | null): Record<string, unknown> {
  return {
    name,
    ...(type === null ? {} : { cty: type }),
    ...(transparency === null ? {} : { cert_transparency: transparency }),
  };
}

function actionBody({ type, trigger }: LifetimeAction): Record<string, unknown> {
  return {
    trigger:
      'lifetimePercentage' in trigger
        ? { lifetime_percentage: trigger.lifetimePercentage }
        : { days_before_expiry: trigger.daysBeforeExpiry },
    action: { action_type: type },
  };
}

function tags(row: CertificateRow): { tags?: unknown } {
  return row.tags === null ? {} : { tags: JSON.parse(row.tags) as unknown };
}
