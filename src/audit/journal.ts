import { hash } from 'node:crypto';
import type { Keyring } from '../crypto/keyring.ts';
import type { Journal, JournalEntry, Session } from '../store/port.ts';
import { statement } from '../store/statement.ts';
import { insertActivity } from './activity-repository.ts';
import { packRecords } from './repository.ts';

/** The hash before the first record of a chain. */
export const chainStart = '0'.repeat(43);

const readHead = statement<{ chain: string }, { sequence: number; hash: string; mac: string }>((db, p) =>
  db.selectFrom('audit_heads').select(['sequence', 'hash', 'mac']).where('chain', '=', p('chain')),
);
const writeHead = statement<{ chain: string; sequence: number; hash: string; mac: string }>((db, p) =>
  db
    .insertInto('audit_heads')
    .values({ chain: p('chain'), sequence: p('sequence'), hash: p('hash'), mac: p('mac') })
    .onConflict((conflict) =>
      conflict.column('chain').doUpdateSet({ sequence: p('sequence'), hash: p('hash'), mac: p('mac') }),
    ),
);
const insertBatch = statement<{
  chain: string;
  first: number;
  last: number;
  firstTime: number;
  lastTime: number;
  records: Uint8Array;
  hash: string;
  mac: string;
}>((db, p) =>
  db.insertInto('audit_batches').values({
    chain: p('chain'),
    first_sequence: p('first'),
    last_sequence: p('last'),
    first_time: p('firstTime'),
    last_time: p('lastTime'),
    records: p('records'),
    hash: p('hash'),
    mac: p('mac'),
  }),
);

/** An audit chain that does not go on from its sealed head; the server refuses to add to it. */
export class AuditFault extends Error {
  readonly code = 'audit-chain-broken';
  constructor(message: string) {
    super(message);
    this.name = 'AuditFault';
  }
}

/**
 * Opens the chain of one node for appending. Each record carries its sequence number and a SHA-256 over the hash before it
 * and its own text; the end of each batch is sealed with an HMAC under a key of the installation, so that whoever can write
 * the database but lacks the seal can neither alter, remove nor rewrite records unseen.
 * @throws AuditFault where the stored head is not one that this installation sealed
 */
export async function openJournal(keyring: Keyring, session: Session, chain: string): Promise<Journal> {
  const head = await readHead.first(session, { chain });
  let sequence = head?.sequence ?? 0;
  let last = head?.hash ?? chainStart;
  if (head && !isSealed(keyring, chain, head.sequence, head.hash, head.mac)) {
    throw new AuditFault(`The head of the audit chain '${chain}' was altered. Run: strongroom audit verify`);
  }
  // Set while a batch is neither known to be durable nor known to be lost: a connection can die between the two.
  let isUncertain = false;
  return {
    async write(transaction, entries) {
      if (isUncertain) {
        const stored = await readHead.first(transaction, { chain });
        if (stored && !isSealed(keyring, chain, stored.sequence, stored.hash, stored.mac)) {
          throw new AuditFault(`The head of the audit chain '${chain}' was altered. Run: strongroom audit verify`);
        }
        sequence = stored?.sequence ?? 0;
        last = stored?.hash ?? chainStart;
      }
      isUncertain = true;
      const first = sequence + 1;
      let number = sequence;
      let previous = last;
      let records = '';
      for (const entry of entries) {
        number++;
        const text = `${entry.text},"sequence":${number}`;
        previous = chainHash(previous, text);
        records += `${text},"hash":"${previous}"}\n`;
      }
      const mac = keyring.mac('audit-chain', headText(chain, number, previous));
      await insertBatch.change(transaction, {
        chain,
        first,
        last: number,
        ...timeSpan(entries),
        records: packRecords(records),
        hash: previous,
        mac,
      });
      for (const { activity } of entries) if (activity) await insertActivity(transaction, activity);
      await writeHead.change(transaction, { chain, sequence: number, hash: previous, mac });
      return () => {
        isUncertain = false;
        sequence = number;
        last = previous;
      };
    },
  };
}

/** The hash of a record: over the hash before it and its text up to the hash member. Base64url, 43 characters. */
export function chainHash(previous: string, text: string): string {
  return hash('sha256', `${previous}\n${text}`, 'base64url');
}

/** Whether a head, or the end of a batch, was sealed by this installation. */
export function isSealed(keyring: Keyring, chain: string, sequence: number, last: string, mac: string): boolean {
  return keyring.isMac('audit-chain', headText(chain, sequence, last), mac);
}

function headText(chain: string, sequence: number, last: string): string {
  return `${chain}\n${sequence}\n${last}`;
}

function timeSpan(entries: readonly JournalEntry[]): { firstTime: number; lastTime: number } {
  let firstTime = Number.POSITIVE_INFINITY;
  let lastTime = 0;
  for (const { time } of entries) {
    if (time < firstTime) firstTime = time;
    if (time > lastTime) lastTime = time;
  }
  return { firstTime, lastTime };
}
