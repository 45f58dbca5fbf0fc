/** A native function that can also run on the thread pool. */
export type AsyncNative = ((...parameters: unknown[]) => unknown) & { async: (...parameters: unknown[]) => void };

/** Runs a native function on the thread pool. Its buffers stay referenced until it has ended. */
export function callOnPool(
  native: AsyncNative,
  parameters: readonly unknown[],
  release: () => void = () => {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    native.async(...parameters, (error: unknown, result: unknown) => {
      release();
      if (error) reject(error instanceof Error ? error : new Error('A native call failed.'));
      else resolve(parameters.length > 0 ? result : undefined);
    });
  });
}
