import { assignmentCarrier, denialCarrier } from '../access/carry.ts';
import { certificateCarrier } from '../certificates/carry.ts';
import { keyCarrier } from '../keys/carry.ts';
import { settingsCarrier } from '../resources/carry-settings.ts';
import { secretCarrier } from '../secrets/carry.ts';
import type { Carrier } from './carrier.ts';
import type { MovingParts } from './parts.ts';

/**
 * Everything that is carried, in its order: who is kept out is kept out before anybody is let in, and everybody's access is there
 * before there is anything to read.
 */
export function carriersOf(
  parts: Pick<MovingParts, 'store' | 'keyring' | 'clock' | 'random' | 'providers'>,
): readonly Carrier[] {
  return [
    settingsCarrier,
    denialCarrier(parts),
    assignmentCarrier(parts),
    secretCarrier(parts),
    keyCarrier(parts),
    certificateCarrier(),
  ];
}
