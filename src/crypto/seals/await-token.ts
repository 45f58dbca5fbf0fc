import { SealFault } from '../seal.ts';

/** How long the token is left alone after each look, in milliseconds; the last for all that follow. */
const PAUSES_MS = [500, 1000, 2000, 5000, 10_000];

/** Waiting for a token that opens a seal. */
export interface AwaitTokenParts<Opened> {
  /** Opens the data. @throws SealFault `seal-token-absent` where it may come later */
  readonly open: () => Promise<Opened>;
  /** Told after each look why it does not open yet. */
  readonly tell: (reason: string) => void;
  /** Resolves after so many milliseconds; rejects where the waiting was ended. */
  readonly pause: (milliseconds: number) => Promise<unknown>;
}

/** Whether the fault is one that a token mends which is put back. */
export function isTokenAbsent(error: unknown): error is SealFault {
  return error instanceof SealFault && error.code === 'seal-token-absent';
}

/**
 * Looks until the token is there, the more seldom the longer it takes.
 * @throws whatever else opening throws, and what ends a pause
 */
export async function openWithToken<Opened>({ open, tell, pause }: AwaitTokenParts<Opened>): Promise<Opened> {
  for (let look = 0; ; look++) {
    await pause(PAUSES_MS[Math.min(look, PAUSES_MS.length - 1)]!);
    try {
      return await open();
    } catch (error) {
      if (!isTokenAbsent(error)) throw error;
      tell(error.message);
    }
  }
}
