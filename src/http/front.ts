import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../base/ports.ts';
import type { Operation, Plane } from '../operations/operation.ts';
import { type App, type AppParts, buildApp } from './app.ts';

/** What answers the requests of a listener. */
export interface Front {
  routing(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

/** Planes whose rooms are loaded when their first request comes: a quarter of the code, which most starts need later or never. */
export interface LatePlanes {
  readonly planes: readonly Plane[];
  /** Called for the first request, and again where it failed. */
  readonly load: () => Promise<readonly Operation[]>;
}

/** One front of two: the rows given, and those of the late planes. A request that comes while they are loaded waits. */
export async function buildFront(parts: AppParts & { readonly log: Log }, late: LatePlanes): Promise<Front> {
  const early = await buildApp(parts);
  let loaded: App | null = null;
  let loading: Promise<App> | null = null;
  const load = async () => {
    try {
      loaded = await buildApp({ ...parts, operations: await late.load() });
      return loaded;
    } finally {
      loading = null;
    }
  };
  const routeLate = (request: IncomingMessage, response: ServerResponse) => {
    if (loaded) return loaded.routing(request, response);
    loading ??= load();
    loading.then(
      (app) => app.routing(request, response),
      (error: Error) => {
        parts.log.error('A part of the server could not be loaded.', { error: error.stack ?? error.message });
        response.writeHead(500, { connection: 'close', 'content-length': '0' }).end();
      },
    );
  };
  return {
    routing: (request, response) => {
      const { plane } = parts.readHost(request.headers.host ?? '');
      if (plane !== 'unknown' && late.planes.includes(plane)) routeLate(request, response);
      else early.routing(request, response);
    },
    close: async () => {
      // A half that is still being built would otherwise be left open.
      await loading?.catch(() => {});
      await Promise.all([early.close(), loaded?.close()]);
    },
  };
}
