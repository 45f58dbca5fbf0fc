/** Runs work one piece after the other, in the order in which it was asked for; one that fails holds up none. */
export type OneByOne = <T>(work: () => Promise<T>) => Promise<T>;

/** A row of its own, in which pieces of work wait for those before them. */
export function oneByOne(): OneByOne {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}
