import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type Challenge, ChallengeFault, type ChallengeSolver } from './challenge.ts';
import { type ListenAt, Shown } from './shown.ts';

const PATH = '/.well-known/acme-challenge/';
/** RFC 8555 §8.3: base64url. Nothing else becomes a path or a file name. */
const TOKEN = /^[A-Za-z0-9_-]{22,200}$/;
const SHORT_MS = 5000;

/** http-01 by a listener of our own (RFC 8555 §8.3): plain HTTP that answers these tokens and nothing else. */
export function httpListener(at: ListenAt): ChallengeSolver {
  const shown = new Shown<string>(at, (find) => {
    const server = createServer({ headersTimeout: SHORT_MS, requestTimeout: SHORT_MS }, (request, response) => {
      const { url = '', method } = request;
      const isRead = method === 'GET' || method === 'HEAD';
      const proof = isRead && url.startsWith(PATH) ? find(url.slice(PATH.length)) : undefined;
      const head = { 'content-type': 'application/octet-stream', connection: 'close', 'cache-control': 'no-store' };
      response.writeHead(proof === undefined ? 404 : 200, head).end(proof);
    });
    server.setTimeout(SHORT_MS);
    return server;
  });
  return {
    type: 'http-01',
    lasts: false,
    settleSeconds: 0,
    present: async (challenge) => shown.add(checked(challenge), challenge.proof),
    withdraw: async (challenge) => shown.remove(checked(challenge)),
  };
}

/** http-01 by files below a folder that another web server shows. */
export function httpWebroot(folder: string): ChallengeSolver {
  const directory = join(folder, PATH);
  return {
    type: 'http-01',
    lasts: true,
    settleSeconds: 0,
    present: async (challenge) => {
      const path = join(directory, checked(challenge));
      try {
        await mkdir(directory, { recursive: true });
        // A link that somebody laid there is not followed.
        await rm(`${path}.new`, { force: true });
        await writeFile(`${path}.new`, challenge.proof, { mode: 0o644, flag: 'wx' });
        await rename(`${path}.new`, path);
      } catch (error) {
        throw new ChallengeFault(`The folder ${folder} cannot be written: ${(error as NodeJS.ErrnoException).code}.`, {
          cause: error,
        });
      }
    },
    withdraw: (challenge) => rm(join(directory, checked(challenge)), { force: true }),
  };
}

function checked({ token }: Challenge): string {
  if (!TOKEN.test(token)) throw new ChallengeFault('The authority gave a token that is no base64url.');
  return token;
}
