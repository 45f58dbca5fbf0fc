/**
 * The load generator, a process of its own so that it does not share the event loop it measures. It takes `LoadOrder`s as
 * messages, one at a time, and answers each with a `LoadAnswer`.
 */
import { LoadLane } from './load-lane.ts';
import type { LoadAnswer, LoadOrder } from './load-plan.ts';

const lanes = new Map<number, LoadLane>();

async function carryOut(order: LoadOrder): Promise<LoadAnswer> {
  if (order.kind === 'open') {
    lanes.set(order.lane, await LoadLane.open(order.plan));
    return { result: null };
  }
  const lane = lanes.get(order.lane);
  if (lane === undefined) throw new Error(`no lane ${order.lane} is open`);
  if (order.kind === 'run') return { result: await lane.run(order.milliseconds) };
  if (order.kind === 'total') return { result: lane.total() };
  lane.close();
  lanes.delete(order.lane);
  return { result: null };
}

process.on('message', (order: LoadOrder) => {
  carryOut(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit());
