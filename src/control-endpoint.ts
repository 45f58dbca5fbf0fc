import { oneByOne } from './base/one-by-one.ts';
import type { Log } from './base/ports.ts';
import type { Config } from './config.ts';
import { SEAL_CHANGED } from './crypto/root-keys.ts';
import { type ChangeParts, changeSeal } from './crypto/seals/change-seal.ts';
import { readSealOrder, SealDrafts } from './crypto/seals/make-seal.ts';
import { type ControlRoutes, listenForControl } from './http/control.ts';
import { ListenFault } from './http/listen.ts';
import type { SealedParts } from './sealed-start.ts';

/** The operator's endpoint of a process: what it can do changes when the server opens. */
export interface ControlEndpoint {
  readonly useRoutes: (routes: ControlRoutes) => void;
  close(): Promise<void>;
}

/**
 * Opens the endpoint in the data directory. Where that cannot have a socket, a server whose seal needs nobody starts all the same.
 * @throws ListenFault where operators have to reach it
 */
export async function openControl({ config, log }: { readonly config: Config; readonly log: Log }) {
  let routes: ControlRoutes = {};
  const useRoutes = (next: ControlRoutes) => {
    routes = next;
  };
  try {
    const listener = await listenForControl(config.dataDir, () => routes, log);
    return { useRoutes, close: () => listener.close() } satisfies ControlEndpoint;
  } catch (error) {
    const needsNobody = config.seal.kind === 'key-file' || config.seal.passphraseFile !== null;
    if (!needsNobody || !(error instanceof ListenFault)) throw error;
    log.warn('There is no control endpoint: the seal cannot be changed while this server runs.', {
      reason: error.message,
    });
    return { useRoutes, close: async () => {} } satisfies ControlEndpoint;
  }
}

/** What can be done while the server is open. */
export function openRoutes(parts: ChangeParts & Pick<SealedParts, 'device'>): ControlRoutes {
  const drafts = new SealDrafts(parts.random, parts.device);
  const inTurn = oneByOne();
  return {
    'GET /seal': async () => {
      const { sealKind, isSealStale } = parts.keyring.roots;
      return { state: 'open', kind: sealKind, ...(isSealStale && { reason: SEAL_CHANGED }) };
    },
    'POST /unseal': async () => ({ state: 'open' }),
    'POST /seal/draft': async (body) => ({ ...(await drafts.make(readSealOrder(body))) }),
    'POST /seal/change': async ({ id }) => {
      const seal = drafts.take(id);
      // One after the other: the second is made under what the first has left.
      await inTurn(() => changeSeal(parts, seal));
      return { kind: seal.kind };
    },
  };
}
