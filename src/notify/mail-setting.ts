import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SettingFault, SettingMembers } from '../base/setting-members.ts';

/** The mail server and how it is believed. */
export interface MailSetting {
  readonly host: string;
  readonly port: number;
  /** `starttls`: the connection must turn to TLS before anything is said; `tls`: it begins so; `none`: a relay on this machine. */
  readonly security: 'starttls' | 'tls' | 'none';
  /** PEM of the authorities that vouch for it; null: the public ones. */
  readonly caPem: string | null;
  /** The sender, an address. */
  readonly from: string;
  readonly user: string | null;
  /** File with the password, read for each connection, so that it may be changed beside the running server. */
  readonly passwordFile: string | null;
}

const ADDRESS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?=.{1,253}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/;
const PORTS = { starttls: 587, tls: 465, none: 25 };

/** Whether it is an address that mail is sent to: RFC 5321's plain form, without quoting, comments or other letters. */
export function isMailAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** Reads the setting `mail`, or says what is wrong with it. */
export function readMail(value: unknown): { readonly mail: MailSetting } | { readonly fault: string } {
  try {
    return { mail: readMembers(new SettingMembers(value, 'it')) };
  } catch (error) {
    if (error instanceof SettingFault) return { fault: error.message };
    throw error;
  }
}

function readMembers(members: SettingMembers): MailSetting {
  const security = members.textOr('security', 'starttls', /^(starttls|tls|none)$/) as MailSetting['security'];
  const caFile = members.textOr('caFile', null);
  const passwordFile = members.textOr('passwordFile', null);
  const mail: MailSetting = {
    host: members.text('host', /^[A-Za-z0-9.:-]{1,253}$/),
    port: members.integerOr('port', PORTS[security], 1, 65_535),
    security,
    caPem: caFile === null ? null : pemOf(resolve(caFile)),
    from: members.text('from', ADDRESS),
    user: members.textOr('user', null),
    passwordFile: passwordFile === null ? null : resolve(passwordFile),
  };
  members.refuseRest();
  if ((mail.user === null) !== (mail.passwordFile === null)) {
    throw new SettingFault('user and passwordFile must be set together');
  }
  if (mail.security === 'none' && !/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(mail.host)) {
    throw new SettingFault('security may be none for a mail server on this machine alone');
  }
  if (mail.security === 'none' && mail.user !== null) {
    throw new SettingFault('a password is sent over TLS alone: security must not be none where user is set');
  }
  return mail;
}

function pemOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SettingFault(`caFile ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
