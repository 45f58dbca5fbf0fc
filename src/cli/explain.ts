import { findRecord } from '../audit/repository.ts';
import { requestIdTime } from '../base/ids.ts';
import { explainRecord, explanationLines } from '../doctor/explain.ts';
import {
  type Command,
  type CommandArguments,
  CommandError,
  type CommandIo,
  EXIT_USAGE,
  flagOption,
} from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { withStore } from './offline.ts';
import { configOf } from './start.ts';

/** `strongroom explain`: why a request was refused, on what evidence, and what mends it. */
export const command: Command = {
  name: 'explain',
  summary: 'tell why a request was refused and which command mends it',
  usage: [
    'strongroom explain REQUEST_ID [--json] [--data-dir DIR] [--config FILE]',
    '',
    '  REQUEST_ID          the x-ms-request-id of the answer; error messages name it too',
    '  --json              the explanation as JSON',
    DATA_DIR_USAGE,
  ].join('\n'),
  options: { ...dataDirOption, config: { type: 'string' }, json: { type: 'boolean' } },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const [requestId = ''] = args.positionals;
  const time = requestIdTime(requestId);
  if (time === null)
    throw new CommandError(`'${requestId}' is not a request id of Strongroom.\n\n${command.usage}`, EXIT_USAGE);
  const line = await withStore(configOf(args, io), (store) => findRecord(store.reader, requestId, time));
  if (!line)
    throw new CommandError(
      `The audit log has no request ${requestId} (it would be of ${new Date(time).toISOString()}).`,
    );
  const explanation = explainRecord(line);
  if (flagOption(args, 'json')) io.stdout(JSON.stringify(explanation, null, 2));
  else for (const text of explanationLines(explanation)) io.stdout(text);
  return 0;
}
