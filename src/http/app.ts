import type { IncomingMessage } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Clock } from '../base/ports.ts';
import type { HostName } from '../operations/hosts.ts';
import type { Incoming } from '../operations/incoming.ts';
import type { Operation, Plane } from '../operations/operation.ts';
import type { Passage, Pipeline } from '../operations/pipeline.ts';
import { Refusal } from '../refusals/refusal.ts';
import { parseForm, parseJsonObject } from './json-body.ts';
import { methodRefuser } from './methods.ts';
import { type Frame, renderRefusal } from './render.ts';
import { clientRequestId, send } from './send.ts';
import { unknownOperation, unknownPath } from './unknown.ts';

declare module 'fastify' {
  interface FastifyRequest {
    passage: Passage | null;
  }
}

/** An HTTP front, ready to be listened for: `routing` takes Node's requests. */
export type App = FastifyInstance;

/** What the HTTP front is made of. */
export interface AppParts {
  readonly pipeline: Pipeline;
  readonly operations: readonly Operation[];
  readonly readHost: (header: string) => HostName;
  readonly clock: Clock;
  readonly tenantId: string;
  readonly domain: string;
}

const DEFAULT_BODY_BYTES = 256 * 1024;
const empty: Readonly<Record<string, string>> = Object.freeze({});

/** Builds the HTTP front: every operation a route of its plane, nothing but the pipeline behind it. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: false,
    bodyLimit: DEFAULT_BODY_BYTES,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    routerOptions: {
      caseSensitive: false,
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: 1024,
      constraints: { plane: planeStrategy(parts.readHost) },
    },
    // A path whose percent-encoding cannot be read: it still gets its challenge first.
    frameworkErrors: (_error, request, reply) => {
      const unreadable = new Refusal('name-invalid', { name: pathOf(request).slice(0, 200) });
      void serveUnknown(parts, request as FastifyRequest, reply as FastifyReply, unreadable);
    },
  });
  app.decorateRequest('passage', null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => answerError(parts, error, request, reply));
  const refusesMethod = methodRefuser(parts.operations);
  app.setNotFoundHandler((request, reply) => {
    const plane = planeOf(parts.readHost, request.raw);
    const row = plane === 'unknown' ? null : refusesMethod(plane, request.method, pathOf(request));
    return row ? serveRefused(parts, row, request, reply) : serveUnknown(parts, request, reply);
  });
  for (const operation of parts.operations) addRoute(app, parts, operation);
  await app.ready();
  return app;
}

/** No route has a schema: bodies are judged by the rooms. Without this Fastify loads two compilers at every start, 160 files. */
function noSchemas(): never {
  throw new Error('Routes have no schemas here; the rooms judge their bodies.');
}

function addRoute(app: FastifyInstance, parts: AppParts, operation: Operation): void {
  const isBodiless = operation.method === 'GET' || operation.method === 'HEAD';
  app.route({
    method: operation.method,
    url: operation.path,
    constraints: { plane: operation.plane },
    ...(operation.bodyBytes ? { bodyLimit: operation.bodyBytes } : {}),
    // A body is read only after the checks that come before it; a GET has none, so its checks need no hook of their own.
    ...(isBodiless ? {} : { onRequest: (request: FastifyRequest) => admit(parts, operation, request) }),
    handler: async (request, reply) => {
      if (isBodiless) await admit(parts, operation, request);
      const passage = request.passage!;
      if (!isBodiless) await parts.pipeline.admitBody(passage);
      send(passage, reply, await parts.pipeline.execute(passage, readBody(operation, request)));
      return reply;
    },
  });
}

function admit(parts: AppParts, operation: Operation, request: FastifyRequest): Promise<void> {
  const passage = parts.pipeline.begin(incomingOf(parts, operation, request));
  request.passage = passage;
  return parts.pipeline.admit(passage);
}

/** A path that is there, by a method that it does not have. */
async function serveRefused(
  parts: AppParts,
  row: Operation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  try {
    await admit(parts, row, request);
    send(request.passage!, reply, await parts.pipeline.execute(request.passage!, null));
    return reply;
  } catch (error) {
    return answerError(parts, error, request, reply);
  }
}

async function serveUnknown(
  parts: AppParts,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal?: Refusal,
): Promise<FastifyReply> {
  const host = parts.readHost(request.headers.host ?? '');
  const operation = unknownOperation(host.plane);
  const passage = parts.pipeline.begin(incomingOf(parts, operation, request));
  request.passage = passage;
  try {
    if (host.plane === 'unknown')
      throw new Refusal('host-unknown', { host: (request.headers.host ?? '').slice(0, 260) });
    await parts.pipeline.admit(passage);
    throw refusal ?? unknownPath(host.plane, request.method, pathOf(request));
  } catch (error) {
    return answerError(parts, error, request, reply);
  }
}

function incomingOf(parts: AppParts, operation: Operation, request: FastifyRequest): Incoming {
  const socket = request.raw.socket as typeof request.raw.socket & { getProtocol?: () => string | null };
  // Null where Fastify could not read the URL at all.
  const query = (request.query ?? empty) as Readonly<Record<string, string | string[]>>;
  return {
    operation,
    host: parts.readHost(request.headers.host ?? ''),
    method: request.method,
    path: pathOf(request),
    parameters: (request.params as Record<string, string>) ?? empty,
    query: firstValues(query),
    headers: request.headers,
    clientAddress: socket.remoteAddress ?? '',
    tlsVersion: tlsName(socket.getProtocol?.() ?? null),
  };
}

function pathOf({ url }: { readonly url: string }): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function firstValues(query: Readonly<Record<string, string | string[]>>): Readonly<Record<string, string>> {
  for (const name in query) {
    if (Array.isArray(query[name])) {
      return Object.fromEntries(
        Object.entries(query).map(([key, value]) => [key, Array.isArray(value) ? value[0]! : value]),
      );
    }
  }
  return query as Readonly<Record<string, string>>;
}

function tlsName(protocol: string | null): string {
  if (protocol === 'TLSv1.3') return 'TLS1_3';
  return protocol === 'TLSv1.2' ? 'TLS1_2' : '';
}

function readBody(operation: Operation, request: FastifyRequest): Readonly<Record<string, unknown>> | null {
  const bytes = request.body as Buffer | undefined;
  if (operation.body === 'none') return null;
  const mediaType = (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (operation.body === 'form') {
    if (mediaType !== '' && mediaType !== 'application/x-www-form-urlencoded') {
      throw new Refusal('body-media-type', { mediaType, expected: 'application/x-www-form-urlencoded' });
    }
    return parseForm(bytes ?? Buffer.alloc(0));
  }
  if (!bytes || bytes.length === 0) return {};
  if (mediaType !== '' && !/^(application|text)\/([a-z0-9.+-]*\+)?json$/.test(mediaType)) {
    throw new Refusal('body-media-type', { mediaType, expected: 'application/json' });
  }
  return parseJsonObject(bytes);
}

async function answerError(
  parts: AppParts,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const passage = request.passage ?? parts.pipeline.begin(incomingOf(parts, unknownOperation('unknown'), request));
  const refusal = await parts.pipeline.refuse(passage, fromFastify(error));
  const rendered = renderRefusal(refusal, frameOf(parts, passage));
  // A large body nobody will read: the connection is not kept for it.
  const isLarge = Number(request.headers['content-length'] ?? 0) > DEFAULT_BODY_BYTES;
  const headers = isLarge ? { ...rendered.headers, connection: 'close' } : rendered.headers;
  send(passage, reply, { ...rendered, headers });
  return reply;
}

/** Fastify's own refusals of a body, in our catalogue's terms. */
function fromFastify(error: unknown): unknown {
  const { code, statusCode } = (error ?? {}) as { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new Refusal('body-too-large', { limit: DEFAULT_BODY_BYTES });
  if (code?.startsWith('FST_ERR_CTP'))
    return new Refusal('body-malformed', { reason: 'its length is not as declared' });
  if (statusCode === 400) return new Refusal('body-malformed', { reason: 'it was cut off' });
  return error;
}

function frameOf(parts: AppParts, passage: Passage): Frame {
  const { host, operation } = passage.incoming;
  const isData = host.plane === 'data';
  return {
    plane: host.plane === 'unknown' ? (operation.plane === 'imds' ? 'imds' : 'unknown') : host.plane,
    requestId: passage.requestId,
    clientRequestId: clientRequestId(passage),
    origin: host.origin,
    authority: `https://login.${parts.domain}${host.port}/${parts.tenantId}`,
    resource: isData ? `https://vault.${parts.domain}${host.port}` : host.origin,
    now: parts.clock.now(),
  };
}

/** Routes by the plane that the Host header names. */
function planeStrategy(readHost: (header: string) => HostName) {
  return {
    name: 'plane',
    mustMatchWhenDerived: true,
    storage: () => {
      const handlers = new Map<unknown, unknown>();
      return {
        get: (plane: unknown) => handlers.get(plane) ?? null,
        set: (plane: unknown, handler: unknown) => {
          handlers.set(plane, handler);
        },
      };
    },
    validate: () => {},
    deriveConstraint: (request: IncomingMessage) => planeOf(readHost, request),
    // biome-ignore lint/suspicious/noExplicitAny: Fastify types the storage of a strategy by its own handler type.
  } as any;
}

/** The router folds letters as Unicode does, where the Kelvin sign becomes a k: a path with one is no path of ours. */
function planeOf(readHost: (header: string) => HostName, { url = '', headers }: IncomingMessage): Plane | 'unknown' {
  return /%e2%84%aa/i.test(url) ? 'unknown' : readHost(headers.host ?? '').plane;
}
