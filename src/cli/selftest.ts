import { jsonLog } from '../base/log.ts';
import { systemClock, systemRandom } from '../base/system.ts';
import { type KeyProvider, KeyTokenFault } from '../crypto/key-provider.ts';
import { type SelfTestResult, selfTest } from '../crypto/self-test.ts';
import { SoftwareProvider } from '../crypto/software/provider.ts';
import { type Command, type CommandArguments, type CommandIo, flagOption } from './command.ts';
import { DATA_DIR_USAGE, dataDirOption } from './data-dir.ts';
import { configOf } from './start.ts';

/** `strongroom selftest`: whether keys work on this machine, by answers that are known beforehand. */
export const command: Command = {
  name: 'selftest',
  summary: 'ask the key providers of this machine what is known beforehand',
  usage: [
    'strongroom selftest [--config FILE] [--json]',
    '',
    '  --config FILE       the configuration: where it names a key token, that is asked too',
    '  --json              the results as JSON',
    DATA_DIR_USAGE,
    '',
    'Exit code 0 where every answer is right, 1 where one is wrong or the token is not there. A server asks the same before it uses',
    'its first key. What a token does not do at all is listed, and is no fault.',
  ].join('\n'),
  options: { ...dataDirOption, config: { type: 'string' }, json: { type: 'boolean' } },
  run,
};

/** What was asked of one provider. */
interface Finding {
  readonly provider: string;
  readonly results: readonly SelfTestResult[];
  /** Why nothing could be asked. */
  readonly absent?: string;
}

async function run(args: CommandArguments, io: CommandIo): Promise<number> {
  const { pkcs11 } = configOf(args, io);
  const findings: Finding[] = [await ask('software', new SoftwareProvider(systemRandom()))];
  if (pkcs11) {
    const log = jsonLog(io.stderr, systemClock.now);
    const { Token } = await import('../crypto/pkcs11/token.ts');
    const { TokenProvider } = await import('../crypto/pkcs11/provider.ts');
    const token = new Token(pkcs11, log);
    findings.push(await ask('token', new TokenProvider(token, systemRandom(), log)).finally(() => token.close()));
  }
  if (flagOption(args, 'json')) io.stdout(JSON.stringify(findings.length === 1 ? findings[0] : findings, null, 2));
  else for (const finding of findings) for (const line of linesOf(finding)) io.stdout(line);
  return findings.every(({ results, absent }) => absent === undefined && results.every(isRight)) ? 0 : 1;
}

async function ask(provider: string, of: KeyProvider): Promise<Finding> {
  try {
    return { provider, results: await selfTest(of) };
  } catch (error) {
    if (!(error instanceof KeyTokenFault)) throw error;
    return { provider, results: [], absent: error.message };
  }
}

function linesOf({ provider, results, absent }: Finding): readonly string[] {
  if (absent !== undefined) return [`${provider}: it is not there. ${absent}`];
  const asked = results.filter(({ missing }) => missing === undefined);
  return [
    ...results.map(({ algorithm, fault, missing }) => {
      if (missing !== undefined) return `LACKS  ${algorithm}: ${missing}`;
      return fault === null ? `right  ${algorithm}` : `WRONG  ${algorithm}: ${fault}`;
    }),
    `${provider}: ${asked.filter(isRight).length} of ${asked.length} known answers are right.`,
  ];
}

function isRight({ fault }: SelfTestResult): boolean {
  return fault === null;
}
