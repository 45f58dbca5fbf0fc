import { type Command, type CommandArguments, CommandError, type CommandIo, EXIT_USAGE } from './command.ts';
import { DATA_DIR_USAGE, dataDirOf, dataDirOption, hostUrl, type Runtime, requireRuntime } from './data-dir.ts';
import { askAsOwner } from './owner-request.ts';

const VERSION = '2026-01-01';
const ASK_MS = 30_000;

/** `strongroom encryption-keys`: shows and rotates the keys that data at rest is encrypted under. */
export const command: Command = {
  name: 'encryption-keys',
  summary: 'list or rotate the keys that the data is encrypted under',
  usage: `strongroom encryption-keys list | rotate-root | rotate-vaults | rotate-vault ID [--data-dir DIR]

Keys rotate by themselves (rootKeyDays, vaultKeyDays); this is for looking, and for emergencies. Asks the running server as its first administrator.

  list             the root keys, and how far the rotation of vault keys is
  rotate-root      a new root key seals from now on; the former ones only open what was made under them
  rotate-vaults    a new key for every vault (2,000 at a time: ask again where there are more)
  rotate-vault ID  a new key for the vault of this resource id (az keyvault show --query id); everything in it is encrypted
                   anew in the background, then the former key is destroyed
${DATA_DIR_USAGE}`,
  options: { ...dataDirOption },
  async run(args, io) {
    const dataDir = dataDirOf(args, io);
    const order = orderOf(args);
    const runtime = requireRuntime(dataDir, args);
    const { method, path } = order(runtime);
    const body = await askAsOwner(dataDir, runtime, {
      path: `${path}?api-version=${VERSION}`,
      method,
      timeoutMs: ASK_MS,
      otherwise: `  az rest --method ${method.toLowerCase()} --url "${hostUrl('management', runtime)}${path}?api-version=${VERSION}"`,
    });
    show(body, io);
    return 0;
  },
};

type Order = (runtime: Runtime) => { readonly method: 'GET' | 'POST'; readonly path: string };

function orderOf({ positionals: [action, id, ...rest] }: CommandArguments): Order {
  const all = ({ subscriptionId }: Runtime) =>
    `/subscriptions/${subscriptionId}/providers/Strongroom.Crypto/encryptionKeys`;
  const isOnly = id === undefined;
  if (action === 'list' && isOnly) return (runtime) => ({ method: 'GET', path: all(runtime) });
  if (action === 'rotate-root' && isOnly) return (runtime) => ({ method: 'POST', path: `${all(runtime)}/rotateRoot` });
  if (action === 'rotate-vaults' && isOnly) {
    return (runtime) => ({ method: 'POST', path: `${all(runtime)}/rotateVaults` });
  }
  if (action === 'rotate-vault' && rest.length === 0 && id !== undefined && /^\/subscriptions\/[\w./() -]+$/.test(id)) {
    return () => ({ method: 'POST', path: encodeURI(`${id}/providers/Strongroom.Crypto/encryptionKey/rotate`) });
  }
  throw new CommandError(
    'strongroom encryption-keys takes list, rotate-root, rotate-vaults, or rotate-vault and the resource id of a vault.',
    EXIT_USAGE,
  );
}

interface KeyBody {
  readonly id: string;
  readonly created: string;
  readonly state: string;
}

function show(body: Readonly<Record<string, unknown>>, io: CommandIo): void {
  const { seal, rootKeys, vaultKeys, vault, keys } = body as {
    readonly seal?: string;
    readonly rootKeys?: readonly KeyBody[];
    readonly vaultKeys?: { readonly vaults: number; readonly beingEmptied: number; readonly eldest: string | null };
    readonly vault?: string;
    readonly keys?: readonly KeyBody[];
  };
  if (seal !== undefined) io.stdout(`seal       ${seal}`);
  for (const { id, created, state } of rootKeys ?? []) io.stdout(`root key   ${id}  since ${created}  ${state}`);
  for (const { id, created, state } of keys ?? []) io.stdout(`${vault}  ${id}  since ${created}  ${state}`);
  if (vaultKeys) {
    const { vaults, beingEmptied, eldest } = vaultKeys;
    io.stdout(`vault keys ${vaults} vaults, the eldest key since ${eldest ?? '-'}; ${beingEmptied} being emptied`);
  }
}
