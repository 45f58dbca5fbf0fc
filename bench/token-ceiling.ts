import { once } from 'node:events';
import type { TokenSelector } from '../src/crypto/pkcs11/messages.ts';
import { startModule, stopChild } from './children.ts';
import type { Slice } from './load-plan.ts';

/** What the bare process is told once. */
export interface BareTokenOrder {
  readonly module: string;
  readonly bindingDirectory: string;
  readonly selector: TokenSelector;
  readonly pin: string;
  readonly sessions: number;
}

/** What it is told each time. */
export interface BareTokenRun {
  readonly kind: 'rsa' | 'ec';
  readonly milliseconds: number;
}

/** A process that signs in a token without pause when it is told to. */
export interface BareToken {
  run(order: BareTokenRun): Promise<Slice>;
  stop(): Promise<void>;
}

/** Starts it, and waits until it has the token. */
export async function startBareToken(order: BareTokenOrder): Promise<BareToken> {
  const child = startModule('bare-token.ts');
  const answer = async <T>(message: BareTokenOrder | BareTokenRun): Promise<T> => {
    const answered = once(child, 'message', { signal: AbortSignal.timeout(60_000) });
    child.send(message);
    return (await answered)[0] as T;
  };
  await answer(order);
  return { run: (run) => answer<Slice>(run), stop: () => stopChild(child) };
}
