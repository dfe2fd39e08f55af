// The program of a pool's worker, as text: a string runs the same from source, from dist, in test runners and bundlers.
// It knows the words of control.ts and nothing else of the package.
import { ARGUMENT_BYTES, CONTROL_BYTES, REMAINING_MASK, word } from "./control.ts";

const main = `
const serve = ({ module, memory, control, kernelNames, threadScratch, spinMilliseconds }, ready) => {
  const words = new Int32Array(control);
  const argumentSlots = new Float64Array(control, ${ARGUMENT_BYTES});
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports;
  exports.setThreadScratch(threadScratch);
  const kernels = kernelNames.map((name) => exports[name]);
  // Arguments of the job and its units, in an array for each number of arguments: a job makes none. Filled with null first,
  // they are not kept as unboxed floats, which would be boxed anew for every call.
  const valuesOf = Array.from({ length: ${(CONTROL_BYTES - ARGUMENT_BYTES) / 8 + 1} }, (_, count) => new Array(count + 2).fill(null));
  ready();
  let idleSince = 0;
  for (let spins = 0; Atomics.load(words, ${word.stop}) === 0; ) {
    const ticket = Atomics.load(words, ${word.ticket});
    const remaining = ticket & ${REMAINING_MASK};
    if (remaining === 0) {
      if ((++spins & 63) !== 0) continue;
      const now = performance.now();
      if (spins === 64) idleSince = now;
      else if (now - idleSince > spinMilliseconds) {
        Atomics.add(words, ${word.sleepers}, 1);
        Atomics.wait(words, ${word.ticket}, ticket);
        Atomics.sub(words, ${word.sleepers}, 1);
        spins = 0;
      }
      continue;
    }
    const begin = (remaining - 1) * words[${word.chunkSize}];
    const end = Math.min(begin + words[${word.chunkSize}], words[${word.unitCount}]);
    const kernel = kernels[words[${word.kernel}]];
    const count = words[${word.argumentCount}];
    const values = valuesOf[count];
    for (let slot = 0; slot < count; slot++) values[slot] = argumentSlots[slot];
    values[count] = begin;
    values[count + 1] = end;
    // Only if the ticket stands unchanged were the words above those of its job.
    if (Atomics.compareExchange(words, ${word.ticket}, ticket, ticket - 1) !== ticket) continue;
    try {
      kernel.apply(null, values);
    } catch {
      Atomics.store(words, ${word.failed}, 1);
    }
    Atomics.add(words, ${word.done}, 1);
    if (Atomics.load(words, ${word.callerWaits}) !== 0) Atomics.notify(words, ${word.done});
    spins = 0;
  }
};
`;

/** For worker_threads with \`eval\`: the job arrives as workerData. */
export const nodeWorkerSource: string = `${main}
const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads");
serve(workerData, () => parentPort.postMessage("ready"));
`;

/** For Web Workers from a Blob: the job arrives as the first message. */
export const webWorkerSource: string = `${main}
self.onmessage = ({ data }) => serve(data, () => self.postMessage("ready"));
`;
