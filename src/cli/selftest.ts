import { systemRandom } from '../base/system.ts';
import { selfTest } from '../crypto/self-test.ts';
import { SoftwareProvider } from '../crypto/software/provider.ts';
import { type Command, type CommandArguments, type CommandIo, flagOption } from './command.ts';

/** `strongroom selftest`: whether keys work on this machine, by answers that are known beforehand. */
export const command: Command = {
  name: 'selftest',
  summary: 'ask the key provider of this machine what is known beforehand',
  usage: [
    'strongroom selftest [--json]',
    '',
    '  --json              the results as JSON',
    '',
    'Exit code 0 where every answer is right, 1 where one is wrong. A server asks the same before it uses its first key.',
  ].join('\n'),
  options: { json: { type: 'boolean' } },
  run,
};

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const results = await selfTest(new SoftwareProvider(systemRandom()));
  const wrong = results.filter(({ fault }) => fault !== null);
  if (flagOption(args, 'json')) io.stdout(JSON.stringify({ provider: 'software', results }, null, 2));
  else {
    for (const { algorithm, fault } of results)
      io.stdout(`${fault === null ? 'right' : 'WRONG'}  ${algorithm}${fault === null ? '' : `: ${fault}`}`);
    io.stdout(`software: ${results.length - wrong.length} of ${results.length} known answers are right.`);
  }
  return wrong.length === 0 ? 0 : 1;
}
