import { setTimeout as pause } from 'node:timers/promises';
import { sealedAccount } from '../../src/certificates/issuers/acme/account.ts';
import { AcmeIssuer } from '../../src/certificates/issuers/acme/acme-issuer.ts';
import type { ChallengeSolver } from '../../src/certificates/issuers/acme/challenge.ts';
import type { IssuerBench } from '../../src/certificates/issuers/conformance.ts';
import type { Issuer } from '../../src/certificates/issuers/issuer.ts';
import { Outgoing } from '../../src/certificates/issuers/outgoing.ts';
import { requestFor } from '../support/certificate-request.ts';
import type { TestParts } from '../support/parts.ts';
import type { Pebble } from '../support/pebble.ts';

/** What binds accounts in these tests. */
export const binding = { keyId: 'kid-of-tests', hmacKey: Buffer.alloc(32, 7).toString('base64url') };

/** An ACME issuer over pebble; `account` names the sealed value, so that issuers of one name share an account. */
export function acmeIssuer(
  parts: TestParts,
  pebble: Pebble,
  solver: ChallengeSolver,
  bound: { readonly keyId: string; readonly hmacKey: string } | null,
  account = 'tests',
  outgoing = outgoingTo(parts, pebble),
): Issuer {
  const { directoryUrl } = pebble;
  return new AcmeIssuer({
    outgoing,
    terms: { directoryUrl, contacts: ['mailto:tests@example.com'], binding: bound },
    account: sealedAccount(parts, account),
    solver,
  });
}

/** What asks pebble. */
export function outgoingTo(parts: TestParts, pebble: Pebble): Outgoing {
  return new Outgoing({ url: pebble.directoryUrl, caPem: pebble.caPem }, () => parts.clock.now());
}

let names = 0;

/** The bench of the conformance suite. */
export function acmeBench(parts: TestParts, pebble: Pebble, solver: ChallengeSolver): IssuerBench {
  const wrong = { keyId: binding.keyId, hmacKey: Buffer.alloc(32, 9).toString('base64url') };
  return {
    issuer: () => acmeIssuer(parts, pebble, solver, binding),
    withBadCredentials: () => acmeIssuer(parts, pebble, solver, wrong, 'spoiled'),
    requestFor,
    goodName: () => `site-${names++}.dyn.test`,
    refusedName: () => 'blocked-domain.example',
    outage: pebble.outage,
    wait: () => pause(100),
    issuedFor: async () => null,
    canCancel: true,
    saysRenewal: true,
    secrets: [binding.hmacKey, wrong.hmacKey, 'PRIVATE KEY'],
  };
}
