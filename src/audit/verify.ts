import type { Keyring } from '../crypto/keyring.ts';
import type { Session } from '../store/port.ts';
import { chainHash, chainStart, isSealed } from './journal.ts';
import { readBatches, readHeads } from './repository.ts';

/** Where a chain breaks, and how. */
export interface ChainBreak {
  readonly chain: string;
  /** The first record that is wrong or missing. */
  readonly sequence: number;
  readonly reason: string;
}

/** What verifying found. */
export interface Verification {
  readonly chains: number;
  readonly records: number;
  /** Oldest kept record's number by chain: those before it were removed by retention. */
  readonly breaks: readonly ChainBreak[];
  /** The sealed end of each chain: kept elsewhere, it proves later that nothing up to here was taken away. */
  readonly heads: readonly { readonly chain: string; readonly sequence: number; readonly hash: string }[];
}

/** Proves every chain from its first kept record to its sealed head. */
export async function verifyAudit(session: Session, keyring: Keyring): Promise<Verification> {
  const breaks: ChainBreak[] = [];
  const heads = await readHeads(session);
  let records = 0;
  for (const head of heads) {
    const result = await verifyChain(session, keyring, head);
    records += result.records;
    if (result.fault) breaks.push({ chain: head.chain, ...result.fault });
  }
  return {
    chains: heads.length,
    records,
    breaks,
    heads: heads.map(({ chain, sequence, hash }) => ({ chain, sequence, hash })),
  };
}

interface ChainResult {
  records: number;
  fault: { sequence: number; reason: string } | null;
}

async function verifyChain(
  session: Session,
  keyring: Keyring,
  head: { chain: string; sequence: number; hash: string; mac: string },
): Promise<ChainResult> {
  let last = chainStart;
  let sequence = 0;
  let records = 0;
  const fault = (at: number, reason: string): ChainResult => ({ records, fault: { sequence: at, reason } });
  if (!isSealed(keyring, head.chain, head.sequence, head.hash, head.mac)) {
    return fault(head.sequence, 'the head of the chain is not sealed by this installation');
  }
  for await (const batch of readBatches(session, head.chain)) {
    if (batch.first_sequence !== sequence + 1) {
      return fault(sequence + 1, `records ${sequence + 1} to ${batch.first_sequence - 1} are missing`);
    }
    if (!batch.isReadable) return fault(sequence + 1, 'the records cannot be unpacked: they are damaged');
    for (const line of batch.records.split('\n').slice(0, -1)) {
      const match = /^(.*,"sequence":(\d+)),"hash":"([\w-]{43})"\}$/s.exec(line);
      if (!match || Number(match[2]) !== sequence + 1)
        return fault(sequence + 1, 'the record is damaged or out of order');
      last = chainHash(last, match[1]!);
      if (last !== match[3])
        return fault(sequence + 1, 'the record does not match its hash: it or its predecessor was altered');
      sequence++;
      records++;
    }
    if (sequence !== batch.last_sequence || last !== batch.hash) {
      return fault(sequence + 1, `the batch should end at record ${batch.last_sequence}`);
    }
    if (!isSealed(keyring, head.chain, sequence, last, batch.mac)) {
      return fault(batch.first_sequence, 'the batch is not sealed by this installation: its records were rewritten');
    }
  }
  if (sequence !== head.sequence) return fault(sequence + 1, `records ${sequence + 1} to ${head.sequence} are missing`);
  return { records, fault: last === head.hash ? null : { sequence, reason: 'the last record is not the sealed head' } };
}
