import type { ChallengeSolver } from './challenge.ts';
import type { ChallengeSetting } from './challenge-setting.ts';
import { dnsCommand, dnsUpdate } from './dns-challenge.ts';
import { httpListener, httpWebroot } from './http-challenge.ts';
import { tlsListener } from './tls-challenge.ts';

/** What shows challenges as the setting says; one for each authority, since two cannot listen on one port. */
export function solverOf(setting: ChallengeSetting): ChallengeSolver {
  switch (setting.kind) {
    case 'http-listener':
      return httpListener(setting);
    case 'http-webroot':
      return httpWebroot(setting.folder);
    case 'tls-listener':
      return tlsListener(setting);
    case 'dns-command':
      return dnsCommand(setting);
    case 'dns-update':
      return dnsUpdate(setting);
  }
}
