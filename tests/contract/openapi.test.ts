import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openContractFiles } from './contract-files.ts';
import { Contract, type ContractPlane, type Exchange } from './openapi.ts';
import { publishedAnswers } from './published-examples.ts';

const contract = new Contract();

const folders: readonly { plane: ContractPlane; folder: string; atLeast: number }[] = [
  { plane: 'data', folder: 'keyvault-data-plane/7.5', atLeast: 58 },
  { plane: 'management', folder: 'keyvault-resource-manager/2023-07-01', atLeast: 30 },
  { plane: 'management', folder: 'authorization/2022-04-01', atLeast: 20 },
];

/** Published for one operation, but its path is also that of the other, which the files' own rules prefer. */
const samePath: Readonly<Record<string, string>> = {
  RoleAssignments_ListForScope: 'RoleAssignments_ListForSubscription',
  RoleAssignments_GetById: 'RoleAssignments_Get',
  RoleAssignments_CreateById: 'RoleAssignments_Create',
  RoleAssignments_DeleteById: 'RoleAssignments_Delete',
};

/** Asks for the version "pending", which is the path of the pending operation, and shows the answer of a version. */
const mistakenPath = 'GetCertificate-example.json 200';

const answersOf = (plane: ContractPlane, folder: string) =>
  publishedAnswers(contract, plane, folder).map((answer) =>
    answer.example === mistakenPath
      ? { ...answer, exchange: { ...answer.exchange, path: answer.exchange.path.replace('/pending', '/01') } }
      : answer,
  );

for (const { plane, folder, atLeast } of folders) {
  describe(`the published examples of ${folder}`, () => {
    const answers = answersOf(plane, folder);

    it(`are at least ${atLeast}`, () => {
      assert.ok(answers.length >= atLeast, `${answers.length} answers`);
    });

    it('are recognised and accepted, answers and requests', () => {
      for (const { operation, example, exchange, requestBody } of answers) {
        const { operation: found, problems } = contract.judge(exchange);
        assert.deepEqual([found, problems], [samePath[operation] ?? operation, []], example);
        if (requestBody === undefined) continue;
        assert.deepEqual(contract.validateRequest({ ...exchange, body: requestBody }), [], `${example}, request`);
      }
    });

    it('are refused when any member has another type', () => {
      let mutations = 0;
      for (const { example, exchange } of answers) {
        for (const { where, body } of retyped(exchange.body)) {
          mutations++;
          assert.notDeepEqual(contract.validateResponse({ ...exchange, body }), [], `${example}: ${where}`);
        }
      }
      assert.ok(mutations > answers.length, `${mutations} mutations`);
    });

    it('are refused when they hold a member that is not declared', () => {
      for (const { example, exchange } of answers) {
        if (typeof exchange.body !== 'object') continue;
        const problems = contract.validateResponse({ ...exchange, body: { ...exchange.body, surprise: 1 } });
        assert.deepEqual(problems, ['body has the undeclared member surprise'], example);
      }
    });

    it('are refused when all their members are missing', () => {
      for (const { example, exchange } of answers) {
        if (typeof exchange.body !== 'object') continue;
        assert.notDeepEqual(contract.validateResponse({ ...exchange, body: {} }), [], example);
      }
    });

    it('are refused with a body where none is declared, and without one where one is', () => {
      for (const { example, exchange } of answers) {
        const body = exchange.body === undefined ? { value: [] } : undefined;
        assert.notDeepEqual(contract.validateResponse({ ...exchange, body }), [], example);
      }
    });
  });
}

/** The body once for each of its members, with that member made a value of another type. */
function* retyped(body: unknown): Generator<{ where: string; body: unknown }> {
  if (typeof body !== 'object' || body === null) return;
  for (const [name, value] of Object.entries(body)) {
    const swap = (replacement: unknown): unknown => {
      const copy = structuredClone(body) as Record<string, unknown>;
      copy[name] = replacement;
      return copy;
    };
    yield { where: name, body: swap(typeof value === 'string' || value === null ? 17 : 'text') };
    for (const inner of retyped(value)) yield { where: `${name}.${inner.where}`, body: swap(inner.body) };
  }
}

const secret = (over: Partial<Exchange>): Exchange => ({
  plane: 'data',
  method: 'GET',
  path: '/secrets/a/?api-version=7.5',
  apiVersion: '7.5',
  status: 200,
  headers: {},
  body: {
    value: 'v',
    id: 'https://main-vault.vault.localhost/secrets/a/03bcccc7c8cf4546a0e3e21e52560441',
    attributes: { enabled: true, created: 1493938459, updated: 1493938459, recoveryLevel: 'Recoverable+Purgeable' },
  },
  ...over,
});

const without = (body: unknown, name: string): unknown =>
  Object.fromEntries(Object.entries(body as object).filter(([key]) => key !== name));

describe('a secret', () => {
  const { body } = secret({});

  it('passes on paths with an empty version, with none, and with one', () => {
    for (const path of ['/secrets/a/', '/secrets/a', '/secrets/a/03bcccc7c8cf4546a0e3e21e52560441']) {
      assert.deepEqual(contract.judge(secret({ path })), { operation: 'GetSecret', notes: [], problems: [] });
    }
  });

  it('must hold what the service always sends, though the files do not say so', () => {
    for (const name of ['id', 'value', 'attributes']) {
      assert.deepEqual(contract.validateResponse(secret({ body: without(body, name) })), [
        `body must have required property '${name}'`,
      ]);
    }
    assert.notDeepEqual(contract.validateResponse(secret({ body: {} })), []);
  });

  it('must not show its value where the service does not', () => {
    assert.deepEqual(contract.validateResponse(secret({ method: 'PATCH' })), ['body/value must not be there']);
    assert.deepEqual(contract.validateResponse(secret({ method: 'PATCH', body: without(body, 'value') })), []);
  });

  it('has previousVersion from 2025-07-01 on and not before', () => {
    const newer = { ...(body as object), previousVersion: '0123456789abcdef0123456789abcdef' };
    assert.deepEqual(contract.validateResponse(secret({ body: newer, apiVersion: '2025-07-01' })), []);
    assert.deepEqual(contract.validateResponse(secret({ body: newer, apiVersion: '7.6' })), [
      'body has the undeclared member previousVersion',
    ]);
  });

  it('has times in seconds and a recovery level of the list', () => {
    const wrong = {
      ...(body as object),
      attributes: { enabled: true, created: 1.5, updated: 1493938459000, recoveryLevel: 'None' },
    };
    const problems = contract.validateResponse(secret({ body: wrong }));
    assert.equal(problems.filter((problem) => /created|updated/.test(problem)).length >= 2, true, problems.join('\n'));
    assert.ok(problems.some((problem) => problem.startsWith('body/attributes/recoveryLevel must be one of')));
  });
});

describe('a key', () => {
  it('must not show its private members', () => {
    const key = { kid: 'https://v.vault.localhost/keys/k/1', kty: 'RSA', key_ops: ['sign'], n: 'AQ', e: 'AQAB' };
    const attributes = { enabled: true, created: 1, updated: 1 };
    const bundle = secret({ path: '/keys/k/1', body: { key, attributes } });
    assert.deepEqual(contract.validateResponse(bundle), []);
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) {
      const leaking = secret({ path: '/keys/k/1', body: { key: { ...key, [name]: 'AQ' }, attributes } });
      assert.deepEqual(contract.validateResponse(leaking), [`body/key/${name} must not be there`]);
    }
  });
});

describe('an api-version that the files do not have', () => {
  it('is held against the next newer one, and the verdict says so', () => {
    for (const [asked, used] of [
      ['2016-10-01', '7.4'],
      ['7.0', '7.4'],
      ['7.3', '7.4'],
      ['7.5-preview.1', '7.5'],
      ['7.6-preview.2', '7.6'],
      ['2030-01-01', '2026-04-01'],
    ] as const) {
      const { notes, problems } = contract.judge(secret({ apiVersion: asked }));
      assert.deepEqual([notes, problems], [[`api-version ${asked} is held against the files of ${used}`], []]);
    }
  });

  it('is noted for role definitions and assignments too, which have versions of their own', () => {
    const exchange = { plane: 'management', method: 'GET', status: 200, headers: {}, body: { value: [] } } as const;
    const path = '/subscriptions/s/providers/Microsoft.Authorization/roleAssignments';
    const { operation, notes } = contract.judge({ ...exchange, path, apiVersion: '2022-05-01-preview' });
    assert.equal(operation, 'RoleAssignments_ListForSubscription');
    assert.equal(notes.length, 1);
  });
});

describe('errors', () => {
  const error = { code: 'SecretNotFound', message: 'A secret was not found.' };
  const notFound = (body: unknown): Exchange => secret({ status: 404, body });

  it('need a code and a message', () => {
    assert.deepEqual(contract.validateResponse(notFound({ error })), []);
    assert.deepEqual(contract.validateResponse(notFound({ error: { ...error, innererror: { code: 'x' } } })), []);
    assert.deepEqual(contract.validateResponse(notFound({ error: { ...error, innererror: null } })), []);
    for (const body of [
      {},
      { error: {} },
      { error: without(error, 'code') },
      { error: without(error, 'message') },
      error,
    ]) {
      assert.notDeepEqual(contract.validateResponse(notFound(body)), []);
    }
  });

  it('are held to their form even where the operation is not in the files', () => {
    const unknown = secret({ path: '/nothing/here', status: 404, body: { error } });
    assert.deepEqual(contract.judge(unknown), {
      operation: null,
      notes: ['the contract has no such operation'],
      problems: [],
    });
    assert.notDeepEqual(contract.judge({ ...unknown, body: { message: 'no' } }).problems, []);
    assert.deepEqual(contract.validateResponse(unknown), ['the contract has no GET /nothing/here']);
  });
});

describe('the rest of an answer', () => {
  const headers = { 'content-type': 'application/json; charset=utf-8' };

  it('must say that its body is JSON', () => {
    assert.deepEqual(contract.validateResponse(secret({ headers })), []);
    assert.deepEqual(contract.validateResponse(secret({ headers: { 'content-type': 'text/html' } })), [
      'content-type must be application/json',
    ]);
  });

  it('must have a status that the operation knows', () => {
    assert.deepEqual(contract.validateResponse(secret({ status: 201 })), ['status 201 is not one of GetSecret']);
  });

  it('must say where to ask when it is not final', () => {
    const path = '/subscriptions/s/providers/Microsoft.KeyVault/locations/local/deletedVaults/v/purge';
    const accepted = {
      plane: 'management',
      method: 'POST',
      path,
      apiVersion: '2026-02-01',
      status: 202,
      body: undefined,
    } as const;
    assert.deepEqual(contract.validateResponse({ ...accepted, headers: { location: 'https://x/y' } }), []);
    assert.equal(contract.validateResponse({ ...accepted, headers: { date: 'now' } }).length, 1);
  });

  it('may have a null link on the last page', () => {
    const page = secret({ path: '/secrets', body: { value: [], nextLink: null } });
    assert.deepEqual(contract.validateResponse(page), []);
    assert.notDeepEqual(contract.validateResponse({ ...page, body: { value: null, nextLink: null } }), []);
  });
});

describe('the management plane', () => {
  it('is found in any case and with doubled slashes', () => {
    const path = '//SUBSCRIPTIONS/s/resourcegroups/g/providers/microsoft.keyvault/VAULTS/v/';
    const exchange = {
      plane: 'management',
      method: 'DELETE',
      path,
      apiVersion: '2026-02-01',
      status: 200,
      headers: {},
    } as const;
    assert.equal(contract.judge({ ...exchange, body: undefined }).operation, 'Vaults_Delete');
  });

  it('tells role assignments at any scope from the resource they are at', () => {
    const scope = '/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/secrets/a';
    const path = `${scope}/providers/Microsoft.Authorization/roleAssignments/0b5fe924-9a61-425c-96af-cfe6e287ca2d`;
    const exchange = {
      plane: 'management',
      method: 'DELETE',
      path,
      apiVersion: '2022-04-01',
      status: 204,
      headers: {},
    } as const;
    assert.equal(contract.judge({ ...exchange, body: undefined }).operation, 'RoleAssignments_Delete');
  });
});

describe('the folder of the contract', () => {
  it('is named in the message when it is missing', () => {
    const before = process.env['STRONGROOM_CONTRACT'];
    process.env['STRONGROOM_CONTRACT'] = '/nowhere';
    try {
      assert.throws(() => openContractFiles(), /STRONGROOM_CONTRACT/);
    } finally {
      if (before === undefined) delete process.env['STRONGROOM_CONTRACT'];
      else process.env['STRONGROOM_CONTRACT'] = before;
    }
  });
});
