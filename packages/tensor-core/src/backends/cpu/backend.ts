// The cpu device: tensors in one WebAssembly memory, SIMD kernels on threads over it; an op without kernels runs its
// oracle in float32. Knows no op by name.
import type { OpenDeviceOptions } from "../../device.ts";
import { DeviceError } from "../../errors.ts";
import { panelRows, refusal } from "../../formats/format.ts";
import { conversionKernels } from "../../formats/kernels.ts";
import { packedWords, unpackMatrix } from "../../formats/packing.ts";
import type { OpDefinition } from "../../ops/op.ts";
import {
  byteLengthOf,
  createArray,
  type Dtype,
  isPacked,
  type NumericArray,
  sizeOf,
  type TensorSpec,
} from "../../spec.ts";
import type { Backend, Operand } from "../backend.ts";
import { type CpuRunner, type CpuView, chunkFor } from "./call.ts";
import { loadKernels } from "./kernels.ts";
import { CpuMemory } from "./memory.ts";
import { createPool, type Job, THREAD_SCRATCH_BEGIN, THREAD_SCRATCH_BYTES } from "./pool.ts";

// Kernels of this kind are bound by memory: more threads than this have nothing to read.
const MOST_DEFAULT_THREADS = 16;
const MOST_THREADS = 64;
// Of 4 GiB that is 256 MiB, logits of 2048 rows over 32000 tokens. Gradients compute again what has no room.
const SAVED_SHARE = 1 / 16;
// Float rows are packed in pieces of this size.
const SLAB_BYTES = 8 * 1024 * 1024;

/** Opens the cpu backend. Throws DeviceError where threads or variant cannot be had as asked. */
export async function createCpuBackend(options: OpenDeviceOptions): Promise<Backend> {
  const threads = threadCountOf(options.threads);
  const shared = threads > 1;
  const kernels = await loadKernels(shared, options.variant);
  const memory = new CpuMemory({ shared, reservedBytes: THREAD_SCRATCH_BEGIN + threads * THREAD_SCRATCH_BYTES });
  const savedBytes = savedBytesOf(options.savedBytes, memory.maximumBytes);
  const pool = await createPool(kernels, memory.memory, threads);
  let disposed = false;
  const checkLive = () => {
    if (disposed) throw new DeviceError("cpu", "Cannot use the cpu device: it has been disposed");
  };
  const recordedScratch = new RecordedScratch(memory);
  /** Runs an op's kernels, or its oracle where it has none. */
  const perform = <Attrs>(
    op: OpDefinition<Attrs>,
    inputs: readonly Operand<number>[],
    outputs: readonly Operand<number>[],
    attrs: Attrs,
    { onJob, onHost, scratch, release }: Performance,
  ) => {
    const ins = inputs.map((operand) => new MemoryView(memory, operand, onHost));
    const outs = outputs.map((operand) => new MemoryView(memory, operand, onHost));
    if (op.cpu === undefined) {
      op.reference({ inputs: ins, outputs: outs, attrs });
      return;
    }
    op.cpu({
      inputs: ins,
      outputs: outs,
      attrs,
      integerDots: kernels.integerDots,
      parallel(name, args, unitCount, minimumChunk = 1) {
        const job = pool.prepare(name, args, unitCount, minimumChunk);
        job();
        onJob(job);
      },
      scratch,
      release,
      view(pointer, dtype, length) {
        onHost();
        return memory.view(pointer, dtype, length);
      },
    });
  };
  const backend: Backend<number> = {
    name: "cpu",
    info: {
      description: `WebAssembly SIMD (${kernels.variant}), ${threads} ${threads === 1 ? "thread" : "threads"}`,
      variant: kernels.variant,
      passedOver: kernels.passedOver,
      threads,
      features: [
        "simd128",
        "packed weights",
        ...(kernels.build === "simd" ? [] : ["relaxed-simd"]),
        ...(kernels.integerDots ? ["integer dots"] : []),
        ...(shared ? ["threads"] : []),
      ],
      limits: { maximumBytes: memory.maximumBytes, savedBytes },
    },
    floatDtype: "f32",
    allocate(byteLength) {
      checkLive();
      return memory.allocate(byteLength);
    },
    free: (pointer) => memory.free(pointer),
    write(pointer, values) {
      checkLive();
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      new Uint8Array(memory.memory.buffer, pointer, bytes.length).set(bytes);
    },
    writePacked(pointer, dtype, values, rows, columns) {
      checkLive();
      const slab = Math.max(panelRows, panelRows * Math.floor(SLAB_BYTES / (4 * panelRows * Math.max(1, columns))));
      const rowBytes = 4 * Math.min(slab, rows) * columns;
      const from = memory.allocate(rowBytes + 4);
      // The word behind the rows says whether a value was refused.
      const refused = from + rowBytes;
      try {
        memory.view(refused, "u32", 1)[0] = 0;
        for (let row = 0; row < rows; row += slab) {
          const count = Math.min(slab, rows - row);
          memory.view(from, "f32", count * columns).set(values.subarray(row * columns, (row + count) * columns));
          const to = pointer + 4 * packedWords(dtype, row, columns);
          const args = [from, count, columns, to, refused];
          pool.prepare(
            conversionKernels[dtype].pack,
            args,
            Math.ceil(count / panelRows),
            chunkFor(panelRows * columns),
          )();
        }
        if (memory.view(refused, "u32", 1)[0] !== 0) throw refusal(dtype);
      } finally {
        memory.free(from);
      }
    },
    async read(pointer, dtype, length) {
      checkLive();
      const copy = createArray(dtype, length);
      copy.set(memory.view(pointer, dtype, length));
      return copy;
    },
    run<Attrs>(
      op: OpDefinition<Attrs>,
      inputs: readonly Operand<number>[],
      outputs: readonly Operand<number>[],
      attrs: Attrs,
    ) {
      checkLive();
      const held = new Set<number>();
      try {
        perform(op, inputs, outputs, attrs, {
          onJob: () => {},
          onHost: () => {},
          scratch(byteLength) {
            const pointer = memory.allocate(byteLength);
            held.add(pointer);
            return pointer;
          },
          release(pointer) {
            if (held.delete(pointer)) memory.free(pointer);
          },
        });
      } finally {
        for (const pointer of held) memory.free(pointer);
      }
    },
    record<Attrs>(
      op: OpDefinition<Attrs>,
      inputs: readonly Operand<number>[],
      outputs: readonly Operand<number>[],
      attrs: Attrs,
    ) {
      checkLive();
      const jobs: Job[] = [];
      let onHost = false;
      const scratch = recordedScratch.borrow();
      perform(op, inputs, outputs, attrs, {
        ...scratch,
        onJob: (job) => jobs.push(job),
        onHost: () => {
          onHost = true;
        },
      });
      // What the host computed between kernels must be computed again.
      if (onHost) return () => backend.run(op, inputs, outputs, attrs);
      if (jobs.length === 1) return jobs[0]!;
      return () => {
        for (const job of jobs) job();
      };
    },
    dispose() {
      disposed = true;
      pool.dispose();
    },
  };
  return backend as Backend;
}

/** What an op that is performed has from outside, and who is told what it does. */
interface Performance extends Pick<CpuRunner, "scratch" | "release"> {
  readonly onJob: (job: Job) => void;
  /** The host reads or writes memory itself. */
  readonly onHost: () => void;
}

interface Piece {
  readonly pointer: number;
  readonly byteLength: number;
}

/**
 * Scratch memory of ops that are recorded: it holds nothing between two of them, so that all share what the largest
 * needs, for as long as the device lives.
 */
class RecordedScratch {
  readonly #memory: CpuMemory;
  readonly #pieces: Piece[] = [];
  constructor(memory: CpuMemory) {
    this.#memory = memory;
  }
  /** The scratch memory of one op. */
  borrow(): Pick<CpuRunner, "scratch" | "release"> {
    const free = new Set(this.#pieces);
    const taken = new Map<number, Piece>();
    return {
      scratch: (byteLength) => {
        let piece = [...free].find((each) => each.byteLength >= byteLength);
        if (piece === undefined) {
          // Powers of two: all pieces together have twice the largest that was needed at once, at most.
          const size = 2 ** Math.ceil(Math.log2(Math.max(64, byteLength)));
          piece = { pointer: this.#memory.allocate(size), byteLength: size };
          this.#pieces.push(piece);
        }
        free.delete(piece);
        taken.set(piece.pointer, piece);
        return piece.pointer;
      },
      release: (pointer) => {
        const piece = taken.get(pointer);
        if (piece !== undefined && taken.delete(pointer)) free.add(piece);
      },
    };
  }
}

class MemoryView implements CpuView {
  readonly shape: TensorSpec["shape"];
  readonly dtype: Dtype;
  readonly pointer: number;
  readonly #memory: CpuMemory;
  readonly #onData: () => void;
  constructor(memory: CpuMemory, operand: Operand<number>, onData: () => void) {
    this.#onData = onData;
    this.shape = operand.shape;
    this.dtype = operand.dtype;
    this.pointer = operand.buffer;
    this.#memory = memory;
  }
  get data(): NumericArray {
    this.#onData();
    return this.glance;
  }
  get glance(): NumericArray {
    const { pointer, dtype, shape } = this;
    if (!isPacked(dtype)) return this.#memory.view(pointer, dtype, sizeOf(shape));
    const words = this.#memory.view(pointer, "u32", byteLengthOf(this) / 4);
    return unpackMatrix(dtype, words as Uint32Array, shape[0]!, shape[1]!);
  }
}

function savedBytesOf(wanted: number | undefined, maximumBytes: number): number {
  if (wanted === undefined) return maximumBytes * SAVED_SHARE;
  if (Number.isInteger(wanted) && wanted >= 0) return wanted;
  throw new DeviceError(
    "cpu",
    `Cannot open the cpu device with ${wanted} bytes to save for gradients: give a whole number, 0 for none`,
  );
}

function threadCountOf(wanted: number | undefined): number {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1 && wanted <= MOST_THREADS)) {
    throw new DeviceError(
      "cpu",
      `Cannot open the cpu device with ${wanted} threads: give a whole number from 1 to ${MOST_THREADS}`,
    );
  }
  // Pages without cross-origin isolation have no shared memory, and so no second thread.
  if (typeof SharedArrayBuffer === "undefined") return 1;
  if (wanted !== undefined) return wanted;
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const os = host?.getBuiltinModule?.("node:os") as typeof import("node:os") | undefined;
  const cores = os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.max(1, Math.min(cores, MOST_DEFAULT_THREADS));
}
