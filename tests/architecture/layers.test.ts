import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { productSources, type Source } from './sources.ts';

/** Pure files: they decide, and touch neither store, clock, network nor disk. */
const rules = [
  'src/access/conditions/condition.ts',
  'src/access/conditions/operators.ts',
  'src/access/conditions/reader.ts',
  'src/access/conditions/tokens.ts',
  'src/access/delegation.ts',
  'src/access/denials/denial.ts',
  'src/access/move/capabilities.ts',
  'src/access/move/least-roles.ts',
  'src/access/move/lockout.ts',
  'src/access/move/make-plan.ts',
  'src/access/move/plan-policies.ts',
  'src/access/move/plan-roles.ts',
  'src/access/move/plan.ts',
  'src/access/pattern.ts',
  'src/access/permission-body.ts',
  'src/access/role.ts',
  'src/access/scope.ts',
  'src/access/verdict.ts',
  'src/certificates/issuers/authority/profile.ts',
  'src/certificates/issuers/health.ts',
  'src/certificates/alternative-names.ts',
  'src/certificates/distinguished-name.ts',
  'src/certificates/imported-policy.ts',
  'src/certificates/lifetime.ts',
  'src/certificates/operation-state.ts',
  'src/certificates/policy-body.ts',
  'src/certificates/policy.ts',
  'src/certificates/risk.ts',
  'src/client/localhost-name.ts',
  'src/crypto/algorithms.ts',
  'src/directory/filter.ts',
  'src/directory/names.ts',
  'src/directory/rights.ts',
  'src/identity/audiences.ts',
  'src/identity/key-schedule.ts',
  'src/identity/lockout.ts',
  'src/keys/duration.ts',
  'src/keys/export-rules.ts',
  'src/keys/key-body.ts',
  'src/keys/key-purpose.ts',
  'src/keys/recipient.ts',
  'src/keys/release-policy.ts',
  'src/keys/rotation-policy.ts',
  'src/keys/transfer-blob.ts',
  'src/keys/use.ts',
  'src/network/rules.ts',
  'src/notify/mail-rules.ts',
  'src/objects/attributes.ts',
  'src/recovery/levels.ts',
  'src/resources/activity-filter.ts',
  'src/resources/endpoint-connection.ts',
  'src/resources/filter.ts',
  'src/resources/list-filter.ts',
  'src/resources/names.ts',
  'src/resources/network-acls.ts',
  'src/resources/access-policies.ts',
  'src/resources/tag-rules.ts',
  'src/resources/vault-property.ts',
  'src/resources/vault-settings.ts',
  'src/secrets/rules.ts',
  'src/tls/server-names.ts',
];
/** What rules may use at run time beside one another and base: a refusal they throw, and a library that only computes. */
const rulesMayUse = ['src/refusals/refusal.ts', 'ipaddr.js', 'node:crypto', 'node:net'];

/** Imports of another room's queries, each with the reason why it stands. */
const foreignQueries: Readonly<Record<string, string>> = {
  'src/access/move/replay.ts > src/audit/repository.ts': 'the log is read whole, which no service does',
  'src/cli/audit.ts > src/audit/repository.ts': 'the command reads the log beside a stopped server',
  'src/cli/explain.ts > src/audit/repository.ts': 'the command reads the log beside a stopped server',
  'src/moving/clients.ts > src/audit/repository.ts': 'the log is read whole, which no service does',
  'src/first-start.ts > src/access/repository.ts': 'the first grants, before anybody could be asked for permission',
  'src/recovery/purge-job.ts > src/resources/repository.ts': 'the job names the vault of what it purges',
  'src/recovery/repository.ts > src/resources/repository.ts': 'vaults that are due are rows of that room',
};

/** Files outside the store that build queries beside the rooms' repositories, each with the reason. */
const queryFiles: Readonly<Record<string, string>> = {
  'src/audit/activity-repository.ts': 'the queries of the activity log, which is no part of the chain',
  'src/audit/journal.ts': 'it appends inside the committer, where no service is',
  'src/crypto/sealed-rows.ts': 'the same few queries over the tables of envelopes of every room',
  'src/directory/filter-condition.ts': 'an expression for the repository beside it',
  'src/identity/people-rows.ts': 'statements of people and groups, beside the repository of credentials',
  'src/identity/device-rows.ts': 'statements of device codes, beside the repository of credentials',
  'src/identity/sign-in-rows.ts': 'statements of sign-ins, beside the repository of credentials',
  'src/first-start.ts': 'the installation row, known before any room',
  'src/jobs/lease.ts': 'the only query of its room',
  'src/keys/token-object-rows.ts': 'statements of what is in the key token, beside the repository of keys',
  'src/objects/carried-queries.ts': 'what is read of every kind of object to carry it to another vault',
  'src/objects/object-queries.ts': 'the queries that are the same for every kind of object; each kind has its tables',
  'src/recovery/purge-vault.ts': 'empties the tables of a vault, whichever room they belong to',
  'src/recovery/server-restore.ts': 'fills the tables of every room, below their services',
  'src/resources/endpoint-repository.ts': 'the queries of private endpoint connections, as those of locks',
  'src/resources/host-repository.ts': 'the queries of hosts, too many for one file with those of vaults',
  'src/resources/lock-repository.ts': 'the queries of locks, too many for one file with those of vaults',
  'src/server.ts': 'two look-ups of the composition root',
};

/** Where private keys are made or used. */
const keyFiles = /^src\/(crypto|tls)\/|^src\/identity\/(signing-keys|stored-keys|tokens)\.ts$|^src\/http\/listen\.ts$/;

/** The parts of the process that only the composition root reads; `system-store` starts the system's own tools. */
const processFiles = ['src/main.ts', 'src/cli/system-store.ts'];

function findings(check: (source: Source) => readonly string[]): readonly string[] {
  return productSources.flatMap((source) => check(source).map((what) => `${source.path}: ${what}`));
}

describe('layers', () => {
  it('base imports nothing of ours', () => {
    const found = findings(({ room, imports }) =>
      room === 'base' ? imports.flatMap(({ file }) => (file && !file.startsWith('src/base/') ? [file] : [])) : [],
    );
    assert.deepEqual(found, []);
  });

  it('rules run on rules, base and refusals alone', () => {
    const paths = productSources.map(({ path }) => path);
    assert.deepEqual(
      rules.filter((path) => !paths.includes(path)),
      [],
      'rules that are gone',
    );
    const isAllowed = (target: string) =>
      target.startsWith('src/base/') || rules.includes(target) || rulesMayUse.includes(target);
    const found = findings(({ path, imports }) =>
      rules.includes(path)
        ? imports.flatMap(({ file, specifier, isType }) => (isType || isAllowed(file ?? specifier) ? [] : [specifier]))
        : [],
    );
    assert.deepEqual(found, []);
  });

  it('rules are synchronous', () => {
    const found = findings(({ path, code }) =>
      rules.includes(path) && /\b(async|await|Promise)\b/.test(code) ? ['it waits for something'] : [],
    );
    assert.deepEqual(found, []);
  });

  it('no room imports the queries or wire shapes of another', () => {
    const found = productSources.flatMap(({ path, room, imports }) =>
      imports.flatMap(({ file }) => {
        const target = file && /^src\/(\w+)\/(repository|wire)\.ts$/.exec(file);
        return target && target[1] !== room ? [`${path} > ${file}`] : [];
      }),
    );
    assert.deepEqual([...found].sort(), Object.keys(foreignQueries).sort());
  });

  it('only http knows Fastify', () => {
    const found = findings(({ room, imports }) =>
      imports.flatMap(({ specifier }) => (specifier.startsWith('fastify') && room !== 'http' ? [specifier] : [])),
    );
    assert.deepEqual(found, []);
  });

  it('only the store knows the drivers', () => {
    const found = findings(({ room, imports }) =>
      imports.flatMap(({ specifier }) =>
        (specifier === 'pg' || specifier === 'node:sqlite') && room !== 'store' ? [specifier] : [],
      ),
    );
    assert.deepEqual(found, []);
  });

  it('queries are built in repositories', () => {
    const builds = /\bdb\s*\.(selectFrom|insertInto|updateTable|deleteFrom)\b|\.db\s*\n\s*\.(selectFrom|insertInto)/;
    const found = findings(({ path, room, code, imports }) => {
      if (room === 'store' || /\/repository\.ts$/.test(path) || Object.hasOwn(queryFiles, path)) return [];
      const usesKysely = imports.some(({ specifier }) => specifier === 'kysely');
      return usesKysely || builds.test(code) ? ['it builds a query'] : [];
    });
    assert.deepEqual(found, []);
  });

  it('only the composition root reads arguments and environment', () => {
    const found = findings(({ path, code }) =>
      /\bprocess\.(env|argv)\b/.test(code) && !processFiles.includes(path) ? ['it reads process.env or argv'] : [],
    );
    assert.deepEqual(found, []);
  });

  it('only the clock reads the clock', () => {
    const found = findings(({ path, code }) =>
      /\bDate\.now\(|\bnew Date\(\)/.test(code) && path !== 'src/base/system.ts' ? ['it reads the clock'] : [],
    );
    assert.deepEqual(found, []);
  });

  it('randomness comes from the port', () => {
    // A pause between two attempts, and the name of a throw-away host: nothing that anybody relies on to be unknown.
    const spreads = ['src/store/committer.ts', 'src/store/migrate.ts', 'src/cli/hosts.ts'];
    // The port itself; ids of this process's lease and node; serial numbers of certificates.
    const ids = ['src/base/system.ts', 'src/server.ts', 'src/tls/local-ca.ts'];
    const found = findings(({ path, code }) =>
      /\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/.test(code) && ![...spreads, ...ids].includes(path)
        ? ['it makes randomness of its own']
        : [],
    );
    assert.deepEqual(found, []);
  });

  it('private keys are handled where keys are', () => {
    const found = findings(({ path, code }) =>
      /\b(privateKey|privateKeyPem|createPrivateKey|generateKeyPair\w*|subtle)\b/.test(code) && !keyFiles.test(path)
        ? ['it handles a private key']
        : [],
    );
    assert.deepEqual(found, []);
  });

  it('the preload needs nothing but Node', () => {
    const found = findings(({ room, imports }) =>
      room === 'client'
        ? imports.flatMap(({ file, specifier }) =>
            (file ?? specifier).startsWith('src/client/') || specifier.startsWith('node:') ? [] : [specifier],
          )
        : [],
    );
    assert.deepEqual(found, []);
  });

  it('commands are imported by the command line alone', () => {
    const found = findings(({ path, room, imports }) =>
      room === 'cli' || path === 'src/main.ts'
        ? []
        : imports.flatMap(({ file }) => (file?.startsWith('src/cli/') ? [file] : [])),
    );
    assert.deepEqual(found, []);
  });
});
