import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RestError } from '@azure/core-rest-pipeline';
import { type KeyVaultSecret, parseKeyVaultSecretIdentifier, type SecretClient } from '@azure/keyvault-secrets';
import { freshName, openSession, type Session } from './session.ts';

let session: Session;
let client: SecretClient;
let vault: string;

before(async () => {
  session = await openSession();
  vault = await session.makeVault('js-secrets', ['Key Vault Secrets Officer', 'Key Vault Purge Operator']);
  client = session.secrets(vault);
});

after(async () => {
  await session?.close();
});

/** A refusal with its status and codes, as the clients show it. */
function refusal(status: number, code: string, inner?: string): (error: unknown) => boolean {
  return (error) => {
    const { statusCode, code: shown, details } = error as RestError;
    const innerCode = (details as { error?: { innerError?: { code?: string } } })?.error?.innerError?.code;
    assert.deepEqual([statusCode, shown, innerCode], [status, code, inner], String(error));
    return true;
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const versionOf = (secret: KeyVaultSecret): string => secret.properties.version ?? assert.fail('no version');

describe('a secret', () => {
  it('is set and read with all its properties', async () => {
    const name = freshName('whole');
    // This client cuts times to 32 bits, so nothing after January 2038 reaches the wire as it was meant.
    const notBefore = new Date('2020-01-01T00:00:00Z');
    const expiresOn = new Date('2037-01-01T00:00:00Z');
    const options = { contentType: 'text/plain', tags: { team: 'blue' }, enabled: true, notBefore, expiresOn };
    const set = await client.setSecret(name, 'välue — 値', options);
    const got = await client.getSecret(name);
    assert.deepEqual(got, set);
    assert.equal(got.value, 'välue — 値');
    const { properties } = got;
    assert.deepEqual(
      [properties.contentType, properties.tags, properties.enabled, properties.notBefore, properties.expiresOn],
      ['text/plain', { team: 'blue' }, true, notBefore, expiresOn],
    );
    assert.deepEqual([properties.recoveryLevel, properties.recoverableDays], ['Recoverable+Purgeable', 90]);
    assert.equal(properties.vaultUrl, `https://${vault}.vault.${session.server.domain}:${session.server.port}`);
    assert.ok(Math.abs((properties.createdOn?.getTime() ?? 0) - Date.now()) < 60_000);
    const parsed = parseKeyVaultSecretIdentifier(properties.id ?? '');
    assert.deepEqual([parsed.name, parsed.version], [name, properties.version]);
  });

  it('keeps every version, and the newest is the one without a version', async () => {
    const name = freshName('versions');
    const first = await client.setSecret(name, 'one');
    const second = await client.setSecret(name, 'two');
    assert.notEqual(versionOf(first), versionOf(second));
    assert.equal((await client.getSecret(name, { version: versionOf(first) })).value, 'one');
    assert.equal((await client.getSecret(name)).value, 'two');
    const listed = await all(client.listPropertiesOfSecretVersions(name));
    assert.deepEqual(listed.map(({ version }) => version).sort(), [versionOf(first), versionOf(second)].sort());
  });

  it('is found whatever the case of its name', async () => {
    const name = freshName('Case');
    await client.setSecret(name, 'same');
    assert.equal((await client.getSecret(name.toUpperCase())).value, 'same');
  });

  it('has its properties changed without losing those that were not sent', async () => {
    const name = freshName('update');
    const set = await client.setSecret(name, 'kept', { contentType: 'text/plain', tags: { a: 'b' } });
    const expiresOn = new Date('2036-01-01T00:00:00Z');
    const one = await client.updateSecretProperties(name, versionOf(set), { expiresOn });
    assert.deepEqual([one.contentType, one.tags, one.expiresOn], ['text/plain', { a: 'b' }, expiresOn]);
    const latest = await client.updateSecretProperties(name, '', { tags: { c: 'd' }, contentType: 'text/html' });
    assert.deepEqual([latest.contentType, latest.tags, latest.expiresOn], ['text/html', { c: 'd' }, expiresOn]);
    const got = await client.getSecret(name);
    assert.deepEqual([got.value, got.properties.tags], ['kept', { c: 'd' }]);
  });

  it('that is disabled is refused to readers and listed', async () => {
    const name = freshName('disabled');
    await client.setSecret(name, 'hidden', { enabled: false });
    await assert.rejects(client.getSecret(name), refusal(403, 'Forbidden', 'SecretDisabled'));
    const listed = await all(client.listPropertiesOfSecrets());
    assert.equal(listed.find((one) => one.name === name)?.enabled, false);
    await client.updateSecretProperties(name, '', { enabled: true });
    assert.equal((await client.getSecret(name)).value, 'hidden');
  });

  it('is readable before and after its time', async () => {
    const [early, late] = [freshName('early'), freshName('late')];
    await client.setSecret(early, 'not yet', { notBefore: new Date('2037-01-01T00:00:00Z') });
    await client.setSecret(late, 'no more', { expiresOn: new Date('2020-01-01T00:00:00Z') });
    assert.equal((await client.getSecret(early)).value, 'not yet');
    assert.equal((await client.getSecret(late)).value, 'no more');
  });

  it('that is not there is told, and so is a version that is not', async () => {
    await assert.rejects(client.getSecret('nothing-here'), refusal(404, 'SecretNotFound'));
    const name = freshName('known');
    await client.setSecret(name, 'x');
    const version = '0123456789abcdef0123456789abcdef';
    await assert.rejects(client.getSecret(name, { version }), refusal(404, 'SecretNotFound'));
  });

  it('must have a name of the service’s alphabet and a value of at most 25 KB', async () => {
    await assert.rejects(client.setSecret('under_score', 'x'), refusal(400, 'BadParameter'));
    const name = freshName('large');
    assert.equal((await client.setSecret(name, 'x'.repeat(25_600))).value?.length, 25_600);
    await assert.rejects(client.setSecret(name, 'x'.repeat(25_601)), refusal(400, 'BadParameter'));
    const tags = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`t${index}`, 'v']));
    await assert.rejects(client.setSecret(name, 'x', { tags }), refusal(400, 'BadParameter'));
  });
});

describe('lists', () => {
  it('come in pages of 25 or less, whole and without doubles', async () => {
    const name = await session.makeVault('js-lists', ['Key Vault Secrets Officer']);
    const secrets = session.secrets(name);
    const expected = Array.from({ length: 32 }, (_, index) => `item-${String(index).padStart(2, '0')}`);
    for (const one of expected) await secrets.setSecret(one, one, { tags: { number: one.slice(5) }, contentType: 'n' });
    const listed = await all(secrets.listPropertiesOfSecrets());
    assert.deepEqual(listed.map((one) => one.name).sort(), expected);
    assert.deepEqual(
      listed.map(({ contentType }) => contentType),
      expected.map(() => 'n'),
    );
    assert.ok(listed.every((one) => one.version === undefined && one.tags?.['number'] === one.name.slice(5)));
    const sizes = async (maxPageSize?: number): Promise<number[]> =>
      (await all(secrets.listPropertiesOfSecrets().byPage(maxPageSize ? { maxPageSize } : {}))).map(
        (page) => page.length,
      );
    assert.deepEqual(await sizes(), [25, 7]);
    assert.deepEqual(await sizes(10), [10, 10, 10, 2]);
  });

  it('of versions have pages too', async () => {
    const name = freshName('many');
    for (let index = 0; index < 27; index++) await client.setSecret(name, String(index));
    const pages = await all(client.listPropertiesOfSecretVersions(name).byPage());
    assert.deepEqual(
      pages.map((page) => page.length),
      [25, 2],
    );
    const versions = pages.flat().map(({ version }) => version);
    assert.equal(new Set(versions).size, 27);
  });
});

describe('deletion', () => {
  it('fills pages of the list of the deleted, and a purge empties them', async () => {
    const name = await session.makeVault('js-deleted', ['Key Vault Administrator']);
    const secrets = session.secrets(name);
    const expected = Array.from({ length: 27 }, (_, index) => `gone-${String(index).padStart(2, '0')}`);
    for (const one of expected) {
      await secrets.setSecret(one, one);
      await secrets.beginDeleteSecret(one);
    }
    assert.deepEqual(await all(secrets.listPropertiesOfSecrets()), []);
    const pages = await all(secrets.listDeletedSecrets().byPage());
    assert.deepEqual(
      pages.map((page) => page.length),
      [25, 2],
    );
    assert.deepEqual(
      pages
        .flat()
        .map((one) => one.name)
        .sort(),
      expected,
    );
    for (const one of expected) await secrets.purgeDeletedSecret(one);
    assert.deepEqual(await all(secrets.listDeletedSecrets()), []);
  });

  it('is polled, listed, and undone with every version', async () => {
    const name = freshName('back');
    const first = await client.setSecret(name, 'one', { tags: { a: 'b' } });
    await client.setSecret(name, 'two');
    const poller = await client.beginDeleteSecret(name);
    const deleted = await poller.pollUntilDone();
    assert.equal(deleted.name, name);
    assert.match(deleted.recoveryId ?? '', new RegExp(`/deletedsecrets/${name}$`));
    const kept = (deleted.scheduledPurgeDate?.getTime() ?? 0) - (deleted.deletedOn?.getTime() ?? 0);
    assert.equal(kept, 90 * 86_400_000);
    await assert.rejects(client.getSecret(name), refusal(404, 'SecretNotFound'));
    await assert.rejects(client.setSecret(name, 'x'), refusal(409, 'Conflict', 'ObjectIsDeletedButRecoverable'));
    assert.deepEqual((await client.getDeletedSecret(name)).recoveryId, deleted.recoveryId);
    assert.ok((await all(client.listDeletedSecrets())).some((one) => one.name === name));
    const recovery = await client.beginRecoverDeletedSecret(name);
    assert.equal((await recovery.pollUntilDone()).name, name);
    assert.equal((await client.getSecret(name)).value, 'two');
    const old = await client.getSecret(name, { version: versionOf(first) });
    assert.deepEqual([old.value, old.properties.tags], ['one', { a: 'b' }]);
    await assert.rejects(client.getDeletedSecret(name), refusal(404, 'SecretNotFound'));
  });

  it('is made final by a purge', async () => {
    const name = freshName('gone');
    await client.setSecret(name, 'x');
    await (await client.beginDeleteSecret(name)).pollUntilDone();
    await client.purgeDeletedSecret(name);
    await assert.rejects(client.getDeletedSecret(name), refusal(404, 'SecretNotFound'));
    assert.equal((await client.setSecret(name, 'new')).value, 'new');
    assert.equal((await all(client.listPropertiesOfSecretVersions(name))).length, 1);
  });

  it('cannot be made final in a vault with purge protection', async () => {
    const name = await session.makeVault('js-protected', ['Key Vault Administrator'], {
      enablePurgeProtection: true,
      softDeleteRetentionInDays: 7,
    });
    const secrets = session.secrets(name);
    const set = await secrets.setSecret('held', 'x');
    assert.equal(set.properties.recoveryLevel, 'CustomizedRecoverable');
    await (await secrets.beginDeleteSecret('held')).pollUntilDone();
    await assert.rejects(secrets.purgeDeletedSecret('held'), (error: RestError) => error.statusCode === 403);
    assert.equal((await secrets.getDeletedSecret('held')).name, 'held');
  });
});

describe('a backup', () => {
  it('brings every version back, here and in another vault, and not over a living name', async () => {
    const name = freshName('kept');
    const first = await client.setSecret(name, 'one', { tags: { n: '1' } });
    const second = await client.setSecret(name, 'two', { contentType: 'text/plain' });
    const backup = (await client.backupSecret(name)) ?? assert.fail('no backup');
    await assert.rejects(client.restoreSecretBackup(backup), refusal(409, 'Conflict'));
    const other = session.secrets(await session.makeVault('js-other', ['Key Vault Secrets Officer']));
    await other.restoreSecretBackup(backup);
    await (await client.beginDeleteSecret(name)).pollUntilDone();
    await client.purgeDeletedSecret(name);
    const restored = await client.restoreSecretBackup(backup);
    assert.equal(restored.name, name);
    for (const secrets of [client, other]) {
      assert.equal((await secrets.getSecret(name, { version: versionOf(first) })).value, 'one');
      const latest = await secrets.getSecret(name);
      assert.deepEqual([latest.value, versionOf(latest)], ['two', versionOf(second)]);
    }
  });

  it('that was tampered with is refused', async () => {
    const name = freshName('tampered');
    await client.setSecret(name, 'x');
    const backup = (await client.backupSecret(name)) ?? assert.fail('no backup');
    const changed = Uint8Array.from(backup);
    changed[changed.length - 5] = (changed[changed.length - 5] ?? 0) ^ 1;
    await assert.rejects(client.restoreSecretBackup(changed), refusal(400, 'BadParameter'));
  });
});

describe('older versions of the service', () => {
  it('are spoken by clients that ask for them', async () => {
    for (const serviceVersion of ['7.0', '7.1', '7.2', '7.3', '7.4', '7.5', '7.6', '2025-07-01'] as const) {
      const older = session.secrets(vault, undefined, { serviceVersion });
      const name = freshName('older');
      await older.setSecret(name, serviceVersion);
      assert.equal((await older.getSecret(name)).value, serviceVersion);
    }
  });
});
