/**
 * The ceiling: node:https and nothing else, answering every request with the same head and body. A process of its own; it
 * takes one `BareServerOrder` as a message and answers with the port it listens on.
 */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { BareServerOrder } from './ceilings.ts';

/** Headers that Node writes itself, for this server as for any other. */
const WRITTEN_BY_NODE: ReadonlySet<string> = new Set(['date', 'connection', 'keep-alive']);

process.once('message', (order: BareServerOrder) => {
  const { key, certificate, answer } = order;
  const headers: string[] = [];
  for (let i = 0; i < answer.rawHeaders.length; i += 2) {
    const name = answer.rawHeaders[i] ?? '';
    if (!WRITTEN_BY_NODE.has(name.toLowerCase())) headers.push(name, answer.rawHeaders[i + 1] ?? '');
  }
  const server = createServer({ key, cert: certificate }, (_request, response) => {
    response.writeHead(answer.status, headers);
    response.end(answer.body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
});
process.on('disconnect', () => process.exit());
