import { CommandError } from './command.ts';
import { hostUrl, type Runtime, readAdministrator, readAuthority } from './data-dir.ts';
import { type LocalAnswer, requestLocally } from './local-https.ts';

const SIGN_IN_MS = 15_000;

/** What is asked of the management plane. */
export interface OwnerRequest {
  /** Path and query. */
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly body?: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
  /** The commands that ask the same by hand, for who has removed administrator.json. */
  readonly otherwise: string;
}

/**
 * Asks the running server's management plane as its first administrator, who owns the subscription.
 * @returns the answer's JSON
 * @throws CommandError with the server's message where it refuses
 */
export async function askAsOwner(
  dataDir: string,
  runtime: Runtime,
  request: OwnerRequest,
): Promise<Readonly<Record<string, unknown>>> {
  const token = await signIn(dataDir, runtime, request.otherwise);
  const { body } = request;
  const answer = await requestLocally({
    host: `management.${runtime.domain}`,
    port: runtime.port,
    path: request.path,
    method: request.method,
    headers: {
      host: hostUrl('management', runtime).slice('https://'.length),
      authorization: `Bearer ${token}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
    authorityPem: readAuthority(dataDir),
    timeoutMs: request.timeoutMs,
  });
  const parsed = parse(answer);
  if (answer.status === 200) return parsed;
  const { message } = (parsed['error'] ?? {}) as { message?: string };
  throw new CommandError(message ?? `The server answered ${answer.status}.`);
}

async function signIn(dataDir: string, runtime: Runtime, otherwise: string): Promise<string> {
  const administrator = readAdministrator(dataDir);
  if (!administrator) {
    throw new CommandError(
      `administrator.json is not in ${dataDir} any more. Signed in with az as an Owner of the subscription, ask instead:\n${otherwise}`,
    );
  }
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: administrator.clientId,
    client_secret: administrator.clientSecret,
    scope: `${hostUrl('management', runtime)}/.default`,
  });
  const answer = await requestLocally({
    host: `login.${runtime.domain}`,
    port: runtime.port,
    path: `/${administrator.tenantId}/oauth2/v2.0/token`,
    method: 'POST',
    headers: {
      host: hostUrl('login', runtime).slice('https://'.length),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: form.toString(),
    authorityPem: readAuthority(dataDir),
    timeoutMs: SIGN_IN_MS,
  });
  const { access_token: token, error_description: reason } = parse(answer);
  if (typeof token !== 'string') throw new CommandError(`The administrator cannot sign in: ${String(reason)}`);
  return token;
}

function parse(answer: LocalAnswer): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(answer.body) as Readonly<Record<string, unknown>>;
  } catch {
    throw new CommandError(`The server answered ${answer.status} without a readable body.`);
  }
}
