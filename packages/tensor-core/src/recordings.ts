// Work that is done again and again on the same shapes: what it runs is recorded the first time and run from the record
// afterwards, without making tensors or choosing kernels anew. Knows no op and no backend.
import { type Device, type DeviceInternals, type HostValues, internalsOf, type Recorder, toArray } from "./device.ts";
import type { OpDefinition } from "./ops/op.ts";
import { type ArrayDtype, sizeOf } from "./spec.ts";
import { type BufferSource, operandOf, type Storage, type Tensor, TensorHandle } from "./tensor.ts";
import { mapLeaves } from "./tree.ts";

/** Options of Recordings. */
export interface RecordingsOptions {
  /** The most recordings kept; the one that was not run for longest goes first. 16 by default. */
  readonly capacity?: number | undefined;
  /** The most bytes that all keep, beside those that ran in the last four runs; 64 MiB by default. */
  readonly byteCapacity?: number | undefined;
}

const defaultByteCapacity = 2 ** 26;
/** Runs of one step, and what is asked of it, may need each their own. */
const LEAST_KEPT = 4;

/**
 * Recordings of work on one device. `run` does the work and returns what it returns; where the same work was recorded on
 * the same shapes, ops are not called but run again on the memory they had, with all kernels chosen.
 *
 * What may change from one run to the next must reach the device through the functions that work gives to `device.tensor`
 * and `device.host`; they are called in the order of the first run, all before any op. Other numbers and tensors of the
 * host are those of the recording. Tensors from outside may be written to by ops in between, as caches are; once one is
 * freed, the recording is made anew. So it is where a function returns another number of values than before, and for
 * other `inputs`.
 *
 * Work must neither read tensors nor be differentiated, nor run recordings itself.
 */
export class Recordings implements Disposable {
  readonly #device: Device;
  readonly #internals: DeviceInternals;
  readonly #capacity: number;
  readonly #byteCapacity: number;
  /** The one that ran last stands last. */
  #recordings: Recording[] = [];
  constructor(device: Device, { capacity = 16, byteCapacity = defaultByteCapacity }: RecordingsOptions = {}) {
    this.#device = device;
    this.#internals = internalsOf(device);
    this.#capacity = capacity;
    this.#byteCapacity = byteCapacity;
  }

  /** How many recordings there are. */
  get count(): number {
    return this.#recordings.length;
  }

  /**
   * Runs `work`, or what was recorded of it under `key` for these inputs, whose memory the work reads. The tensors it
   * returns are the caller's to dispose; the next run of the same work writes into their memory.
   */
  run<Out>(key: string, inputs: readonly Tensor[], work: () => Out): Out {
    if (this.#internals.recorder !== null) throw new TypeError("Cannot run recordings within work that is recorded");
    const storages = inputs.map((input) => (input as TensorHandle).storage);
    this.#dropDead();
    const known = this.#recordings.filter((recording) => recording.isOf(key, storages));
    // All recordings of one work have the same host work in the same order, whatever numbers of values they hold.
    const hostRuns = known[0]?.runHost() ?? 0;
    const values = known[0]?.hostValues;
    const fitting = values && known.find((recording) => recording.fits(values));
    if (fitting !== undefined && values !== undefined) {
      fitting.replay(values);
      this.#touch(fitting);
      return fitting.outputs() as Out;
    }
    const recording = new Recording(this.#device, this.#internals, key, storages, hostRuns);
    recording.make(work);
    this.#touch(recording);
    return recording.outputs() as Out;
  }

  [Symbol.dispose](): void {
    for (const recording of this.#recordings.splice(0)) recording[Symbol.dispose]();
  }

  #dropDead(): void {
    if (this.#recordings.every((recording) => recording.isAlive)) return;
    for (const recording of this.#recordings) if (!recording.isAlive) recording[Symbol.dispose]();
    this.#recordings = this.#recordings.filter((recording) => recording.isAlive);
  }

  #touch(recording: Recording): void {
    const place = this.#recordings.indexOf(recording);
    if (place === this.#recordings.length - 1 && place >= 0) return;
    if (place >= 0) this.#recordings.splice(place, 1);
    this.#recordings.push(recording);
    let bytes = this.#recordings.reduce((sum, { byteLength }) => sum + byteLength, 0);
    while (
      this.#recordings.length > this.#capacity ||
      (bytes > this.#byteCapacity && this.#recordings.length > LEAST_KEPT)
    ) {
      const oldest = this.#recordings.shift()!;
      bytes -= oldest.byteLength;
      oldest[Symbol.dispose]();
    }
  }
}

/** Values that are uploaded when a recording runs. */
interface Upload {
  readonly storage: Storage;
  readonly dtype: ArrayDtype;
  readonly length: number;
}

type HostStep =
  | { readonly kind: "work"; readonly work: () => void }
  | { readonly kind: "values"; readonly values: () => HostValues };

/** One recording; it keeps the memory of everything made while it was recorded. */
class Recording implements Recorder, Disposable {
  readonly source: KeptBuffers;
  readonly uploadSource: KeptBuffers;
  /** Values of the last run of the host's part, one entry an upload. */
  readonly hostValues: HostValues[] = [];
  readonly #device: Device;
  readonly #internals: DeviceInternals;
  readonly #key: string;
  readonly #inputs: readonly Storage[];
  /** Memory from outside that ops read or write. */
  readonly #foreign: Storage[] = [];
  readonly #hostSteps: HostStep[] = [];
  readonly #uploads: Upload[] = [];
  readonly #calls: (() => void)[] = [];
  #dispatches = 0;
  #out: unknown = null;
  /** Runs of host work that this run has behind it. */
  #hostRuns: number;

  constructor(device: Device, internals: DeviceInternals, key: string, inputs: readonly Storage[], hostRuns: number) {
    this.#device = device;
    this.#internals = internals;
    this.#key = key;
    this.#inputs = inputs;
    this.#hostRuns = hostRuns;
    this.source = new KeptBuffers(internals.source, true);
    this.uploadSource = new KeptBuffers(internals.source, false);
  }

  /** Bytes of the memory that it keeps. */
  get byteLength(): number {
    return this.source.byteLength + this.uploadSource.byteLength;
  }

  /** Whether all memory that it uses is still there. */
  get isAlive(): boolean {
    return this.#foreign.every(({ holders }) => holders > 0);
  }

  isOf(key: string, inputs: readonly Storage[]): boolean {
    return (
      this.#key === key &&
      this.#inputs.length === inputs.length &&
      inputs.every((storage, index) => storage === this.#inputs[index])
    );
  }

  /** Does the work for the first time. */
  make(work: () => unknown): void {
    try {
      this.#out = this.#internals.watched(this, () => this.#device.scope(work));
      mapLeaves(this.#out, (leaf) => this.#device.keep(leaf as Tensor));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Runs host work and fetches values, in order; returns how many times work was run. */
  runHost(): number {
    let runs = 0;
    this.hostValues.length = 0;
    for (const step of this.#hostSteps) {
      if (step.kind === "values") this.hostValues.push(step.values());
      else {
        step.work();
        runs++;
      }
    }
    return runs;
  }

  fits(values: readonly HostValues[]): boolean {
    return this.#uploads.every(({ length }, index) => values[index]!.length === length);
  }

  replay(values: readonly HostValues[]): void {
    const { backend, stats } = this.#internals;
    for (let index = 0; index < this.#uploads.length; index++) {
      const { storage, dtype } = this.#uploads[index]!;
      backend.write(storage.buffer, toArray(values[index]!, dtype));
    }
    for (let index = 0; index < this.#calls.length; index++) this.#calls[index]!();
    stats.dispatches += this.#dispatches;
  }

  /** Handles on what the work returned, for the caller to dispose. */
  outputs(): unknown {
    return mapLeaves(this.#out, (leaf) => {
      const handle = (leaf as TensorHandle).share();
      this.#internals.adopt(handle);
      return handle;
    });
  }

  call<Attrs>(
    op: OpDefinition<Attrs>,
    inputs: readonly TensorHandle[],
    outputs: readonly TensorHandle[],
    attrs: Attrs,
  ): void {
    const { backend } = this.#internals;
    for (const { storage } of inputs) {
      const isOwn = storage.source === this.source || storage.source === this.uploadSource;
      if (!isOwn && !this.#foreign.includes(storage)) this.#foreign.push(storage);
    }
    const [ins, outs] = [inputs.map(operandOf), outputs.map(operandOf)];
    if (backend.record !== undefined) this.#calls.push(backend.record(op, ins, outs, attrs));
    else {
      backend.run(op, ins, outs, attrs);
      this.#calls.push(() => backend.run(op, ins, outs, attrs));
    }
    this.#dispatches++;
  }

  values(values: () => HostValues): HostValues {
    this.#hostSteps.push({ kind: "values", values });
    return this.#internals.watched(null, values);
  }

  upload({ storage, dtype, shape }: TensorHandle): void {
    this.#uploads.push({ storage, dtype: dtype as ArrayDtype, length: sizeOf(shape) });
  }

  host(work: () => void): void {
    this.#hostSteps.push({ kind: "work", work });
    if (this.#hostRuns > 0) this.#hostRuns--;
    else this.#internals.watched(null, work);
  }

  [Symbol.dispose](): void {
    mapLeaves(this.#out, (leaf) => {
      if (leaf instanceof TensorHandle) leaf.dispose();
    });
    this.#out = null;
    this.source[Symbol.dispose]();
    this.uploadSource[Symbol.dispose]();
  }
}

/** Memory of a recording, given back with it. With `reuses`, what was freed meanwhile serves what is made later. */
class KeptBuffers implements BufferSource, Disposable {
  readonly backend: BufferSource["backend"];
  readonly #from: BufferSource;
  readonly #reuses: boolean;
  readonly #idle = new Map<number, unknown[]>();
  #byteLength = 0;
  #isOver = false;
  constructor(from: BufferSource, reuses: boolean) {
    this.backend = from.backend;
    this.#from = from;
    this.#reuses = reuses;
  }
  allocate(byteLength: number): unknown {
    const idle = this.#reuses ? this.#idle.get(byteLength)?.pop() : undefined;
    if (idle !== undefined) return idle;
    const buffer = this.#from.allocate(byteLength);
    this.#byteLength += byteLength;
    return buffer;
  }
  get byteLength(): number {
    return this.#byteLength;
  }
  free(buffer: unknown, byteLength: number): void {
    if (this.#isOver) {
      this.#from.free(buffer, byteLength);
      return;
    }
    const idle = this.#idle.get(byteLength);
    if (idle === undefined) this.#idle.set(byteLength, [buffer]);
    else idle.push(buffer);
  }
  /** Gives back what is idle; the rest goes with the last handles on it. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const [byteLength, buffers] of this.#idle) for (const buffer of buffers) this.#from.free(buffer, byteLength);
    this.#idle.clear();
  }
}
