/** Text that is HTML already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a page: HTML, text that is escaped, or nothing. */
export type Part = Markup | string | null | readonly Part[];

/** Builds HTML; whatever is filled in is escaped, unless it is HTML already. Attributes are written in double quotes. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = texts[0] ?? '';
  parts.forEach((part, index) => {
    text += write(part) + (texts[index + 1] ?? '');
  });
  return new Markup(text);
}

function write(part: Part): string {
  if (part === null) return '';
  if (part instanceof Markup) return part.text;
  return typeof part === 'string' ? escapeHtml(part) : part.map(write).join('');
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
