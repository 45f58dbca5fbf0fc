import { type Check, checkNames, type Facts } from '../operations/decision.ts';
import { catalogue, isRefusalCode } from '../refusals/catalogue.ts';
import { fill } from '../refusals/refusal.ts';

/** The diagnosis of one request, from its audit record. */
export interface Explanation {
  readonly requestId: string;
  readonly time: string;
  readonly operation: string;
  readonly status: number;
  readonly uri: string;
  readonly caller: string;
  readonly address: string;
  /** The checks in order; `notReached` ones come after the one that refused. */
  readonly checks: readonly {
    readonly check: string;
    readonly outcome: 'passed' | 'refused' | 'not reached';
    readonly facts: Facts;
  }[];
  readonly refusal: { readonly code: string; readonly cause: string; readonly remedy: readonly string[] } | null;
}

interface StoredClaim {
  readonly oid: string;
  readonly appid: string;
  readonly iss: string;
  /** The subject of an outside issuer's token. */
  readonly sub?: string;
}

interface StoredRecord {
  readonly time: string;
  readonly operationName: string;
  readonly correlationId: string;
  readonly callerIpAddress: string;
  readonly identity: { readonly claim?: StoredClaim };
  readonly properties: {
    readonly httpStatusCode: number;
    readonly httpMethod: string;
    readonly requestUri: string;
    readonly refusal?: string;
    readonly checks?: readonly Check[];
  };
}

/** Reads an audit record as a diagnosis. */
export function explainRecord(line: string): Explanation {
  const record = JSON.parse(line) as StoredRecord;
  const { properties } = record;
  const checks = properties.checks ?? [];
  const failed = checks.find((check) => check.outcome === 'refused');
  const claim = record.identity.claim;
  return {
    requestId: record.correlationId,
    time: record.time,
    operation: record.operationName,
    status: properties.httpStatusCode,
    uri: `${properties.httpMethod} ${properties.requestUri}`,
    caller: claim ? callerText(claim) : 'not authenticated',
    address: record.callerIpAddress,
    checks: failed ? inOrder(checks) : [],
    refusal: properties.refusal ? remedyOf(properties.refusal, failed?.facts ?? {}) : null,
  };
}

function callerText({ oid, appid, iss, sub }: StoredClaim): string {
  const application = appid === '' ? '' : `, application ${appid}`;
  return `object id ${oid}${application}${sub === undefined ? '' : `, as ${sub} of ${iss}`}`;
}

/** The explanation as lines for a terminal. */
export function explanationLines(explanation: Explanation): readonly string[] {
  const lines = [
    `Request   ${explanation.requestId}`,
    `Time      ${explanation.time}`,
    `What      ${explanation.operation}: ${explanation.uri}`,
    `Caller    ${explanation.caller}, from ${explanation.address}`,
    `Status    ${explanation.status}`,
  ];
  if (!explanation.refusal) return [...lines, '', 'The request was not refused.'];
  lines.push('', 'Checks');
  for (const { check, outcome, facts } of explanation.checks) {
    if (outcome === 'refused') lines.push(`  NO  ${check}`, ...factLines(facts));
    else lines.push(`  ${outcome === 'passed' ? 'ok ' : '-  '} ${check}${factText(facts)}`);
  }
  lines.push('', `Cause     ${explanation.refusal.cause} (${explanation.refusal.code})`, 'Remedy');
  for (const command of explanation.refusal.remedy) lines.push(`  ${command}`);
  return lines;
}

function inOrder(checks: readonly Check[]): Explanation['checks'] {
  // A check that this operation does not have is neither passed nor refused; after the refusal none was reached.
  const failedAt = checks.find((check) => check.outcome === 'refused')?.check;
  const later = failedAt ? checkNames.slice(checkNames.indexOf(failedAt) + 1) : [];
  return [
    ...checks.map(({ check, outcome, facts }) => ({ check, outcome, facts })),
    ...later
      .filter((name) => !checks.some(({ check }) => check === name))
      .map((check) => ({ check, outcome: 'not reached' as const, facts: {} })),
  ];
}

function remedyOf(code: string, facts: Facts): Explanation['refusal'] {
  if (!isRefusalCode(code)) return { code, cause: 'This release does not know the refusal.', remedy: [] };
  const row = catalogue[code];
  return { code, cause: fill(row.cause, facts), remedy: row.remedy.map((command) => fill(command, facts)) };
}

/** The evidence of the check that refused, a line each. */
function factLines(facts: Facts): readonly string[] {
  return Object.entries(facts)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => `        ${name.padEnd(14)} ${Array.isArray(value) ? value.join(', ') : String(value)}`);
}

function factText(facts: Facts): string {
  const entries = Object.entries(facts).filter(([, value]) => value !== null && value !== '');
  if (entries.length === 0) return '';
  return `  ${entries.map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`).join(' ')}`;
}
