import { moveOperations } from './access/move/operations.ts';
import { accessOperations } from './access/role-operations.ts';
import { dueOperations } from './certificates/due.ts';
import { authorityOperations } from './certificates/issuers/authority/operations.ts';
import { encryptionKeyOperations } from './crypto/operations.ts';
import { graphOperations } from './directory/operations.ts';
import { keyOperations as signingKeyOperations } from './identity/key-operations.ts';
import { clockOperations } from './jobs/clock-operations.ts';
import { armKeyOperations } from './keys/arm-operations.ts';
import { movingOperations } from './moving/operations.ts';
import type { Operation } from './operations/operation.ts';
import { resourceOperations } from './resources/operations.ts';
import { actionsOf } from './resources/provider-operations.ts';
import { armSecretOperations } from './secrets/arm-operations.ts';

/** What the rooms of these planes need together. */
export type ManagementParts = Parameters<typeof armSecretOperations>[0] &
  Parameters<typeof armKeyOperations>[0] &
  Omit<Parameters<typeof resourceOperations>[0], 'vaultActions'> &
  Parameters<typeof accessOperations>[0] &
  Parameters<typeof moveOperations>[0] &
  Parameters<typeof movingOperations>[0] &
  Parameters<typeof signingKeyOperations>[0] &
  Parameters<typeof encryptionKeyOperations>[0] &
  Parameters<typeof authorityOperations>[0] &
  Parameters<typeof clockOperations>[0] &
  Parameters<typeof dueOperations>[0] &
  Parameters<typeof graphOperations>[0];

/** The operations of the management plane and of the directory: the part of the composition root that is loaded late. */
export function managementOperations(parts: ManagementParts): readonly Operation[] {
  const operations: readonly Operation[] = [
    ...armSecretOperations(parts),
    ...armKeyOperations(parts),
    ...resourceOperations({ ...parts, vaultActions: () => actionsOf(known(), 'Microsoft.KeyVault') }),
    ...accessOperations(parts),
    ...moveOperations(parts),
    ...movingOperations(parts),
    ...signingKeyOperations(parts),
    ...encryptionKeyOperations(parts),
    ...authorityOperations(parts),
    ...clockOperations(parts),
    ...dueOperations(parts),
    ...graphOperations(parts),
  ];
  const known = () => [...parts.dataOperations, ...operations];
  return operations;
}
