import { DAY, toIso } from '../base/text.ts';
import type { Answer, ApiVersions, Call, Operation } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Store } from '../store/store.ts';
import { type FailingIssuer, failingIssuers, type ListedCertificate, listedCertificates } from './repository.ts';
import { riskOf } from './risk.ts';
import { operationOf, policyOf } from './versions.ts';

/** The api-version of the list of certificates at risk. */
export const DUE_API_VERSION = '2026-01-01';

const versions: ApiVersions = { known: [DUE_API_VERSION] };
const DEFAULT_DAYS = 30;
const MOST_DAYS = 3650;
const PAGE = 500;
/** The most that are told; whoever has more has another question. */
const MOST_TOLD = 1000;

/** GET …/providers/Strongroom.Certificates/due: the certificates and issuers of a subscription that need somebody, and why. */
export function dueOperations(parts: { readonly store: Store }): readonly Operation[] {
  return [
    {
      id: 'CertificateDueList',
      plane: 'management',
      method: 'GET',
      path: '/subscriptions/:subscriptionId/providers/Strongroom.Certificates/due',
      versions,
      need: {
        kind: 'management',
        action: 'Microsoft.KeyVault/vaults/read',
        scope: (parameters) => `/subscriptions/${parameters['subscriptionId'] ?? ''}`,
      },
      throttle: 'none',
      body: 'none',
      success: [200],
      run: (call) => listDue(parts, call),
    },
  ];
}

async function listDue({ store }: { readonly store: Store }, call: Call): Promise<Answer> {
  const days = readDays(call.query['days']);
  const subscriptionId = (call.parameters['subscriptionId'] ?? '').toLowerCase();
  const before = Math.floor((call.time + days * DAY) / 1000);
  const value: object[] = [];
  let place = { afterVault: '', afterName: '' };
  for (;;) {
    const rows = await listedCertificates.all(store.reader, { subscriptionId, before, ...place, limit: PAGE });
    for (const row of rows) {
      const risk = riskOf(factsOf(row), call.time, days * DAY);
      if (risk && value.length < MOST_TOLD) value.push(shown(row, risk));
    }
    const last = rows[rows.length - 1];
    if (!last || rows.length < PAGE || value.length >= MOST_TOLD) break;
    place = { afterVault: last.vault_id, afterName: last.name_key };
  }
  const failing = await failingIssuers.all(store.reader, { subscriptionId, limit: PAGE });
  const issuers = failing.map(shownIssuer);
  return { status: 200, body: { value, issuers, isWhole: value.length < MOST_TOLD } };
}

function factsOf(row: ListedCertificate) {
  const isIssued = row.cer !== null && row.nbf !== null && row.expires !== null;
  return {
    policy: policyOf(row),
    operation: operationOf(row),
    life: isIssued ? { starts: row.nbf! * 1000, ends: row.expires! * 1000 } : null,
    isEnabled: row.enabled === 1,
  };
}

function shown(row: ListedCertificate, { kind, why }: { readonly kind: string; readonly why: string }): object {
  const { issuer } = policyOf(row);
  const expires = row.expires === null ? null : toIso(row.expires * 1000);
  return { vault: row.vault_name, certificate: row.name, issuer, expires, risk: kind, why };
}

function shownIssuer({ vault_name: vault, name, provider, failing_since: since, health }: FailingIssuer): object {
  const { details } = (JSON.parse(health) as { health: { details: string } }).health;
  return { vault, issuer: name, provider, since: toIso(Number(since)), why: details };
}

/** @throws Refusal `query-invalid` */
function readDays(text: string | undefined): number {
  if (text === undefined) return DEFAULT_DAYS;
  const days = Number(text);
  if (/^\d{1,4}$/.test(text) && days >= 1 && days <= MOST_DAYS) return days;
  throw new Refusal('query-invalid', { parameter: 'days', reason: `it must be 1 to ${MOST_DAYS}` });
}
