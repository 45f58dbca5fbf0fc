import type { Answer, Call, Method, Operation } from '../operations/operation.ts';
import { hostVersions } from './arm-versions.ts';
import { listHostSecret, regenerateHostSecret } from './host-secrets.ts';
import { deleteHost, getHost, type HostType, listHostsOf, patchHost, putHost } from './hosts.ts';
import type { ResourceParts } from './parts.ts';
import { groupScope, segment } from './scopes.ts';

/** A type of host, and who may see and renew the secret of one: whoever may act as its processes. */
interface TypeRow {
  readonly type: HostType;
  readonly id: string;
  readonly listSecret: string;
  readonly renewSecret: string;
}

const types: readonly TypeRow[] = [
  {
    type: 'Microsoft.Compute/virtualMachines',
    id: 'VirtualMachine',
    listSecret: 'Microsoft.Compute/virtualMachines/runCommand/action',
    renewSecret: 'Microsoft.Compute/virtualMachines/runCommand/action',
  },
  {
    type: 'Microsoft.Web/sites',
    id: 'Site',
    listSecret: 'Microsoft.Web/sites/config/list/action',
    renewSecret: 'Microsoft.Web/sites/newpassword/action',
  },
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
  return types.flatMap(({ type, id, listSecret, renewSecret }) => {
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
    const secret = [
      { verb: 'ListSecret', path: 'listIdentitySecret', action: listSecret, run: listHostSecret },
      { verb: 'RegenerateSecret', path: 'regenerateIdentitySecret', action: renewSecret, run: regenerateHostSecret },
    ].map(
      ({ verb, path, action, run }): Operation => ({
        ...common,
        id: `${id}${verb}`,
        method: 'POST',
        path: `${group}/providers/${type}/:host/${path}`,
        need: { kind: 'management', action, scope },
        body: 'none',
        success: [200],
        run: (call) => run(parts, call, type),
      }),
    );
    return [...list, ...single, ...secret];
  });
}
