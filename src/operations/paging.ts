import { fromBase64Url, toBase64Url } from '../base/text.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { Refusal } from '../refusals/refusal.ts';
import { type Call, vaultOf } from './operation.ts';

const MAX_PAGE = 25;
const MAC_LENGTH = 32;

/** One page of a list. */
export interface PageRequest {
  /** 1 to 25. */
  readonly size: number;
  /** The key after which the page starts; the empty text for the first. */
  readonly after: string;
}

/** Makes and reads the page tokens of data-plane lists (`$skiptoken`): bound to the vault and the list by an HMAC. */
export class Pager {
  readonly #keyring: Keyring;

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  /** @throws Refusal `query-invalid` for a size out of range, or a token that was not made for this list of this vault */
  read(call: Call): PageRequest {
    const asked = call.query['maxresults'];
    const size = asked === undefined ? MAX_PAGE : Number(asked);
    if (!/^\d{1,2}$/.test(asked ?? '25') || size < 1 || size > MAX_PAGE) {
      throw new Refusal('query-invalid', { parameter: 'maxresults', reason: 'it must be 1 to 25' });
    }
    const token = call.query['$skiptoken'];
    return { size, after: token === undefined ? '' : this.#open(call, token) };
  }

  /** The link to the page after `last`, with the host and port that the caller used. */
  nextLink(call: Call, last: string): string {
    const marker = `${toBase64Url(Buffer.from(last))}!${this.#keyring.mac('page-tokens', macText(call, last)).slice(0, MAC_LENGTH)}`;
    const token = toBase64Url(Buffer.from(JSON.stringify({ NextMarker: marker, TargetLocation: 0 })));
    const size = call.query['maxresults'];
    const path = call.path.replace(/\/{2,}/g, '/').replace(/\/$/, '');
    return (
      `${call.origin}${path}?api-version=${encodeURIComponent(call.apiVersion)}&$skiptoken=${token}` +
      (size === undefined ? '' : `&maxresults=${size}`)
    );
  }

  #open(call: Call, token: string): string {
    const refused = new Refusal('query-invalid', {
      parameter: '$skiptoken',
      reason: 'it was not made for this list of this vault',
    });
    const bytes = token.length <= 2048 ? fromBase64Url(token) : null;
    const marker = bytes && /^\{"NextMarker":"([\w-]*)!([0-9a-f]+)","TargetLocation":0\}$/.exec(bytes.toString('utf8'));
    const last = marker ? fromBase64Url(marker[1]!) : null;
    if (!marker || !last) throw refused;
    const text = macText(call, last.toString('utf8'));
    if (!this.#keyring.isMac('page-tokens', text, marker[2]!, MAC_LENGTH)) throw refused;
    return last.toString('utf8');
  }
}

function macText(call: Call, last: string): string {
  const { name = '' } = call.parameters;
  return `${vaultOf(call).id}\n${call.operation.id}\n${name.toLowerCase()}\n${last}`;
}
