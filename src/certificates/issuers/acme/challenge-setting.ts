import { resolve } from 'node:path';
import { SettingFault, type SettingMembers } from '../../../base/setting-members.ts';
import type { DnsCommand, DnsUpdate } from './dns-challenge.ts';
import type { ListenAt } from './shown.ts';

/** How names are proven, as the configuration has it. */
export type ChallengeSetting =
  | ({ readonly kind: 'http-listener' } & ListenAt)
  | { readonly kind: 'http-webroot'; readonly folder: string }
  | ({ readonly kind: 'tls-listener' } & ListenAt)
  | ({ readonly kind: 'dns-command' } & DnsCommand)
  | ({ readonly kind: 'dns-update' } & DnsUpdate);

const ABSOLUTE = /^\/./;
const HOST = /^[A-Za-z0-9.:_-]{1,253}$/;
const EVERYWHERE = ['0.0.0.0', '::'];

/**
 * Reads the member `challenge` of an authority.
 * @throws SettingFault
 */
export function readChallenge(members: SettingMembers): ChallengeSetting {
  const type = members.text('type');
  const setting = readOne(type, members);
  members.refuseRest();
  return setting;
}

function readOne(type: string, members: SettingMembers): ChallengeSetting {
  switch (type) {
    case 'http-01':
      return members.has('webroot')
        ? { kind: 'http-webroot', folder: resolve(members.text('webroot')) }
        : { kind: 'http-listener', ...listenAt(members, 80) };
    case 'tls-alpn-01':
      return { kind: 'tls-listener', ...listenAt(members, 443) };
    case 'dns-01':
      return members.has('command') ? commandOf(members) : updateOf(members);
    default:
      throw new SettingFault(`the type of a challenge is http-01, tls-alpn-01 or dns-01, not ${type}`);
  }
}

function listenAt(members: SettingMembers, port: number): ListenAt {
  return {
    port: members.integerOr('port', port, 1, 65_535),
    addresses: members.textsOr('addresses', EVERYWHERE, HOST),
  };
}

function commandOf(members: SettingMembers): ChallengeSetting {
  const command = members.texts('command');
  if (!ABSOLUTE.test(command[0]!)) throw new SettingFault('the command of a challenge is named by its absolute path');
  return {
    kind: 'dns-command',
    command,
    timeLimitSeconds: members.integerOr('timeLimitSeconds', 120, 1, 600),
    settleSeconds: members.integerOr('settleSeconds', 0, 0, 3600),
  };
}

function updateOf(members: SettingMembers): ChallengeSetting {
  return {
    kind: 'dns-update',
    server: members.text('server', HOST),
    port: members.integerOr('port', 53, 1, 65_535),
    zone: members.textOr('zone', null, HOST),
    keyFile: resolve(members.text('tsigKeyFile')),
    nsupdate: members.textOr('nsupdate', '/usr/bin/nsupdate', ABSOLUTE),
    settleSeconds: members.integerOr('settleSeconds', 10, 0, 3600),
  };
}
