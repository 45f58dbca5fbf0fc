import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseReader } from './response-reader.ts';

const stream = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello' +
    'HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n' +
    'HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nx: y\r\n\r\n{}',
);

function readInPieces(size: number): Array<[number, string]> {
  const answers: Array<[number, string]> = [];
  const reader = new ResponseReader((status, data, start, end) => {
    answers.push([status, data.toString('latin1', start, end)]);
  });
  for (let offset = 0; offset < stream.length; offset += size) reader.push(stream.subarray(offset, offset + size));
  return answers;
}

test('answers are found whole and in order whatever the size of the chunks', () => {
  for (let size = 1; size <= stream.length; size += 1) {
    assert.deepEqual(readInPieces(size), [
      [200, 'hello'],
      [204, ''],
      [404, '{}'],
    ]);
  }
});

test('an answer without a length is refused rather than waited for', () => {
  const reader = new ResponseReader(() => assert.fail('nothing to report'));
  assert.throws(
    () => reader.push(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')),
    /no Content-Length/,
  );
});

test('another protocol is refused', () => {
  const reader = new ResponseReader(() => assert.fail('nothing to report'));
  assert.throws(() => reader.push(Buffer.from('SSH-2.0-OpenSSH_9.2\r\n\r\n')), /not an HTTP\/1.1 answer/);
});
