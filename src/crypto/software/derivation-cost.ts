import { BundleFault } from '../bundle-fault.ts';

/**
 * The most rounds of key derivation that one import may cost, over all its parts: about a second of one thread. OpenSSL writes 2,048
 * rounds a part, Windows 2,000 to 600,000 in all.
 */
const MOST_ROUNDS = 2_000_000;

/** Counts rounds of key derivation before they are worked. */
export class DerivationBudget {
  #left = MOST_ROUNDS;

  /** @throws BundleFault `costly` */
  spend(rounds: number): void {
    this.#left -= rounds;
    if (!(rounds >= 0 && this.#left >= 0)) throw new BundleFault('costly');
  }

  /**
   * Counts what the algorithm of a DER structure asks for: the largest number in its parameters, whichever of the derivations it
   * is (RFC 8018, RFC 7914, RFC 9579), of which each names rounds or costs by plain integers and keeps salts in octet strings.
   * @throws BundleFault `costly`, `unreadable`
   */
  async spendFor(der: Buffer): Promise<void> {
    const { fromBER, Integer } = await import('asn1js');
    const { result, offset } = fromBER(der);
    if (offset < 0) throw new BundleFault('unreadable');
    let most = 0;
    const waiting: unknown[] = [result];
    for (const block of waiting) {
      if (block instanceof Integer) most = Math.max(most, roundsIn(Buffer.from(block.valueBlock.valueHexView)));
      const value = (block as { valueBlock?: { value?: unknown } }).valueBlock?.value;
      if (Array.isArray(value)) waiting.push(...(value as unknown[]));
    }
    this.spend(most);
  }
}

/** An integer as a number; one that does not fit is more than anybody may ask for. */
function roundsIn(bytes: Buffer): number {
  if (bytes.length > 6) return Number.POSITIVE_INFINITY;
  return bytes.length === 0 ? 0 : bytes.readIntBE(0, bytes.length);
}
