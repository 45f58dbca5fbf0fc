import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { parseEnv } from 'node:util';
import { CommandError } from './command.ts';
import { type EnvEntry, formatEnv } from './env-format.ts';

const HOSTILE = [
  'plain',
  'with space',
  "it's",
  '"quoted"',
  '$(touch /tmp/strongroom-was-here)',
  '`id`',
  '; exit 9',
  '&& false',
  '# no comment',
  '~root',
  'a\\b',
  'back\\',
  '!history',
  '*',
  'ünï©ode',
  'a=b',
  ' lead and trail ',
  '-n',
  '',
];
const entry = (value: string): EnvEntry => ({ name: 'STRONGROOM_TEST', value });

describe('variables as text', () => {
  it('reach a shell unchanged, whatever they hold', () => {
    for (const value of [...HOSTILE, 'two\nlines', '\ttab', "'", "''", "\\'"]) {
      const script = `eval "$1"; printf %s "$STRONGROOM_TEST"`;
      const result = spawnSync('sh', ['-c', script, 'sh', formatEnv([entry(value)], 'shell')], { encoding: 'utf8' });
      assert.equal(result.status, 0, value);
      assert.equal(result.stdout, value);
    }
  });

  it('reach a reader of .env files unchanged, or are refused', () => {
    for (const value of HOSTILE) {
      let text: string;
      try {
        text = formatEnv([entry(value)], 'dotenv');
      } catch (error) {
        assert.ok(error instanceof CommandError);
        assert.match(value, /\\/, 'only backslashes are read differently from reader to reader');
        continue;
      }
      assert.equal(parseEnv(text)['STRONGROOM_TEST'], value);
    }
    for (const value of ['two\nlines', 'a\0b', `'"`, "it's $HOME"]) {
      assert.throws(() => formatEnv([entry(value)], 'dotenv'), CommandError, JSON.stringify(value));
    }
  });

  it('stand bare in a .env file where they can, for readers that know no quotes', () => {
    const value = 'https://login.localhost:8443/a_b-c.d%20e@f,g+h=i';
    assert.equal(formatEnv([entry(value)], 'dotenv'), `STRONGROOM_TEST=${value}`);
  });

  it('are one flat object in JSON', () => {
    const text = formatEnv([entry('a"b\nc'), { remark: 'no place for it' }, { name: 'B', value: '2' }], 'json');
    assert.deepEqual(JSON.parse(text), { STRONGROOM_TEST: 'a"b\nc', B: '2' });
  });

  it('carry remarks as comments that cannot end', () => {
    for (const format of ['shell', 'dotenv'] as const) {
      assert.equal(formatEnv([{ remark: 'one\nexit 1\r' }], format), '# one exit 1 ');
    }
  });

  it('with a NUL character are refused', () => {
    assert.throws(() => formatEnv([entry('a\0b')], 'shell'), CommandError);
  });
});
