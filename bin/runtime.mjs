// Plain JavaScript, as the launcher. What the server's own process and the step that compiles for it must have alike: V8 takes
// compiled code only from a process with the same flags.
import { fileURLToPath } from 'node:url';

// What a request makes lives until its audit record is durable, some milliseconds: the young generation must hold all requests
// under way several times over, or they are moved to the old one, whose collections are dear. V8 would also begin to make some
// of those objects in the old generation at once, where each holds a dead request until the next such collection: that took a
// sixth of a read.
export const heapFlags = [
  '--min-semi-space-size=4',
  '--max-semi-space-size=4',
  '--max-old-space-size=512',
  '--no-allocation-site-pretenuring',
];

// Beside the code, and as trusted as that is. Node's own choice is a place in the directory for temporary files, where any user
// of the machine could lay out code for us to run.
export const compiledCode = fileURLToPath(new URL('../node_modules/.cache/strongroom', import.meta.url));
