import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { takeLease } from '../../src/jobs/lease.ts';
import { mailJob } from '../../src/notify/mail-job.ts';
import { queueMail } from '../../src/notify/mail-queue.ts';
import type { MailSetting } from '../../src/notify/mail-setting.ts';
import { failedMail } from '../../src/notify/repository.ts';
import { createAuthority, issueServerCertificate } from '../../src/tls/local-ca.ts';
import { type TestParts, testParts } from '../support/parts.ts';
import { openGate, type TcpGate } from '../support/tcp-gate.ts';

const PASSWORD = 'canary-smtp-password';

interface Received {
  readonly to: readonly string[];
  readonly text: string;
  readonly isSecure: boolean;
}

describe('mail over a real SMTP server', () => {
  let parts: TestParts;
  let tls: { readonly key: string; readonly cert: string; readonly caPem: string };
  let passwordFile: string;
  const logged: string[] = [];
  const received: Received[] = [];
  let sink: SMTPServer;
  let gate: TcpGate;
  /** What the sink answers to recipients, by the address's first part. */
  const replies: Record<string, number> = {};

  before(async () => {
    const now = Date.now();
    const authority = await createAuthority({ now, commonName: 'mail' });
    const order = { authority, now, names: ['localhost'], ipAddresses: [], lifetimeDays: 1 };
    const { privateKeyPem, certificatePem } = await issueServerCertificate(order);
    tls = { key: privateKeyPem, cert: certificatePem, caPem: authority.certificatePem };
    sink = await startSink({ key: tls.key, cert: tls.cert });
    gate = await openGate((sink.server.address() as AddressInfo).port);
  });
  after(async () => {
    await gate.outage(true);
    await new Promise<void>((closed) => sink.close(closed));
    await parts?.cleanup();
  });
  beforeEach(async () => {
    await parts?.cleanup();
    parts = await testParts();
    passwordFile = join(parts.folder, 'password');
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    received.length = 0;
    logged.length = 0;
    for (const name of Object.keys(replies)) delete replies[name];
  });

  async function startSink(options: SMTPServerOptions): Promise<SMTPServer> {
    const server = new SMTPServer({
      ...options,
      onAuth: ({ username, password }, _session, answer) => {
        if (username === 'vault' && password === PASSWORD) answer(null, { user: username });
        else answer(new Error('wrong password'));
      },
      onRcptTo: ({ address }, _session, answer) => {
        const code = replies[address.split('@')[0]!];
        answer(code === undefined ? null : Object.assign(new Error('no such box'), { responseCode: code }));
      },
      onData: (stream, session, answer) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const to = session.envelope.rcptTo.map(({ address }) => address);
          received.push({ to, text: Buffer.concat(chunks).toString(), isSecure: session.secure });
          answer();
        });
      },
    });
    server.on('error', () => undefined);
    await new Promise<void>((listening) => {
      server.listen(0, '127.0.0.1', () => listening());
    });
    return server;
  }

  const setting = (more: Partial<MailSetting> = {}): MailSetting => ({
    host: 'localhost',
    port: gate.port,
    security: 'starttls',
    caPem: tls.caPem,
    from: 'vault@example.com',
    user: 'vault',
    passwordFile,
    ...more,
  });

  const queue = (to: readonly string[], subject = 'Renewal failed', text = 'The certificate web was not renewed.') =>
    parts.store.write((transaction) => queueMail(transaction, parts, { to, subject, text }, parts.clock.now()));

  /** One run of the job, made anew as after a restart. */
  const run = async (mail = setting()) => {
    const write = (message: string, facts?: object) => logged.push(JSON.stringify({ message, ...facts }));
    const job = mailJob({ store: parts.store, log: { info: write, warn: write, error: write }, setting: mail });
    const now = parts.clock.now();
    const lease = await takeLease(parts.store, 'job/mail', 'here', now, 60_000);
    await job.run(lease!, now);
  };
  const waiting = () => parts.store.reader.db.selectFrom('mail_queue').selectAll().execute();

  it('sends each recipient a message over TLS, signed in, and forgets it', async () => {
    assert.deepEqual(await queue(['anna@example.com', 'ben@example.com', 'anna@example.com']), []);
    await run();
    assert.deepEqual(received.map(({ to }) => to).sort(), [['anna@example.com'], ['ben@example.com']]);
    assert.ok(received.every(({ isSecure }) => isSecure));
    assert.match(received[0]!.text, /^Subject: Renewal failed\r$/m);
    assert.match(received[0]!.text, /^Auto-Submitted: auto-generated\r$/m);
    assert.match(received[0]!.text, /The certificate web was not renewed\./);
    assert.deepEqual(await waiting(), []);
  });

  it('loses nothing while the server is away, also over a restart, and sends it when the server is back', async () => {
    await queue(['anna@example.com']);
    await gate.outage(true);
    await run();
    assert.deepEqual(received, []);
    const [held] = await waiting();
    assert.equal(held?.attempts, 1);
    assert.match(held?.failure ?? '', /ECONNREFUSED/);
    await gate.outage(false);
    await run();
    assert.deepEqual(received, [], 'not before its time');
    parts.clock.advance(60_000);
    await run();
    assert.equal(received.length, 1);
    assert.deepEqual(await waiting(), []);
  });

  it('gives up a recipient that is refused for good, keeps one that is put off, and lets neither stop the others', async () => {
    replies['gone'] = 550;
    replies['grey'] = 451;
    await queue(['gone@example.com', 'grey@example.com', 'anna@example.com']);
    await run();
    assert.deepEqual(
      received.map(({ to }) => to[0]),
      ['anna@example.com'],
    );
    const failed = await failedMail.all(parts.store.reader, { limit: 10 });
    assert.deepEqual(
      failed.map(({ recipient }) => recipient),
      ['gone@example.com'],
    );
    delete replies['grey'];
    parts.clock.advance(60_000);
    await run();
    assert.deepEqual(
      received.map(({ to }) => to[0]),
      ['anna@example.com', 'grey@example.com'],
    );
    parts.clock.advance(31 * 86_400_000);
    await run();
    assert.deepEqual(await waiting(), [], 'given up ones are kept for 30 days');
  });

  it('sends nothing to a server that does not turn to TLS, or that another authority vouches for', async () => {
    const plain = await startSink({ disabledCommands: ['STARTTLS'], authOptional: true });
    const { port } = plain.server.address() as AddressInfo;
    await queue(['anna@example.com']);
    await run(setting({ port }));
    const { certificatePem } = await createAuthority({ now: Date.now(), commonName: 'somebody else' });
    parts.clock.advance(60_000);
    await run(setting({ caPem: certificatePem }));
    await new Promise<void>((closed) => plain.close(closed));
    assert.deepEqual(received, []);
    assert.equal((await waiting())[0]?.attempts, 2);
  });

  it('goes on once a wrong password was mended, and tells nobody what it was', async () => {
    const wrong = 'canary-wrong-password';
    writeFileSync(passwordFile, wrong);
    await queue(['anna@example.com']);
    await run();
    assert.deepEqual(received, []);
    writeFileSync(passwordFile, PASSWORD);
    parts.clock.advance(60_000);
    const told = [...logged, JSON.stringify(await waiting())].join();
    assert.ok(!told.includes(wrong) && !told.includes(Buffer.from(wrong).toString('base64')));
    await run();
    assert.equal(received.length, 1);
  });

  it('lets no text begin a header, a recipient or a second message', async () => {
    const refused = await queue(
      ['anna@example.com', 'x@example.com\r\nRCPT TO:<y@example.com>', 'no address', 'a@b,c@d'],
      'Failed\r\nBcc: spy@example.com\r\n\r\nbody',
      'first\r\n.\r\nMAIL FROM:<x@y>\r\n',
    );
    assert.equal(refused.length, 3);
    await run();
    assert.equal(received.length, 1);
    const [message] = received as [Received];
    assert.deepEqual(message.to, ['anna@example.com']);
    assert.doesNotMatch(message.text.split('\r\n\r\n')[0]!, /^Bcc:/im);
    assert.match(message.text, /MAIL FROM:<x@y>/, 'it is text of the body');
  });

  it('takes no more than ten thousand messages at once', async () => {
    const contacts = Array.from({ length: 101 }, (_, index) => `n${index}@example.com`);
    assert.deepEqual(await queue(contacts), ['n100@example.com']);
    for (let sent = 100; sent < 10_000; sent += 100) await queue(contacts.slice(0, 100));
    assert.deepEqual(await queue(['anna@example.com']), ['anna@example.com']);
  });

  it('has room for what is new whatever was given up before, of which it keeps the newest ten thousand', async () => {
    const contacts = Array.from({ length: 100 }, (_, index) => `n${index}@example.com`);
    for (let sent = 0; sent < 10_100; sent += 100) {
      parts.clock.advance(1);
      assert.deepEqual(await queue(contacts), []);
      await parts.store.write((transaction) =>
        transaction.db.updateTable('mail_queue').set({ next_at: null, failure: '550 no such box' }).execute(),
      );
    }
    assert.deepEqual(await queue(['anna@example.com']), []);
    await run();
    assert.equal(received.length, 1);
    const kept = await waiting();
    assert.equal(kept.length, 10_000);
    assert.ok(kept.some(({ created }) => created === parts.clock.now()));
  });

  it('is sent by the node that holds the lease alone', async () => {
    await queue(['anna@example.com']);
    const now = parts.clock.now();
    const lease = await takeLease(parts.store, 'job/mail', 'here', now, 1);
    await takeLease(parts.store, 'job/mail', 'there', now + 2, 60_000);
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    await mailJob({ store: parts.store, log, setting: setting() }).run(lease!, now);
    assert.deepEqual(received, []);
    assert.equal((await waiting()).length, 1);
  });
});
