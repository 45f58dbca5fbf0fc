/** Strongroom's lines in a hosts file: one marked block, so that they can be taken out exactly. */

const BEGIN = '# BEGIN strongroom';
const END = '# END strongroom';
/** Follows BEGIN where the line before it had no end until the block was added. */
const AFTER_OPEN_LINE = ' (the line above had no end)';

const OPENING = String.raw`# BEGIN strongroom( \(the line above had no end\))?`;
const ANY_MARK = String.raw`(?:${OPENING.replace('(', '(?:')}|${END})(?:\r?\n|$)`;
/** Not `^` with the m flag: that also matches after a lone carriage return, which is no line end here. */
const LINE_START = String.raw`(?<![^\n])`;
const MARK = new RegExp(`${LINE_START}${ANY_MARK}`);
const BLOCK = new RegExp(String.raw`${LINE_START}${OPENING}(\r?\n)(?:(?!${ANY_MARK})[^\n]*\n)*${END}(?:\r?\n|$)`);

/**
 * The text with `lines` in Strongroom's block: in place of the block it has, else at the end. Applying it again with
 * the same lines changes nothing more. Line ends are the text's own.
 * @throws RangeError where half a block stands in the text, or one of `lines` is more than a line
 */
export function withBlock(text: string, lines: readonly string[]): string {
  if (lines.some((line) => /[\r\n]/.test(line) || MARK.test(line))) throw new RangeError('A line must be one line.');
  const found = BLOCK.exec(text);
  if (!found) {
    assertNoMark(text);
    const end = text.includes('\r\n') ? '\r\n' : '\n';
    const isOpen = text !== '' && !text.endsWith('\n');
    return text + (isOpen ? end : '') + formatBlock(lines, isOpen, end);
  }
  const [block, openMark, end] = [found[0], found[1], found[2]!];
  const [head, tail] = [text.slice(0, found.index), text.slice(found.index + block.length)];
  assertNoMark(head);
  return head + formatBlock(lines, openMark !== undefined, end) + withoutBlock(tail);
}

/**
 * The text without Strongroom's block, otherwise untouched: where text has no block, `withoutBlock(withBlock(text,
 * lines))` is text.
 * @throws RangeError where half a block stands in the text: what to take out would be a guess
 */
export function withoutBlock(text: string): string {
  const found = BLOCK.exec(text);
  if (!found) {
    assertNoMark(text);
    return text;
  }
  const [block, openMark, end] = [found[0], found[1], found[2]!];
  const [head, tail] = [text.slice(0, found.index), text.slice(found.index + block.length)];
  assertNoMark(head);
  // The line end before the block is ours too, unless something now follows that it keeps apart.
  if (openMark !== undefined && tail === '' && head.endsWith(end)) return head.slice(0, -end.length);
  return head + withoutBlock(tail);
}

function formatBlock(lines: readonly string[], isOpen: boolean, end: string): string {
  return [`${BEGIN}${isOpen ? AFTER_OPEN_LINE : ''}`, ...lines, END, ''].join(end);
}

function assertNoMark(text: string): void {
  const mark = MARK.exec(text);
  if (!mark) return;
  throw new RangeError(`"${mark[0].trimEnd()}" stands alone: mend the block by hand, or take both its marks out.`);
}
