/** One attribute of a name: its type as a dotted object identifier, and its text. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** A relative distinguished name: one attribute, mostly. */
export type RelativeName = readonly NameAttribute[];

/** The keywords of attribute types (X.520, RFC 4519, RFC 2985), with the longest text that each takes (RFC 5280 appendix A). */
const keywords: Readonly<Record<string, readonly [type: string, most: number]>> = Object.freeze(
  Object.assign(Object.create(null) as Record<string, readonly [string, number]>, {
    CN: ['2.5.4.3', 64],
    SN: ['2.5.4.4', 40],
    SURNAME: ['2.5.4.4', 40],
    SERIALNUMBER: ['2.5.4.5', 64],
    C: ['2.5.4.6', 2],
    L: ['2.5.4.7', 128],
    S: ['2.5.4.8', 128],
    ST: ['2.5.4.8', 128],
    STREET: ['2.5.4.9', 128],
    O: ['2.5.4.10', 64],
    OU: ['2.5.4.11', 64],
    T: ['2.5.4.12', 64],
    TITLE: ['2.5.4.12', 64],
    G: ['2.5.4.42', 64],
    GN: ['2.5.4.42', 64],
    GIVENNAME: ['2.5.4.42', 64],
    I: ['2.5.4.43', 64],
    INITIALS: ['2.5.4.43', 64],
    DC: ['0.9.2342.19200300.100.1.25', 63],
    UID: ['0.9.2342.19200300.100.1.1', 256],
    E: ['1.2.840.113549.1.9.1', 255],
    EMAIL: ['1.2.840.113549.1.9.1', 255],
    EMAILADDRESS: ['1.2.840.113549.1.9.1', 255],
  }),
);
/** The longest text of a type that has no keyword. */
const MOST_OTHER = 256;
const MOST_ATTRIBUTES = 30;
const MOST_CHARACTERS = 2000;
const OID = /^(?:OID\.)?([0-2](?:\.(?:0|[1-9]\d{0,17})){1,20})$/i;
const country = '2.5.4.6';

/**
 * Reads a name as X.500 and RFC 4514 write it (`CN=www.example.com, O="Example, Inc."`): attributes separated by commas or
 * semicolons, several of one level joined by `+`, special characters after a backslash or within quotes. Nothing is guessed: what is
 * not wholly understood is no name.
 * @returns the relative names in the order of the text, none for an empty one; or the reason why it is no name
 */
export function readName(text: string): readonly RelativeName[] | { readonly reason: string } {
  if (text.length > MOST_CHARACTERS) return { reason: `it is longer than ${MOST_CHARACTERS} characters` };
  if (text.trim() === '') return [];
  const names: NameAttribute[][] = [];
  let rest = text;
  let separator = ',';
  for (let count = 1; ; count++) {
    const part = /^\s*([A-Za-z][A-Za-z0-9.-]*|[0-2](?:\.\d+)+)\s*=\s*/.exec(rest);
    if (!part) return { reason: `an attribute was expected before ${JSON.stringify(rest.slice(0, 20))}` };
    if (count > MOST_ATTRIBUTES) return { reason: `it has more than ${MOST_ATTRIBUTES} attributes` };
    const value = readValue(rest.slice(part[0].length));
    if (!value) return { reason: `the value of ${part[1]} cannot be read` };
    const attribute = attributeOf(part[1]!, value.text);
    if ('reason' in attribute) return attribute;
    if (separator === '+') names[names.length - 1]!.push(attribute);
    else names.push([attribute]);
    if (value.rest === '') return names;
    separator = value.rest[0]!;
    rest = value.rest.slice(1);
  }
}

/** The common names of a name, in its order. */
export function commonNames(name: readonly RelativeName[]): readonly string[] {
  return name.flatMap((relative) => relative.filter(({ type }) => type === '2.5.4.3').map(({ value }) => value));
}

/** A value and what follows it: nothing, or a separator and more. */
function readValue(text: string): { readonly text: string; readonly rest: string } | null {
  const quoted = /^"((?:[^"\\]|\\.|"")*)"\s*(?=$|[,;+])/su.exec(text);
  if (quoted) return { text: unescaped(quoted[1]!.replaceAll('""', '"')), rest: text.slice(quoted[0].length) };
  const plain = /^((?:[^",;+<>\\=#]|\\.)(?:[^",;+<>\\]|\\.)*?)\s*(?=$|[,;+])/su.exec(text);
  if (!plain) return null;
  return { text: unescaped(plain[1]!), rest: text.slice(plain[0].length) };
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gsu, '$1');
}

function attributeOf(keyword: string, value: string): NameAttribute | { readonly reason: string } {
  const known = keywords[keyword.toUpperCase()];
  const type = known?.[0] ?? OID.exec(keyword)?.[1];
  if (!type) return { reason: `there is no attribute type ${JSON.stringify(keyword)}` };
  const most = known?.[1] ?? MOST_OTHER;
  if (value.length === 0 || value.length > most) return { reason: `${keyword} takes 1 to ${most} characters` };
  if (/[\u0000-\u001f\u007f]/.test(value) || !value.isWellFormed())
    return { reason: `${keyword} holds control characters` };
  if (type === country && !/^[A-Za-z]{2}$/.test(value)) return { reason: 'C is a country in two letters' };
  return { type, value };
}
