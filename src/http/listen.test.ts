import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { type Listener, ListenFault, listen, requestLimits } from './listen.ts';

type Handler = Parameters<typeof listen>[0];

const answerUrl: Handler = (request, response) => {
  request.resume();
  response.end(`${request.method} ${request.url}`);
};

/** Sends bytes, and gives all that came until the server closed the connection. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.once('error', () => {});
    socket.once('close', () => resolve(text));
    socket.write(bytes);
  });
}

async function withListener(
  work: (listener: Listener) => Promise<void>,
  handler: Handler = answerUrl,
  limits = requestLimits,
) {
  const listener = await listen(handler, ['127.0.0.1'], 0, null, limits);
  try {
    await work(listener);
  } finally {
    await listener.close(0);
  }
}

const CLOSE = 'Connection: close\r\n\r\n';

describe('listening', () => {
  it('bounds headers, their time, and the time of a whole request', () => {
    assert.deepEqual(
      [requestLimits.maxHeaderSize, requestLimits.headersTimeout, requestLimits.requestTimeout],
      [32 * 1024, 10_000, 30_000],
    );
    // Node looks at the times once in this interval only.
    assert.ok(requestLimits.connectionsCheckingInterval <= 5_000);
  });

  it('ends a connection whose headers, or whose body, do not come in time', async () => {
    const limits = { ...requestLimits, headersTimeout: 60, requestTimeout: 120, connectionsCheckingInterval: 20 };
    const waiting: Handler = (request, response) => {
      request.on('end', () => response.end('whole'));
      request.resume();
    };
    await withListener(
      async ({ port }) => {
        const headers = await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ');
        assert.match(headers, /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*"code":"BadRequest"/);
        const body = await exchange(port, 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf');
        assert.doesNotMatch(body, /whole/);
        assert.match(body, /^HTTP\/1\.1 408 /);
      },
      waiting,
      limits,
    );
  });

  it('refuses headers that are too large', async () => {
    await withListener(async ({ port }) => {
      const answer = await exchange(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(33_000)}\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\nContent-Type: application\/json/);
    });
  });

  it('hands over a request only where its host and its credentials are clear', async () => {
    await withListener(async ({ port }) => {
      for (const head of [
        'GET / HTTP/1.1\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nauthorization: x\r\n',
        'GET https://b/ HTTP/1.1\r\nHost: a\r\n',
        'GET https://a@b/ HTTP/1.1\r\nHost: b\r\n',
        'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n',
        'OPTIONS * HTTP/1.1\r\nHost: a\r\n',
      ]) {
        assert.match(
          await exchange(port, head + CLOSE),
          /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*"code":"BadRequest"/,
          head,
        );
      }
      const absolute = await exchange(port, `GET HTTPS://A:1/p?q HTTP/1.1\r\nHost: a:1\r\n${CLOSE}`);
      assert.match(absolute, /GET \/p\?q$/);
      assert.match(await exchange(port, `GET https://a?q HTTP/1.1\r\nHost: a\r\n${CLOSE}`), /GET \/\?q$/);
      assert.match(await exchange(port, 'GET /old HTTP/1.0\r\n\r\n'), /GET \/old$/);
    });
  });

  it('puts the verb of X-HTTP-METHOD in place of POST alone', async () => {
    await withListener(async ({ port }) => {
      const ask = (verb: string, given: string) =>
        exchange(port, `${verb} / HTTP/1.1\r\nHost: a\r\nX-HTTP-METHOD: ${given}\r\n${CLOSE}`);
      for (const verb of ['GET', 'PUT', 'PATCH', 'delete']) {
        assert.match(await ask('POST', verb), new RegExp(`${verb.toUpperCase()} /$`));
      }
      assert.match(await ask('GET', 'DELETE'), /GET \/$/);
      for (const verb of ['CONNECT', 'TRACE', 'POST', 'x', '']) assert.match(await ask('POST', verb), /POST \/$/);
    });
  });

  it('tells which port is taken', async () => {
    const blocker = createServer();
    await new Promise<void>((ready) => blocker.listen(0, '127.0.0.1', ready));
    const { port } = blocker.address() as AddressInfo;
    await assert.rejects(listen(answerUrl, ['127.0.0.1'], port, null), (error: ListenFault) => {
      return (
        error instanceof ListenFault &&
        error.message.startsWith(`Port ${port} on 127.0.0.1 is in use by another program.`)
      );
    });
    await new Promise((closed) => blocker.close(closed));
  });

  it('takes the same free port at each address, and leaves out an address that this machine does not have', async () => {
    const listener = await listen(answerUrl, ['127.0.0.1', '127.0.0.2', '203.0.113.9'], 0, null);
    assert.deepEqual(listener.addresses, ['127.0.0.1', '127.0.0.2']);
    await listener.close(0);
    await assert.rejects(listen(answerUrl, ['203.0.113.9'], 0, null), ListenFault);
  });

  it('lets what is under way finish, and cuts it off when the grace is over', async () => {
    const begun: (() => void)[] = [];
    const holding: Handler = (_request, response) => {
      begun.push(() => response.end('finished'));
    };
    const start = async (listener: Listener): Promise<{ socket: Socket; received: Promise<string> }> => {
      const socket = connect(listener.port, '127.0.0.1');
      const received = new Promise<string>((resolve) => {
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk.toString();
        });
        socket.once('error', () => {});
        socket.once('close', () => resolve(text));
      });
      const count = begun.length;
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      while (begun.length === count) await new Promise((turn) => setImmediate(turn));
      return { socket, received };
    };
    const patient = await listen(holding, ['127.0.0.1'], 0, null);
    const first = await start(patient);
    const closed = patient.close(10_000);
    begun[0]!();
    await closed;
    assert.match(await first.received, /finished$/);
    const hasty = await listen(holding, ['127.0.0.1'], 0, null);
    const second = await start(hasty);
    await hasty.close(10);
    assert.equal(await second.received, '');
  });
});
