// Threads over one memory: a job is a kernel and a number of chunks; whoever is awake takes the next chunk, so a thread
// that sleeps or was descheduled holds nobody up. Chunks own disjoint outputs: who computes them cannot change a bit.
import { DeviceError } from "../../errors.ts";
import { ARGUMENT_BYTES, CONTROL_BYTES, REMAINING_MASK, word } from "./control.ts";
import { instantiate, type Kernel, type KernelExports } from "./instance.ts";
import type { Kernels } from "./kernels.ts";
import { nodeWorkerSource, webWorkerSource } from "./worker-source.ts";

/** Scratch memory of each thread, for tiles and blocks of scores. */
export const THREAD_SCRATCH_BYTES = 65_536;
/** Where the scratch memory of thread 0 starts; the others follow. */
export const THREAD_SCRATCH_BEGIN = 1024;

// Handing over a job to a spinning thread costs under a microsecond, waking a sleeping one fifty.
const SPIN_MILLISECONDS = 1;
// The longest chunk takes seconds: a thread silent for this long is gone, and would be waited for without end.
const STALL_MILLISECONDS = 300_000;
// Chunks a thread: few enough to cost nothing, enough that a slow core holds back a sixteenth of its share.
const CHUNKS_PER_THREAD = 16;

interface WorkerHandle {
  terminate(): void;
}

/** What a worker is started with. */
interface WorkerJob {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly kernelNames: readonly string[];
  readonly threadScratch: number;
  readonly spinMilliseconds: number;
}

/** A kernel with its arguments, ready to run. */
export type Job = () => void;

/** Runs kernels on the calling thread and on `threads − 1` workers. */
export interface Pool {
  readonly threads: number;
  /**
   * What runs `name(...args, begin, end)` over 0..unitCount, as often as it is called; it returns when all chunks are done
   * and does not call itself meanwhile.
   */
  prepare(name: string, args: readonly number[], unitCount: number, minimumChunk: number): Job;
  dispose(): void;
}

/**
 * Starts the workers and waits until they are ready. Throws DeviceError where one fails to start; once one has died, or
 * has been silent for `stallMilliseconds` with work in hand, so does every run.
 */
export async function createPool(
  kernels: Kernels,
  memory: WebAssembly.Memory,
  threads: number,
  stallMilliseconds: number = STALL_MILLISECONDS,
): Promise<Pool> {
  const exports = instantiate(kernels.module, memory, THREAD_SCRATCH_BEGIN);
  if (threads === 1) return { threads, prepare: prepareAlone(exports), dispose: () => {} };
  const kernelNames = Object.keys(exports);
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const workers: WorkerHandle[] = [];
  const health: Health = { failure: null, stallMilliseconds };
  const dispose = () => {
    const words = new Int32Array(control);
    Atomics.store(words, word.stop, 1);
    // A sleeper waits for the ticket to change.
    Atomics.add(words, word.ticket, REMAINING_MASK + 1);
    Atomics.notify(words, word.ticket);
    for (const worker of workers) worker.terminate();
  };
  const jobs = Array.from({ length: threads - 1 }, (_, index) => ({
    module: kernels.module,
    memory,
    control,
    kernelNames,
    threadScratch: THREAD_SCRATCH_BEGIN + (index + 1) * THREAD_SCRATCH_BYTES,
    spinMilliseconds: SPIN_MILLISECONDS,
  }));
  try {
    await Promise.all(jobs.map((job) => startWorker(job, workers, (cause) => fail(health, cause))));
  } catch (error) {
    dispose();
    throw new DeviceError(
      "cpu",
      `Cannot open the cpu device: a worker thread did not start (${String(error)}); open it with threads: 1`,
      { cause: error },
    );
  }
  return { threads, prepare: prepareShared(exports, kernelNames, control, threads, health), dispose };
}

/** Whether all workers are alive, as far as is known. */
interface Health {
  failure: DeviceError | null;
  readonly stallMilliseconds: number;
}

function fail(health: Health, cause: unknown): DeviceError {
  health.failure ??= new DeviceError(
    "cpu",
    `Cannot go on with the cpu device: a worker thread died (${String(cause)}); open a new one`,
    { cause },
  );
  return health.failure;
}

function prepareAlone(exports: KernelExports): Pool["prepare"] {
  return (name, args, unitCount) => prepareHere(name, kernelOf(exports, name), args, unitCount);
}

function prepareHere(name: string, kernel: Kernel, args: readonly number[], unitCount: number): Job {
  const values = callArguments(args, 0, unitCount);
  return () => {
    if (unitCount === 0) return;
    try {
      kernel(...values);
    } catch (error) {
      throw trapOf(name, error);
    }
  };
}

/**
 * Arguments in an array that engines do not keep as unboxed floats, which would be boxed anew for every call: the array
 * has held something else than numbers.
 */
function callArguments(args: readonly number[], begin: number, end: number): number[] {
  const values: unknown[] = [null, ...args, begin, end];
  values.shift();
  return values as number[];
}

function trapOf(name: string, cause: unknown): DeviceError {
  return new DeviceError("cpu", `Cannot run kernel ${name}: ${String(cause)}`, { cause });
}

function kernelOf(exports: KernelExports, name: string): Kernel {
  const kernel = exports[name];
  if (kernel === undefined)
    throw new DeviceError(
      "cpu",
      `Cannot run kernel ${name}: the module has none of that name; run the build:wasm script`,
    );
  return kernel;
}

function prepareShared(
  exports: KernelExports,
  kernelNames: readonly string[],
  control: SharedArrayBuffer,
  threads: number,
  health: Health,
): Pool["prepare"] {
  const words = new Int32Array(control);
  const argumentSlots = new Float64Array(control, ARGUMENT_BYTES);
  const indexOf = new Map(kernelNames.map((name, index) => [name, index]));
  const maySleep = canWait(words);
  const mostChunks = Math.min(REMAINING_MASK, threads * CHUNKS_PER_THREAD);
  return (name, args, unitCount, minimumChunk) => {
    const kernel = kernelOf(exports, name);
    const wantedChunks = Math.min(mostChunks, Math.floor(unitCount / minimumChunk));
    if (wantedChunks < 2) {
      const here = prepareHere(name, kernel, args, unitCount);
      return () => {
        if (health.failure !== null) throw health.failure;
        here();
      };
    }
    const chunkSize = Math.ceil(unitCount / wantedChunks);
    const chunkCount = Math.ceil(unitCount / chunkSize);
    const index = indexOf.get(name)!;
    const argumentCount = args.length;
    const values = callArguments(args, 0, 0);
    return () => {
      if (health.failure !== null) throw health.failure;
      // Every chunk of the last job is done, so nobody reads these words until the ticket opens.
      words[word.kernel] = index;
      words[word.argumentCount] = argumentCount;
      words[word.unitCount] = unitCount;
      words[word.chunkSize] = chunkSize;
      for (let slot = 0; slot < argumentCount; slot++) argumentSlots[slot] = values[slot]!;
      Atomics.store(words, word.done, 0);
      const generation = (Atomics.load(words, word.ticket) & ~REMAINING_MASK) + REMAINING_MASK + 1;
      Atomics.store(words, word.ticket, generation | chunkCount);
      if (Atomics.load(words, word.sleepers) > 0) Atomics.notify(words, word.ticket, chunkCount - 1);
      let failure: unknown;
      for (;;) {
        const ticket = Atomics.load(words, word.ticket);
        const remaining = ticket & REMAINING_MASK;
        if (remaining === 0) break;
        if (Atomics.compareExchange(words, word.ticket, ticket, ticket - 1) !== ticket) continue;
        const begin = (remaining - 1) * chunkSize;
        values[argumentCount] = begin;
        values[argumentCount + 1] = Math.min(begin + chunkSize, unitCount);
        try {
          kernel(...values);
        } catch (error) {
          failure ??= error;
        }
        Atomics.add(words, word.done, 1);
      }
      if (!awaitDone(words, chunkCount, maySleep, health.stallMilliseconds)) {
        throw fail(health, `silent for ${health.stallMilliseconds} ms in kernel ${name}`);
      }
      if (Atomics.exchange(words, word.failed, 0) !== 0) failure ??= "it trapped in a worker thread";
      if (failure !== undefined) throw trapOf(name, failure);
    };
  };
}

/** Returns false where no chunk was finished for `stallMilliseconds`. */
function awaitDone(words: Int32Array, chunkCount: number, maySleep: boolean, stallMilliseconds: number): boolean {
  let since = 0;
  let seen = -1;
  for (let spins = 1; ; spins++) {
    const done = Atomics.load(words, word.done);
    if (done >= chunkCount) return true;
    if ((spins & 63) !== 0) continue;
    const now = performance.now();
    if (done !== seen) [seen, since] = [done, now];
    if (now - since > stallMilliseconds) return false;
    if (!maySleep || now - since < SPIN_MILLISECONDS) continue;
    Atomics.store(words, word.callerWaits, 1);
    // Returns at once where a chunk was finished since.
    Atomics.wait(words, word.done, done, stallMilliseconds);
    Atomics.store(words, word.callerWaits, 0);
  }
}

/** Main threads of browsers may not sleep: they spin. */
function canWait(words: Int32Array): boolean {
  try {
    Atomics.wait(words, word.failed, 1, 0);
    return true;
  } catch {
    return false;
  }
}

type NodeThreads = typeof import("node:worker_threads");

function startWorker(job: WorkerJob, workers: WorkerHandle[], onDeath: (cause: unknown) => void): Promise<void> {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const threads = host?.getBuiltinModule?.("node:worker_threads") as NodeThreads | undefined;
  return new Promise((resolve, reject) => {
    const died = (cause: unknown) => {
      reject(cause);
      onDeath(cause);
    };
    if (threads !== undefined) {
      // Flags of the caller (loaders, inspectors) are not for these threads.
      const worker = new threads.Worker(nodeWorkerSource, { eval: true, workerData: job, execArgv: [] });
      workers.push({ terminate: () => void worker.terminate() });
      worker.once("message", () => {
        // From here on the thread keeps no process alive.
        worker.unref();
        resolve();
      });
      worker.once("error", died);
      worker.once("exit", (code) => died(new Error(`it exited with code ${code}`)));
      return;
    }
    const url = URL.createObjectURL(new Blob([webWorkerSource], { type: "text/javascript" }));
    const worker = new Worker(url);
    workers.push(worker);
    worker.onmessage = () => {
      URL.revokeObjectURL(url);
      resolve();
    };
    worker.onerror = (event) => died(new Error(event.message));
    worker.postMessage(job);
  });
}
