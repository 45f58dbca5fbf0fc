import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assignRole, makeIdentity, manage, objectIdOf, putVault, vaultScope } from '../support/arm.ts';
import { call, getToken, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { startTwoNodes } from '../support/two-nodes.ts';

/**
 * No read succeeds that began after a revocation was acknowledged, and none fails that began after a grant was: over many
 * connections, while all four ways of giving and taking access change at once. STRONGROOM_GRANT_ROUNDS sets the rounds, each a
 * grant and a revocation.
 */
const ROUNDS = Number(process.env['STRONGROOM_GRANT_ROUNDS'] ?? 300);
const WATCHERS = 3;
const PROBES = 2;
const V = 'api-version=7.5';

/** One way to give access to one secret and to take it, and the principal that reads. */
interface Way {
  readonly name: string;
  readonly vault: string;
  readonly token: string;
  /** What a read answers while access is taken. */
  readonly refused: number;
  give(node: TestServer): Promise<unknown>;
  take(node: TestServer): Promise<unknown>;
}

/** What is known of a way at a moment, and what was seen. */
interface Watch {
  state: 'given' | 'taken' | 'changing';
  /** Changes sent so far. */
  changes: number;
  isOver: boolean;
  judged: number;
  overlapping: number;
  readonly wrong: string[];
}

interface Tokens {
  readonly management: string;
  readonly data: string;
  readonly graph: string;
}

async function tokensOf(server: TestServer): Promise<Tokens> {
  const [management, data, graph] = await Promise.all([
    getToken(server, resources.management),
    getToken(server, resources.data),
    getToken(server, resources.graph),
  ]);
  return { management, data, graph };
}

async function graph(node: TestServer, token: string, method: string, path: string, body?: unknown) {
  const reply = await call(node, { method, host: 'graph', path: `/v1.0${path}`, token, body });
  if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
  return reply.body;
}

async function reader(server: TestServer, tokens: Tokens, name: string) {
  const { principalId, clientId } = await makeIdentity(server, tokens.management, name);
  return { principalId, token: await getToken(server, resources.data, { managedIdentity: clientId }) };
}

/** The four ways, each with a principal of its own. */
async function waysOf(server: TestServer, tokens: Tokens): Promise<Way[]> {
  const { management } = tokens;
  const role = 'Key Vault Secrets User';
  const scope = vaultScope(server, 'main-vault');
  const all = { tenantId: server.tenantId, objectId: objectIdOf(tokens.data), permissions: { secrets: ['all'] } };
  await putVault(server, management, 'policy-vault', { enableRbacAuthorization: false, accessPolicies: [all] });
  for (const host of ['main-vault.vault', 'policy-vault.vault']) {
    const body = { value: 'v' };
    const made = await call(server, { method: 'PUT', host, path: `/secrets/watched?${V}`, token: tokens.data, body });
    assert.equal(made.status, 200, made.text);
  }
  const [byRole, byPolicy, byGroup, byState] = [
    await reader(server, tokens, 'by-role'),
    await reader(server, tokens, 'by-policy'),
    await reader(server, tokens, 'by-group'),
    await reader(server, tokens, 'by-state'),
  ];
  const group = await graph(server, tokens.graph, 'POST', '/groups', {
    displayName: 'readers',
    mailNickname: 'readers',
    mailEnabled: false,
    securityEnabled: true,
  });
  await assignRole(server, management, { role, principalId: group.id, scope, principalType: 'Group' });
  await assignRole(server, management, { role, principalId: byState.principalId, scope });
  let assignment = '';
  const policies = (node: TestServer, kind: string) =>
    manage(node, management, {
      method: 'PUT',
      path: `${vaultScope(server, 'policy-vault')}/accessPolicies/${kind}?api-version=2023-07-01`,
      body: {
        properties: {
          accessPolicies: [
            { tenantId: server.tenantId, objectId: byPolicy.principalId, permissions: { secrets: ['get'] } },
          ],
        },
      },
    });
  const member = (node: TestServer) => ({
    '@odata.id': `https://graph.${node.domain}:${node.port}/v1.0/directoryObjects/${byGroup.principalId}`,
  });
  const enable = (node: TestServer, accountEnabled: boolean) =>
    graph(node, tokens.graph, 'PATCH', `/servicePrincipals/${byState.principalId}`, { accountEnabled });
  return [
    {
      name: 'role assignment',
      vault: 'main-vault',
      token: byRole.token,
      refused: 403,
      give: async (node) => {
        assignment = await assignRole(node, management, { role, principalId: byRole.principalId, scope });
      },
      take: (node) => manage(node, management, { method: 'DELETE', path: assignment }),
    },
    {
      name: 'access policy',
      vault: 'policy-vault',
      token: byPolicy.token,
      refused: 403,
      give: (node) => policies(node, 'add'),
      take: (node) => policies(node, 'remove'),
    },
    {
      name: 'group membership',
      vault: 'main-vault',
      token: byGroup.token,
      refused: 403,
      give: (node) => graph(node, tokens.graph, 'POST', `/groups/${group.id}/members/$ref`, member(node)),
      take: (node) => graph(node, tokens.graph, 'DELETE', `/groups/${group.id}/members/${byGroup.principalId}/$ref`),
    },
    {
      name: 'principal',
      vault: 'main-vault',
      token: byState.token,
      refused: 401,
      give: (node) => enable(node, true),
      take: (node) => enable(node, false),
    },
  ];
}

/** One read, judged where nothing changed between its beginning and its end. */
async function look(node: TestServer, way: Way, watch: Watch): Promise<void> {
  const { state, changes } = watch;
  const { status } = await call(node, { host: `${way.vault}.vault`, path: `/secrets/watched?${V}`, token: way.token });
  if (state === 'changing' || watch.changes !== changes) {
    watch.overlapping++;
    return;
  }
  watch.judged++;
  if (status !== (state === 'given' ? 200 : way.refused)) {
    watch.wrong.push(`${way.name}: ${status} while ${state}, after change ${changes}, port ${node.port}`);
  }
}

async function change(watch: Watch, next: 'given' | 'taken', work: () => Promise<unknown>): Promise<void> {
  watch.changes++;
  watch.state = 'changing';
  await work();
  watch.state = next;
}

async function runWay(nodes: readonly TestServer[], way: Way, rounds: number): Promise<Watch> {
  const watch: Watch = { state: 'changing', changes: 0, isOver: false, judged: 0, overlapping: 0, wrong: [] };
  const watchers = Array.from({ length: WATCHERS }, async (_, index) => {
    while (!watch.isOver) await look(nodes[index % nodes.length]!, way, watch);
  });
  const probe = () =>
    Promise.all(nodes.flatMap((node) => Array.from({ length: PROBES }, () => look(node, way, watch))));
  try {
    if (way.refused === 401) await change(watch, 'taken', () => way.take(nodes[0]!));
    for (let round = 0; round < rounds; round++) {
      await change(watch, 'given', () => way.give(nodes[round % nodes.length]!));
      await probe();
      await change(watch, 'taken', () => way.take(nodes[(round + (round >> 1)) % nodes.length]!));
      await probe();
    }
  } finally {
    watch.isOver = true;
    await Promise.all(watchers);
  }
  return watch;
}

async function prove(nodes: readonly TestServer[], say: (text: string) => void): Promise<void> {
  const ways = await waysOf(nodes[0]!, await tokensOf(nodes[0]!));
  const began = performance.now();
  const rounds = Math.ceil(ROUNDS / ways.length);
  const watches = await Promise.all(ways.map((way) => runWay(nodes, way, rounds)));
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const sum = (of: 'judged' | 'overlapping') => watches.reduce((total, watch) => total + watch[of], 0);
  say(
    `${rounds * ways.length} rounds in ${seconds} s: ${sum('judged')} reads judged, ${sum('overlapping')} overlapped a change`,
  );
  assert.deepEqual(
    watches.flatMap(({ wrong }) => wrong),
    [],
  );
  for (const watch of watches) assert.ok(watch.judged >= rounds * 2 * PROBES * nodes.length, 'every probe was judged');
}

test('grants and revocations hold from the next request, on one process with SQLite', async (context) => {
  const server = await startServer();
  try {
    await prove([server], (text) => context.diagnostic(text));
  } finally {
    await server.stop();
  }
});

test('grants and revocations hold from the next request, on two processes with one PostgreSQL', async (context) => {
  const { nodes, stop } = await startTwoNodes();
  try {
    await prove(nodes, (text) => context.diagnostic(text));
  } finally {
    await stop();
  }
});
