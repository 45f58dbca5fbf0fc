import { readBatches, readHeads } from '../audit/repository.ts';
import { verifyAudit } from '../audit/verify.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  textOption,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { openKeys, withStore } from './offline.ts';
import { configOf } from './start.ts';

/** `strongroom audit`: proves the audit chain, or prints its records. */
export const command: Command = {
  name: 'audit',
  summary: 'prove the audit chain (verify), or print its records (export)',
  usage: [
    'strongroom audit verify [--expect CHAIN:SEQUENCE:HASH] [--data-dir DIR] [--config FILE]',
    'strongroom audit export [--data-dir DIR] [--config FILE]',
    '',
    '  verify              proves every record from the first to the sealed head; exit code 1 where the chain breaks',
    '  --expect            a head that an earlier verify printed: fails where that record is no longer what it was',
    '  export              prints every record as a line of JSON',
    DATA_DIR_USAGE,
  ].join('\n'),
  options: { ...dataDirOption, config: { type: 'string' }, expect: { type: 'string' } },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const [action] = args.positionals;
  if (action === 'verify') return verify(args, io);
  if (action === 'export') return exportRecords(args, io);
  throw new CommandError(command.usage, EXIT_USAGE);
}

async function verify(args: CommandArguments, io: CommandIo): Promise<number> {
  const config = configOf(args, io);
  return withStore(config, async (store) => {
    const keyring = await openKeys(config, store, io);
    // One snapshot: a server that goes on writing must not look like a broken chain.
    const result = await store.snapshot(async (session) => ({
      ...(await verifyAudit(session, keyring)),
      isAsExpected: await holdsExpected(session, textOption(args, 'expect')),
    }));
    for (const broken of result.breaks) {
      io.stderr(`Chain '${broken.chain}' breaks at record ${broken.sequence}: ${broken.reason}.`);
    }
    if (!result.isAsExpected) io.stderr('The record that --expect names is not there any more, or not what it was.');
    if (result.breaks.length > 0 || !result.isAsExpected) return 1;
    io.stdout(
      `The audit log is whole: ${result.records} records in ${result.chains} chain${result.chains === 1 ? '' : 's'}.`,
    );
    for (const head of result.heads) io.stdout(`  head ${head.chain}:${head.sequence}:${head.hash}`);
    return 0;
  });
}

async function holdsExpected(session: Parameters<typeof readHeads>[0], expect: string | undefined): Promise<boolean> {
  if (expect === undefined) return true;
  const match = /^(.+):(\d+):([\w-]{43})$/.exec(expect);
  if (!match) throw new CommandError('--expect takes CHAIN:SEQUENCE:HASH as verify prints it.', EXIT_USAGE);
  const mark = `,"sequence":${match[2]},"hash":"${match[3]}"}`;
  for await (const batch of readBatches(session, match[1]!)) {
    if (batch.last_sequence >= Number(match[2])) return batch.records.includes(mark);
  }
  return false;
}

async function exportRecords(args: CommandArguments, io: CommandIo): Promise<number> {
  return withStore(configOf(args, io), async (store) => {
    let damaged = 0;
    for (const { chain } of await readHeads(store.reader)) {
      for await (const batch of readBatches(store.reader, chain)) {
        if (batch.isReadable) io.stdout(batch.records.trimEnd());
        else damaged++;
      }
    }
    if (damaged > 0) io.stderr('Some records are damaged and were left out. Run: strongroom audit verify');
    return damaged > 0 ? 1 : 0;
  });
}
