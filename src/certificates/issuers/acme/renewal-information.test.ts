import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificateChain } from '../../../../tests/support/certificate-chain.ts';
import { renewalId, renewalMoment } from './renewal-information.ts';

describe('renewal information', () => {
  it('names no certificate that names no authority key', async () => {
    const { leaf } = await certificateChain(['a.example']);
    const der = Buffer.from(leaf.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    assert.equal(renewalId(der), null);
  });

  it('chooses a moment of the window, the same for a certificate each time, and others for others', () => {
    const suggestedWindow = { start: '2026-01-01T00:00:00Z', end: '2026-01-03T00:00:00Z' };
    const at = (id: string) => renewalMoment(id, { suggestedWindow })!;
    const [start, end] = [Date.parse(suggestedWindow.start), Date.parse(suggestedWindow.end)];
    const moments = Array.from({ length: 200 }, (_, index) => at(`certificate.${index}`));
    assert.ok(moments.every((moment) => moment >= start && moment <= end));
    assert.equal(at('certificate.7'), moments[7]);
    const early = moments.filter((moment) => moment < start + (end - start) / 2).length;
    assert.ok(early > 60 && early < 140, `${early} of 200 are early`);
  });

  it('says nothing where the answer has no window', () => {
    const wrong = [
      null,
      {},
      { suggestedWindow: {} },
      { suggestedWindow: { start: 'soon', end: 'later' } },
      { suggestedWindow: { start: '2026-01-02T00:00:00Z', end: '2026-01-01T00:00:00Z' } },
    ];
    for (const told of wrong) assert.equal(renewalMoment('x', told), null);
  });
});
