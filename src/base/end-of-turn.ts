let end: Promise<void> | null = null;

/**
 * Resolves at the end of this turn of the event loop, for all who wait for it one right after the other. Short work of one kind that the
 * requests of a turn ask for is done together so: what the first has brought into the processor's caches (code, a curve's table of
 * 150 KB) serves the others, and nothing of a request's other work comes between.
 */
export function endOfTurn(): Promise<void> {
  end ??= new Promise<void>((resolve) => {
    setImmediate(() => {
      end = null;
      resolve();
    });
  });
  return end;
}
