import assert from 'node:assert/strict';
import { it } from 'node:test';
import { endOfTurn } from './end-of-turn.ts';

it('does what one turn of the event loop asks for together, in order, after whatever else the turn does', async () => {
  const done: string[] = [];
  const ask = async (name: string) => {
    await endOfTurn();
    done.push(name);
    await null;
    done.push(`after ${name}`);
  };
  const asked = [ask('a'), ask('b')];
  await new Promise<void>((resolve) => process.nextTick(resolve));
  done.push('the rest of the turn');
  await Promise.all(asked);
  assert.deepEqual(done, ['the rest of the turn', 'a', 'b', 'after a', 'after b']);
  await ask('c');
  assert.deepEqual(done.slice(-2), ['c', 'after c']);
});
