import { armRequestRefusals } from './arm-requests.ts';
import { authorisationRefusals } from './authorisation.ts';
import { authorityRefusals } from './authorities.ts';
import { certificateRefusals } from './certificates.ts';
import { clockRefusals } from './clock.ts';
import { dataRefusals } from './data.ts';
import { encryptionKeyRefusals } from './encryption-keys.ts';
import { federationRefusals } from './federation.ts';
import { generalRefusals } from './general.ts';
import { graphRefusals } from './graph.ts';
import { keyReleaseRefusals } from './key-release.ts';
import { keyRefusals } from './keys.ts';
import { lockRefusals } from './locks.ts';
import { loginRefusals } from './login.ts';
import { managedIdentityRefusals } from './managed-identity.ts';
import { managementRefusals } from './management.ts';
import { moveRefusals } from './moves.ts';
import { outsideTokenRefusals } from './outside-tokens.ts';
import { peopleRefusals } from './people.ts';
import { privateEndpointRefusals } from './private-endpoints.ts';
import type { RefusalRow } from './row.ts';
import { signInRefusals } from './sign-in.ts';
import { signingKeyRefusals } from './signing-keys.ts';
import { vaultMoveRefusals } from './vault-moves.ts';

const tables = {
  ...generalRefusals,
  ...dataRefusals,
  ...keyRefusals,
  ...keyReleaseRefusals,
  ...certificateRefusals,
  ...authorisationRefusals,
  ...managementRefusals,
  ...armRequestRefusals,
  ...lockRefusals,
  ...privateEndpointRefusals,
  ...moveRefusals,
  ...authorityRefusals,
  ...vaultMoveRefusals,
  ...clockRefusals,
  ...loginRefusals,
  ...federationRefusals,
  ...signInRefusals,
  ...managedIdentityRefusals,
  ...outsideTokenRefusals,
  ...graphRefusals,
  ...peopleRefusals,
  ...signingKeyRefusals,
  ...encryptionKeyRefusals,
};

/** The stable code of a refusal. */
export type RefusalCode = keyof typeof tables;

/** Every refusal there is. */
export const catalogue: Readonly<Record<RefusalCode, RefusalRow>> = tables;

/** Whether the text is the code of a refusal. */
export function isRefusalCode(text: string): text is RefusalCode {
  return Object.hasOwn(catalogue, text);
}
