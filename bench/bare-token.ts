import { type Attribute, constant, type Handle } from '../src/crypto/pkcs11/binding.ts';
import { curveParameters } from '../src/crypto/pkcs11/mechanisms.ts';
import { template } from '../src/crypto/pkcs11/objects.ts';
import { type OpenToken, openToken } from '../src/crypto/pkcs11/open-token.ts';
import type { BareTokenOrder, BareTokenRun } from './token-ceiling.ts';

/** A process that does nothing but sign in a token, with as many sessions as it was told: what the binding and the token can. */
let token: OpenToken;

process.on('message', (message: BareTokenOrder | BareTokenRun) => void obey(message));

async function obey(message: BareTokenOrder | BareTokenRun): Promise<void> {
  if ('module' in message) {
    token = openToken({ op: 'open', isOfficer: false, ...message });
    process.send?.('open');
    return;
  }
  const { kind, milliseconds } = message;
  const key = await keys[kind]();
  const mechanism = {
    mechanism: constant(token.binding, kind === 'rsa' ? 'CKM_RSA_PKCS' : 'CKM_ECDSA'),
    parameter: null,
  };
  const input = Buffer.alloc(kind === 'rsa' ? 51 : 32, 1);
  const openedAt = performance.now();
  let requests = 0;
  const loop = async (session: Handle) => {
    while (performance.now() - openedAt < milliseconds) {
      token.cryptoki.C_SignInit(session, mechanism, key);
      await token.cryptoki.C_SignAsync(session, input, Buffer.alloc(256));
      requests += 1;
    }
  };
  await Promise.all(token.sessions.map(loop));
  process.send?.({ requests, seconds: (performance.now() - openedAt) / 1e3 });
}

const made = new Map<string, Promise<Handle>>();
const keys = {
  rsa: () => keep('rsa', 'CKM_RSA_PKCS_KEY_PAIR_GEN', { CKA_MODULUS_BITS: 2048 }),
  ec: () => keep('ec', 'CKM_EC_KEY_PAIR_GEN', { CKA_EC_PARAMS: curveParameters['P-256'] }),
};

/** An object of the token, as the product's keys are, not of the session. */
function keep(name: string, mechanism: string, publicPart: Parameters<typeof template>[1]): Promise<Handle> {
  const shared = { CKA_PRIVATE: true, CKA_SENSITIVE: true, CKA_EXTRACTABLE: false, CKA_SIGN: true };
  const of = (named: Parameters<typeof template>[1]): readonly Attribute[] => template(token.binding, named);
  const pair =
    made.get(name) ??
    token.cryptoki
      .C_GenerateKeyPairAsync(
        token.sessions[0]!,
        { mechanism: constant(token.binding, mechanism), parameter: null },
        of({ CKA_TOKEN: false, ...publicPart }),
        of({ CKA_TOKEN: true, ...shared }),
      )
      .then(({ privateKey }) => privateKey);
  made.set(name, pair);
  return pair;
}
