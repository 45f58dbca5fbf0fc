import { cpus, release, totalmem, type } from 'node:os';

/** A bound that a figure or ratio is judged by. */
export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
  /** The figure aimed at beyond the bound; shown, not judged. */
  readonly aim?: number;
}

/** One line of the result. */
export interface Row {
  readonly name: string;
  /** The measured quantities with their units, for people. */
  readonly figure: string;
  /** What is judged: a ratio, or a quantity in the unit that `unit` names. */
  readonly value: number;
  /** Empty for a ratio. */
  readonly unit: '' | 'ms' | 'MB' | '/s';
  readonly target: Target | null;
}

/** The machine that the figures are from; they mean little without it. */
export interface MachineFacts {
  readonly processors: number;
  readonly model: string;
  readonly memoryMebibytes: number;
  readonly system: string;
  readonly node: string;
  readonly openssl: string;
}

/** Reads the facts of this machine. */
export function machineFacts(): MachineFacts {
  return {
    processors: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryMebibytes: Math.round(totalmem() / 1_048_576),
    system: `${type()} ${release()}`,
    node: process.version,
    openssl: process.versions.openssl,
  };
}

/** Whether the row's value is within its target; null if it has none. */
export function isMet(row: Row): boolean | null {
  if (row.target === null) return null;
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = row.target;
  return row.value >= atLeast && row.value <= atMost;
}

/** The rows as a table of text with a heading. */
export function formatTable(rows: readonly Row[]): string {
  const heading = ['name', 'figure', 'ratio or value', 'target', 'met'];
  const cells = rows.map((row) => [row.name, row.figure, valueText(row), targetText(row), metText(row)]);
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const rule = widths.map((width) => '-'.repeat(width));
  return [heading, rule, ...cells]
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function valueText(row: Row): string {
  if (row.unit === '') return row.value.toFixed(2);
  return `${Math.round(row.value).toLocaleString('en-US')}${row.unit === '/s' ? '' : ' '}${row.unit}`;
}

function targetText(row: Row): string {
  if (row.target === null) return '';
  const { atLeast, atMost, aim } = row.target;
  const unit = row.unit === '' ? '' : ` ${row.unit}`;
  const bound = atLeast === undefined ? `<= ${atMost}${unit}` : `>= ${atLeast}${unit}`;
  return aim === undefined ? bound : `${bound} (aim ${aim})`;
}

function metText(row: Row): string {
  const met = isMet(row);
  if (met === null) return '';
  return met ? 'yes' : 'NO';
}
