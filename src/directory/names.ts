import { foldName } from '../base/ids.ts';

/** What a name is refused for, or null: text for the place after `Invalid value …:`. */
export type NameFault = string | null;

const MAX_NAME = 256;
const MAX_NICKNAME = 64;
// Entra's limits of a user principal name: 113 characters, of which 64 before the sign.
const MAX_UPN = 113;

/**
 * Judges a name that people read. Two names that look the same must be the same text: only Unicode's form NFC is taken, and
 * nothing that is invisible or turns the direction of writing.
 */
export function judgeDisplayName(name: string): NameFault {
  if (name.trim() === '' || name.length > MAX_NAME) return `it must be a text of 1 to ${MAX_NAME} characters`;
  return judgeText(name);
}

/** As {@link judgeDisplayName}, for texts that may be longer or empty. */
export function judgeText(text: string): NameFault {
  if (!text.isWellFormed()) return 'it is not Unicode text';
  if (text !== text.normalize('NFC')) return 'it must be in the Unicode form NFC';
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(text))
    return 'it holds characters that cannot be seen';
  return null;
}

/** Judges a mail nickname: ASCII without spaces and without the characters that separate addresses. */
export function judgeNickname(name: string): NameFault {
  if (name.length > MAX_NICKNAME || !/^[\x21-\x7e]+$/.test(name) || /[@()\\[\]";:<>,]/.test(name)) {
    return `it must be 1 to ${MAX_NICKNAME} ASCII characters without spaces and @ ( ) \\ [ ] " ; : < > ,`;
  }
  return null;
}

/**
 * Judges a user principal name of the domain: before the sign letters and digits of ASCII and `' . - _ ! # ^ ~`, so that no two
 * look the same; letters differ in case only for the eye.
 */
export function judgePrincipalName(name: string, domain: string): NameFault {
  const [local = '', host, ...rest] = name.split('@');
  const isFormed = /^[A-Za-z0-9'.\-_!#^~]{1,64}$/.test(local) && !local.startsWith('.') && !local.endsWith('.');
  if (!isFormed || rest.length > 0 || host === undefined || name.length > MAX_UPN)
    return "it must be NAME@DOMAIN, the name of 1 to 64 letters, digits and ' . - _ ! # ^ ~";
  if (foldName(host) !== foldName(domain)) return `the domain must be ${domain}, this tenant's`;
  return null;
}

/** Lengths that passwords of people may have, in characters. */
export const passwordLength = { least: 8, most: 256 } as const;

/**
 * Judges a password that a person chose: its length, three of the four classes (lower case, upper case, digits, others), and that
 * it does not hold the name before the sign of the user principal name. The answer never repeats any of it.
 */
export function judgePassword(password: string, upn: string): NameFault {
  const { least, most } = passwordLength;
  if (!password.isWellFormed() || password.includes('\0')) return 'it is not Unicode text';
  const length = [...password].length;
  if (length < least || length > most) return `it must have ${least} to ${most} characters`;
  const classes = [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}]/u].filter((one) => one.test(password)).length;
  if (classes < 3) return 'it must have three of these: lower case, upper case, digits, other characters';
  const name = foldName(upn.split('@')[0] ?? '');
  if (name.length > 2 && foldName(password).includes(name)) return 'it must not hold the name of the user';
  return null;
}
