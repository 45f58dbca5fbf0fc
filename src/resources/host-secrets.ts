import { hostSecret, renewHostSecret } from '../identity/host-secrets.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { type HostType, requireHost } from './hosts.ts';
import type { ResourceParts } from './parts.ts';

/** Shows the secret by which a host asks for its identities' tokens; the first time it is made. */
export async function listHostSecret(parts: ResourceParts, call: Call, type: HostType): Promise<Answer> {
  return call.commit(async (transaction) => {
    const { resourceId, resourceKey } = await requireHost(transaction, call, type);
    const identityHeader = await hostSecret(transaction, parts, resourceKey, call.time);
    return { status: 200, body: { identityHeader }, subject: resourceId };
  });
}

/** Gives a host another secret: the old one is refused at once, and so are the tokens that were got by it. */
export async function regenerateHostSecret(parts: ResourceParts, call: Call, type: HostType): Promise<Answer> {
  return call.commit(async (transaction) => {
    const { resourceId, resourceKey } = await requireHost(transaction, call, type);
    const identityHeader = await renewHostSecret(transaction, parts, resourceKey, call.time);
    return { status: 200, body: { identityHeader }, subject: resourceId };
  });
}
