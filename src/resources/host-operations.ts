import type { Answer, Call, Method, Operation } from '../operations/operation.ts';
import { hostVersions } from './arm-versions.ts';
import { deleteHost, getHost, type HostType, listHostsOf, patchHost, putHost } from './hosts.ts';
import type { ResourceParts } from './parts.ts';
import { groupScope, segment } from './scopes.ts';

const types: readonly { readonly type: HostType; readonly id: string }[] = [
  { type: 'Microsoft.Compute/virtualMachines', id: 'VirtualMachine' },
  { type: 'Microsoft.Web/sites', id: 'Site' },
];

interface Row {
  readonly verb: string;
  readonly method: Method;
  readonly action: 'read' | 'write' | 'delete';
  readonly success: readonly number[];
  readonly run: (parts: ResourceParts, call: Call, type: HostType) => Promise<Answer>;
}

const table: readonly Row[] = [
  { verb: 'Put', method: 'PUT', action: 'write', success: [200, 201], run: putHost },
  { verb: 'Patch', method: 'PATCH', action: 'write', success: [200], run: patchHost },
  { verb: 'Get', method: 'GET', action: 'read', success: [200], run: getHost },
  { verb: 'Delete', method: 'DELETE', action: 'delete', success: [200, 204], run: deleteHost },
];

/** The rows of machines and application hosts. */
export function hostOperations(parts: ResourceParts): readonly Operation[] {
  const subscription = '/subscriptions/:subscriptionId';
  const group = `${subscription}/resourceGroups/:group`;
  const common = { plane: 'management', versions: hostVersions, throttle: 'none' } as const;
  return types.flatMap(({ type, id }) => {
    const list = [subscription, group].map(
      (prefix): Operation => ({
        ...common,
        id: `${id}List`,
        method: 'GET',
        path: `${prefix}/providers/${type}`,
        need: { kind: 'authenticated' },
        body: 'none',
        success: [200],
        run: (call) => listHostsOf(parts, call, type),
      }),
    );
    const scope = (parameters: Readonly<Record<string, string>>) =>
      `${groupScope(parameters)}/providers/${type}/${segment(parameters['host'])}`;
    const single = table.map(
      ({ verb, method, action, success, run }): Operation => ({
        ...common,
        id: `${id}${verb}`,
        method,
        path: `${group}/providers/${type}/:host`,
        need: { kind: 'management', action: `${type}/${action}`, scope },
        body: action === 'write' ? 'json' : 'none',
        success,
        run: (call) => run(parts, call, type),
      }),
    );
    return [...list, ...single];
  });
}
