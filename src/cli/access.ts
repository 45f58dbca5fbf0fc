import { builtInRoles } from '../access/built-in-roles.ts';
import { vaultDataActions } from '../access/data-actions.ts';
import { planRoles, type RolesPlan } from '../access/move/plan.ts';
import { principalKind } from '../access/repository.ts';
import { foldName } from '../base/ids.ts';
import { findVaultByName } from '../resources/repository.ts';
import type { Vault } from '../resources/vault.ts';
import type { Store } from '../store/store.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  flagOption,
  textOption,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { withStore } from './offline.ts';
import { configOf } from './start.ts';

/** `strongroom access plan`: which roles would serve in place of a vault's access policies. It changes nothing. */
export const command: Command = {
  name: 'access',
  summary: "tell which roles would serve in place of a vault's access policies",
  usage: [
    'strongroom access plan --vault NAME [--json] [--data-dir DIR] [--config FILE]',
    '',
    '  --vault NAME        the vault whose access policies are to become roles',
    '  --json              the plan as JSON',
    DATA_DIR_USAGE,
  ].join('\n'),
  options: { ...dataDirOption, config: { type: 'string' }, vault: { type: 'string' }, json: { type: 'boolean' } },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const name = textOption(args, 'vault');
  if (args.positionals.length !== 1 || args.positionals[0] !== 'plan' || !name)
    throw new CommandError(command.usage, EXIT_USAGE);
  const { vault, plan } = await withStore(configOf(args, io), (store) => planOf(store, name));
  const lines = flagOption(args, 'json')
    ? [JSON.stringify({ vault: vault.resourceId, ...plan }, null, 2)]
    : planLines(vault, plan);
  for (const line of lines) io.stdout(line);
  return 0;
}

async function planOf(store: Store, name: string): Promise<{ vault: Vault; plan: RolesPlan }> {
  const vault = await findVaultByName(store.reader, foldName(name));
  if (!vault || vault.deleted !== null) throw new CommandError(`There is no vault ${name}.`);
  const policies = vault.settings.accessPolicies;
  const existing = new Set<string>();
  for (const { objectId } of policies) if (await principalKind(store.reader, objectId)) existing.add(objectId);
  const exists = (id: string) => existing.has(id);
  return { vault, plan: planRoles(policies, { roles: builtInRoles, dataActions: vaultDataActions, exists }) };
}

function planLines(vault: Vault, plan: RolesPlan): readonly string[] {
  const lines = [`${vault.name}: ${vault.settings.accessPolicies.length} access policies; nothing has been changed`];
  for (const { principalId, roles, gains, management } of plan.assignments) {
    lines.push('', principalId);
    for (const role of roles)
      lines.push(
        `  az role assignment create --assignee-object-id ${principalId} --role "${role.name}" --scope ${vault.resourceId}`,
      );
    for (const action of gains) lines.push(`  would gain ${action}`);
    if (management.length > 0) lines.push(`  would gain on the management plane: ${management.join(', ')}`);
  }
  for (const { principalId, applicationId, permissions, reason } of plan.lost) {
    const who = applicationId ? `${principalId} through application ${applicationId}` : principalId;
    lines.push('', `${who} would lose ${permissions.join(', ')}: ${reasons[reason]}`);
  }
  return lines;
}

const reasons: Readonly<Record<RolesPlan['lost'][number]['reason'], string>> = {
  application: 'a role assignment cannot be bound to an application',
  'no-data-action': 'no role has it',
  'no-such-principal': 'the directory has no such principal',
};
