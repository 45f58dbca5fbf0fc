import { failureOf, returnValueOf } from './faults.ts';
import type { AnswerMessage, RequestMessage, TokenRequest } from './messages.ts';
import { openToken } from './open-token.ts';
import { TokenWork } from './token-work.ts';

/**
 * The process that talks to the token. A module is foreign code that blocks, hangs and crashes: here it takes nobody with it, and
 * whatever it got into ends with the process. It ends when its parent does.
 */
let work: TokenWork | null = null;

process.on('message', (message: RequestMessage) => void respond(message));
process.on('disconnect', () => process.exit(0));
// Ctrl+C in a terminal reaches the whole group; the parent still finishes what is under way.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

async function respond({ number, request }: RequestMessage): Promise<void> {
  const send = (answer: AnswerMessage) => process.send?.(answer);
  try {
    send({ number, answer: await answerTo(request) });
  } catch (error) {
    const reason = returnValueOf(error) ?? (error instanceof Error ? error.message : 'unknown');
    send({ number, failure: failureOf(error), reason });
  }
}

async function answerTo(request: TokenRequest): Promise<unknown> {
  if (request.op !== 'open') return work!.answer(request);
  const token = openToken(request);
  work = new TokenWork(token);
  return token.facts;
}
