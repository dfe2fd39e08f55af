// How much memory a piece of code asks for: how tests show that a damaged file cannot make its reader take more than a
// sound one. Knows no format.
import { getHeapStatistics } from "node:v8";

/** What was asked for while a body ran; bytes. */
export interface Allocations {
  /** All array buffers and typed arrays made of a length, whether or not they live on. */
  readonly bufferBytes: number;
  /** The largest of them. */
  readonly largestBuffer: number;
  /**
   * By how much the heap and what it holds outside grew, collections aside: a lower bound, which large objects show in for
   * they live until the next full collection.
   */
  readonly heapGrowth: number;
}

const counted = [
  ...["ArrayBuffer", "SharedArrayBuffer", "Uint8Array", "Int8Array", "Uint8ClampedArray", "Uint16Array", "Int16Array"],
  ...["Uint32Array", "Int32Array", "Float32Array", "Float64Array", "BigUint64Array", "BigInt64Array"],
] as const;

type Constructor = new (...parameters: readonly unknown[]) => { readonly byteLength: number };

/**
 * Runs a body and tells what memory it asked for. Constructors of buffers are replaced meanwhile: what other code asks
 * for at the same time counts too, and a length refused by the engine counts as that length. Copies by methods, such as
 * `slice`, are no longer than what was asked for before and do not count.
 */
export async function measureAllocations(body: () => void | Promise<void>): Promise<Allocations> {
  const scope = globalThis as unknown as Record<string, Constructor>;
  const own = counted.map((name) => [name, scope[name]!] as const);
  const sizes = { bufferBytes: 0, largestBuffer: 0 };
  const count = (bytes: number) => {
    sizes.bufferBytes += bytes;
    sizes.largestBuffer = Math.max(sizes.largestBuffer, bytes);
  };
  for (const [name, original] of own) {
    const elementBytes = (original as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    scope[name] = new Proxy(original, {
      construct(target, parameters, newTarget) {
        const [first] = parameters as unknown[];
        // Before it is tried, since the engine may refuse it.
        if (typeof first === "number") count(first * elementBytes);
        const made = Reflect.construct(target, parameters, newTarget) as InstanceType<Constructor>;
        // A view of a buffer is no memory of its own; a copy of a list is.
        const isView = first instanceof ArrayBuffer || first instanceof SharedArrayBuffer;
        if (typeof first === "object" && first !== null && !isView) count(made.byteLength);
        return made;
      },
    });
  }
  const before = heldBytes();
  try {
    await body();
  } finally {
    for (const [name, original] of own) scope[name] = original;
  }
  return { ...sizes, heapGrowth: Math.max(0, heldBytes() - before) };
}

function heldBytes(): number {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics();
  return used + external;
}

/** The most of each of many measurements. */
export function createAllocationRecord(): { readonly most: Allocations; add(found: Allocations): void } {
  const most = { bufferBytes: 0, largestBuffer: 0, heapGrowth: 0 };
  return {
    most,
    add(found) {
      for (const name of ["bufferBytes", "largestBuffer", "heapGrowth"] as const) {
        most[name] = Math.max(most[name], found[name]);
      }
    },
  };
}
