import { toIso, toSeconds } from '../base/text.ts';
import type { Plane } from '../operations/operation.ts';
import { catalogue } from '../refusals/catalogue.ts';
import { fill, type Refusal } from '../refusals/refusal.ts';
import type { RefusalRow } from '../refusals/row.ts';

/** What an answer needs to know of the request it belongs to. */
export interface Frame {
  readonly plane: Plane | 'unknown';
  readonly requestId: string;
  readonly clientRequestId: string;
  readonly origin: string;
  /** `https://login…/tenant` under the caller's port, for the challenge. */
  readonly authority: string;
  /** The resource that tokens for this host are asked for. */
  readonly resource: string;
  readonly now: number;
}

/** A refusal on the wire. */
export interface Rendered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Renders a refusal in the format of its plane. The evidence stays behind; the request id leads to it. */
export function renderRefusal(refusal: Refusal, frame: Frame): Rendered {
  const row: RefusalRow = catalogue[refusal.code];
  const headers: Record<string, string> = {};
  if (row.status === 401 && isTokenPlane(frame.plane)) headers['www-authenticate'] = challenge(refusal, frame);
  if (row.status === 503) headers['retry-after'] = '1';
  if (row.status === 405) headers['allow'] = fill('{allowed}', refusal.facts);
  return { status: row.status, headers, body: bodies[frame.plane](row, refusal, frame) };
}

type Body = (row: RefusalRow, refusal: Refusal, frame: Frame) => unknown;

/** Key Vault and ARM alike: `{error:{code,message,innererror?}}` (WIRE: errors). */
const vaultBody: Body = (row, refusal, frame) => ({
  error: {
    code: frame.plane === 'management' ? (row.management ?? row.error) : row.error,
    message: explained(row, refusal, frame),
    ...(row.inner ? { innererror: { code: row.inner } } : {}),
  },
});

/** OAuth 2.0 (RFC 6749 §5.2) as Entra words it. */
const loginBody: Body = (row, refusal, frame) => {
  const timestamp = toIso(frame.now)
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
  const correlation = frame.clientRequestId || frame.requestId;
  const number = row.aadsts ? `AADSTS${row.aadsts}: ` : '';
  return {
    error: row.error,
    error_description: `${number}${refusal.message} Trace ID: ${frame.requestId} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
    error_codes: row.aadsts ? [row.aadsts] : [],
    timestamp,
    trace_id: frame.requestId,
    correlation_id: correlation,
  };
};

/** Microsoft Graph's error object. */
const graphBody: Body = (row, refusal, frame) => ({
  error: {
    code: row.error,
    message: refusal.message,
    innerError: {
      date: toIso(frame.now).replace(/\.\d+Z$/, ''),
      'request-id': frame.requestId,
      'client-request-id': frame.clientRequestId || frame.requestId,
    },
  },
});

/** The managed identity endpoints' error; MSAL shows its users `statusCode` and `message` of the App Service form alone. */
const imdsBody: Body = (row, refusal) => ({
  error: row.error,
  error_description: refusal.message,
  statusCode: row.status,
  message: refusal.message,
});

const bodies: Readonly<Record<Plane | 'unknown', Body>> = {
  data: vaultBody,
  management: vaultBody,
  logs: vaultBody,
  unknown: vaultBody,
  login: loginBody,
  graph: graphBody,
  imds: imdsBody,
};

/** Where somebody must look deeper, the message says how: `az` and the SDKs show it whole. */
function explained(row: RefusalRow, refusal: Refusal, frame: Frame): string {
  if (row.status !== 403 && row.status !== 409) return refusal.message;
  return `${refusal.message.replace(/(\r\n)+$/, '')}\r\nTo learn why: strongroom explain ${frame.requestId}`;
}

function challenge(refusal: Refusal, frame: Frame): string {
  const base = `Bearer authorization="${frame.authority}", resource="${frame.resource}"`;
  if (refusal.code === 'token-missing') return base;
  if (refusal.code !== 'token-credential-removed') return `${base}, error="invalid_token"`;
  // Clients that know this answer ask for a new token instead of showing the one they keep (Entra, "Claims challenges").
  const claims = { access_token: { nbf: { essential: true, value: String(toSeconds(frame.now)) } } };
  const encoded = Buffer.from(JSON.stringify(claims)).toString('base64');
  return `${base}, error="insufficient_claims", claims="${encoded}"`;
}

function isTokenPlane(plane: Plane | 'unknown'): boolean {
  return plane === 'data' || plane === 'management' || plane === 'graph' || plane === 'logs';
}
