import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CpuProfile, selfTimes } from './cpu-profile.ts';

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 0 });

const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)') },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('open', 'node:fs') },
    { id: 4, callFrame: frame('open', 'node:fs') },
    { id: 5, callFrame: frame('', 'node:net') },
  ],
  samples: [2, 3, 4, 5, 2],
  timeDeltas: [0, 50_000, 1_000, 2_000, 1_000],
};

test('a function called from two places is one entry, and idle time counts for nothing', () => {
  assert.deepEqual(selfTimes(profile), [
    { place: 'open  node:fs:1', milliseconds: 3, share: 0.75 },
    { place: '(anonymous)  node:net:1', milliseconds: 1, share: 0.25 },
  ]);
});

test('times can be added up by another rule', () => {
  const [all] = selfTimes(profile, (callFrame) => (callFrame.url === '' ? callFrame.functionName : 'node'));
  assert.deepEqual(all, { place: 'node', milliseconds: 4, share: 1 });
});
