import { foldScope, parseScope } from '../access/scope.ts';
import { foldName } from '../base/ids.ts';
import { findManagedIdentity, setManagedIdentityTags } from '../identity/service.ts';
import type { Answer, Call } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session, Transaction } from '../store/port.ts';
import { findHost, storeHost } from './host-repository.ts';
import { isIdentityResource } from './identity-resource.ts';
import { actorOf } from './lookup.ts';
import type { ResourceParts } from './parts.ts';
import {
  findGroup,
  findSubscription,
  findVaultByName,
  updateGroupTags,
  updateSubscriptionTags,
  updateVault,
} from './repository.ts';
import { requireScope } from './scope-target.ts';
import { changeTags, checkTags, type TagChange, type Tags } from './tag-rules.ts';
import { isObject } from './vault-property.ts';
import { toRow } from './vault-row.ts';

const changes: readonly TagChange[] = ['merge', 'replace', 'delete'];

/** What a scope has tags of: what they are, and how they are replaced. */
interface Tagged {
  readonly scope: string;
  readonly tags: Tags;
  store(transaction: Transaction, tags: Tags): Promise<unknown>;
}

/** Reads the tags at a scope. @throws Refusal those of {@link requireScope} */
export async function getTags(parts: ResourceParts, call: Call, scope: string): Promise<Answer> {
  const { scope: target, tags } = await requireTagged(parts, call, parts.store.reader, scope);
  return answer(target, tags);
}

/**
 * Replaces the tags at a scope.
 * @throws Refusal `tags-invalid`, `request-content-invalid`, and those of {@link requireScope}
 */
export async function putTags(parts: ResourceParts, call: Call, scope: string): Promise<Answer> {
  return change(parts, call, scope, 'replace', readTags(call));
}

/** Merges tags into those at a scope, replaces them, or takes some away, as `operation` says. */
export async function patchTags(parts: ResourceParts, call: Call, scope: string): Promise<Answer> {
  const asked = call.body?.['operation'];
  const operation = changes.find((one) => typeof asked === 'string' && foldName(asked) === one);
  if (!operation) {
    const reason = 'one of Merge, Replace, Delete is expected';
    throw new Refusal('request-content-invalid', { property: 'operation', reason });
  }
  return change(parts, call, scope, operation, readTags(call));
}

/** Takes all tags at a scope away. */
export async function deleteTags(parts: ResourceParts, call: Call, scope: string): Promise<Answer> {
  const { status, subject } = await change(parts, call, scope, 'replace', {});
  return { status, ...(subject !== undefined && { subject }) };
}

function change(parts: ResourceParts, call: Call, scope: string, operation: TagChange, named: Tags): Promise<Answer> {
  return call.commit(async (transaction) => {
    const tagged = await requireTagged(parts, call, transaction, scope);
    const tags = changeTags(tagged.tags, operation, named);
    await tagged.store(transaction, tags);
    return answer(tagged.scope, tags);
  });
}

function readTags(call: Call): Tags {
  const properties = call.body?.['properties'];
  if (!isObject(properties)) {
    throw new Refusal('request-content-invalid', { property: 'properties', reason: 'an object is expected' });
  }
  return checkTags(properties['tags'] ?? {});
}

async function requireTagged(parts: ResourceParts, call: Call, session: Session, scope: string): Promise<Tagged> {
  const target = await requireScope(session, scope);
  const found = parseScope(target);
  if (found?.kind === 'subscription') {
    const subscription = (await findSubscription(session, found.subscriptionId))!;
    return {
      scope: target,
      tags: subscription.tags,
      store: (transaction, tags) => updateSubscriptionTags(transaction, { ...subscription, tags }),
    };
  }
  if (found?.kind === 'group') {
    const group = (await findGroup(session, found.subscriptionId, foldName(found.group)))!;
    return {
      scope: target,
      tags: group.tags,
      store: (transaction, tags) => updateGroupTags(transaction, { ...group, tags }),
    };
  }
  const resource =
    found?.kind === 'resource' && !found.child ? await taggedResource(parts, call, session, target) : null;
  if (!resource) throw new Refusal('arm-scope-invalid', { scope });
  return resource;
}

async function taggedResource(
  parts: ResourceParts,
  call: Call,
  session: Session,
  scope: string,
): Promise<Tagged | null> {
  const updated = parts.clock.now();
  const vault = await findVaultByName(session, foldName(scope.slice(scope.lastIndexOf('/') + 1)));
  if (vault?.resourceId === scope) {
    const updatedBy = actorOf(call);
    return {
      scope,
      tags: vault.tags,
      store: (transaction, tags) => updateVault(transaction, toRow({ ...vault, tags, updated, updatedBy })),
    };
  }
  const host = await findHost(session, foldScope(scope));
  if (host) return { scope, tags: host.tags, store: (t, tags) => storeHost(t, { ...host, tags, updated }) };
  const identity = isIdentityResource(scope) ? await findManagedIdentity(session, { resourceId: scope }) : null;
  if (!identity) return null;
  return { scope, tags: identity.tags, store: (t, tags) => setManagedIdentityTags(t, scope, tags) };
}

function answer(scope: string, tags: Tags): Answer {
  const id = `${scope}/providers/Microsoft.Resources/tags/default`;
  return {
    status: 200,
    body: { id, name: 'default', type: 'Microsoft.Resources/tags', properties: { tags } },
    subject: id,
  };
}
