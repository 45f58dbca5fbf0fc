import { foldName } from '../base/ids.ts';
import { type Answer, type Call, callerOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import { pageBody, queryOf, readPage } from './arm-page.ts';
import { type Host, hostsOfIdentity } from './host-repository.ts';
import { requireIdentity } from './identities.ts';
import { requireSubscription } from './lookup.ts';
import type { ResourceParts } from './parts.ts';
import { identityScope } from './scopes.ts';
import { readerOf } from './visibility.ts';

/**
 * Lists the machines and applications that a user-assigned identity is assigned to, those that the caller may read.
 * @throws Refusal `filter-invalid` for an order or a selection
 */
export async function listAssociatedResources(parts: ResourceParts, call: Call): Promise<Answer> {
  for (const name of ['$filter', '$orderby', '$skip']) {
    const value = queryOf(call, name);
    if (!value) continue;
    const reason = `${name} is not taken by this list`;
    throw new Refusal('filter-invalid', { filter: value.slice(0, 200), reason, supported: ['$top', '$skiptoken'] });
  }
  const { reader } = parts.store;
  const { resourceId } = await requireIdentity(reader, call);
  const { name: subscriptionDisplayName } = await requireSubscription(reader, call);
  const reads = new Map<string, (scopeKey: string) => boolean>();
  const visible: Host[] = [];
  for (const host of await hostsOfIdentity(reader, resourceId)) {
    const canRead =
      reads.get(host.type) ??
      (await readerOf(parts.access, callerOf(call), `${host.type}/read`, identityScope(call.parameters)));
    reads.set(host.type, canRead);
    if (canRead(host.resourceKey)) visible.push(host);
  }
  const page = readPage(call);
  const keyOf = ({ resourceKey }: Host) => resourceKey;
  const rows = visible
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    .filter((host) => keyOf(host) > page.after)
    .slice(0, page.size + 1);
  const toWire = (host: Host) => ({
    id: host.resourceId,
    name: host.name,
    type: foldName(host.type),
    resourceGroup: host.resourceId.split('/')[4],
    subscriptionId: host.subscriptionId,
    subscriptionDisplayName,
  });
  return { status: 200, body: { totalCount: visible.length, ...pageBody(call, page, rows, keyOf, toWire) } };
}
