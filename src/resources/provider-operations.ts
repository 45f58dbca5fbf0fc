import { vaultDataActions } from '../access/data-actions.ts';
import { foldName } from '../base/ids.ts';
import type { Answer, Operation } from '../operations/operation.ts';

/** The actions of a provider that a table of operations asks for, each once, in order. */
export function actionsOf(operations: readonly Operation[], namespace: string): readonly string[] {
  const prefix = foldName(`${namespace}/`);
  const actions = operations.flatMap(({ need }) => (need.kind === 'management' ? [need.action] : []));
  return [...new Set(actions)].filter((action) => foldName(action).startsWith(prefix)).sort();
}

/** What roles may speak of (`GET /providers/Microsoft.KeyVault/operations`, providers.json). */
export async function listProviderOperations(managementActions: readonly string[]): Promise<Answer> {
  const value = [
    ...managementActions.map((name) => operationBody(name, false)),
    ...vaultDataActions.map((name) => operationBody(name, true)),
  ];
  return { status: 200, body: { value } };
}

function operationBody(name: string, isDataAction: boolean): object {
  const words = name.split('/').slice(1);
  const verb = words.at(-1) === 'action' ? words.at(-2)! : words.at(-1)!;
  const types = words.slice(0, words.at(-1) === 'action' ? -2 : -1);
  const resource = types.length === 0 ? 'Key Vault' : spaced(types.at(-1)!);
  return {
    name,
    display: {
      provider: 'Microsoft Key Vault',
      resource,
      operation: `${spaced(verb)}: ${resource}`,
      description: `${spaced(verb)}, on ${['Microsoft.KeyVault', ...types].join('/')}`,
    },
    isDataAction,
  };
}

/** `privateEndpointConnections` as `Private Endpoint Connections`. */
function spaced(word: string): string {
  return word.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/^./, (first) => first.toUpperCase());
}
