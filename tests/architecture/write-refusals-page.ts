/** Writes docs/refusals.md anew from the catalogue: `node tests/architecture/write-refusals-page.ts`. */
import { writeFileSync } from 'node:fs';
import { refusalsPage } from '../../src/doctor/refusals-page.ts';

writeFileSync(new URL('../../docs/refusals.md', import.meta.url), refusalsPage());
