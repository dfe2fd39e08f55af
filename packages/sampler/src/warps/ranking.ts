// Walks tokens from the most to the least likely without sorting all of them: building costs O(V), each step O(log V).
// The order is total (larger logit first, then lower id), so whatever is cut off by it is the same everywhere.

/** Yields the ids of all logits above −∞ in falling order, the lower id first among equals. */
export function* rankTokens(logits: Float32Array | Float64Array): Generator<number, void, void> {
  const heap = new Uint32Array(logits.length);
  let size = 0;
  for (let id = 0; id < logits.length; id++) if (logits[id]! > -Infinity) heap[size++] = id;

  const before = (a: number, b: number): boolean => logits[a]! > logits[b]! || (logits[a]! === logits[b]! && a < b);
  function sink(start: number): void {
    const id = heap[start]!;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, id)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = id;
  }

  for (let at = (size >>> 1) - 1; at >= 0; at--) sink(at);
  while (size > 0) {
    yield heap[0]!;
    heap[0] = heap[--size]!;
    sink(0);
  }
}

/** A copy of `logits` in which only the tokens `ids` are left; the others are −∞. */
export function keepTokens(logits: Float64Array, ids: Iterable<number>): Float64Array {
  const kept = new Float64Array(logits.length).fill(-Infinity);
  for (const id of ids) kept[id] = logits[id]!;
  return kept;
}
