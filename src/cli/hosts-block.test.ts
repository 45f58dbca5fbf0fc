import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withBlock, withoutBlock } from './hosts-block.ts';

const lines = ['127.0.0.1 login.localhost', '::1 login.localhost'];
const block = '# BEGIN strongroom\n127.0.0.1 login.localhost\n::1 login.localhost\n# END strongroom\n';

/** Reproducible pseudo-random numbers below `limit` (a linear congruential generator). */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const PIECES = [
  '127.0.0.1 localhost',
  '\n',
  '\n',
  '\r\n',
  '\r',
  '\n\n',
  '# comment',
  '# BEGIN strongrooms',
  '# begin strongroom',
  ' # END strongroom',
  '# END strongroom (old)',
  '\t',
  '\u2028# BEGIN strongroom',
  '\r# END strongroom x',
  'é\xff',
];

describe('the hosts block', () => {
  it('goes to the end, behind what is there', () => {
    assert.equal(withBlock('127.0.0.1 localhost\n', lines), `127.0.0.1 localhost\n${block}`);
    assert.equal(withBlock('', lines), block);
  });

  it('taken out leaves the text as it was, whatever the text', () => {
    const next = numbers(7);
    for (let turn = 0; turn < 5000; turn += 1) {
      const text = Array.from({ length: next(9) }, () => PIECES[next(PIECES.length)]).join('');
      const other = Array.from({ length: next(4) }, (_, index) => `127.0.0.1 host-${index}.localhost`);
      const shown = JSON.stringify(text);
      const once = withBlock(text, lines);
      assert.equal(withoutBlock(once), text, shown);
      assert.equal(withBlock(once, lines), once, shown);
      assert.equal(withoutBlock(withBlock(once, other)), text, shown);
      assert.equal(withoutBlock(text), text, shown);
    }
  });

  it('is replaced where it stands', () => {
    const text = `first\n${block}last\n`;
    assert.equal(withBlock(text, ['::1 x']), 'first\n# BEGIN strongroom\n::1 x\n# END strongroom\nlast\n');
    assert.equal(withoutBlock(text), 'first\nlast\n');
  });

  it('never joins two lines, also when text was added behind it', () => {
    const open = withBlock('first', lines);
    assert.equal(withoutBlock(`${open}second\n`), 'first\nsecond\n');
    assert.equal(withBlock(`${open}second\n`, lines), `${open}second\n`);
  });

  it('keeps to carriage returns where the text has them', () => {
    const text = withBlock('a\r\nb\r\n', lines);
    assert.ok(!/[^\r]\n/.test(text));
    assert.equal(withoutBlock(text), 'a\r\nb\r\n');
  });

  it('is found when it lost its final line end, and when there are several', () => {
    assert.equal(withoutBlock(`a\n${block.trimEnd()}`), 'a\n');
    assert.equal(withoutBlock(`${block}a\n${block}b\n${block}`), 'a\nb\n');
    assert.equal(withBlock(`${block}a\n${block}b\n`, lines), `${block}a\nb\n`);
  });

  it('is refused as a half: nothing is guessed', () => {
    for (const text of [
      'a\n# BEGIN strongroom\n127.0.0.1 b\n',
      'a\n# END strongroom\nb\n',
      `# BEGIN strongroom\n${block}`,
      `${block}# END strongroom`,
    ]) {
      assert.throws(() => withoutBlock(text), RangeError, text);
      assert.throws(() => withBlock(text, lines), RangeError, text);
    }
  });

  it('takes single lines only', () => {
    assert.throws(() => withBlock('', ['a\nb']), RangeError);
    assert.throws(() => withBlock('', ['a\r']), RangeError);
    assert.throws(() => withBlock('', ['# END strongroom']), RangeError);
  });
});
