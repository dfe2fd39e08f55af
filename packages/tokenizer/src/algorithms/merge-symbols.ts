// Byte-pair encoding's one algorithm: neighbours merge, the cheapest pair first, until no pair may.
// It does not know what a cost is: a rank in a list of merges, or a score of the merged piece.

/** Pairs that may merge, cheapest first and of equal ones the leftmost. */
class MergeQueue {
  readonly #costs: number[] = [];
  readonly #places: number[] = [];
  readonly #lengths: number[] = [];

  push(cost: number, place: number, length: number): void {
    let at = this.#costs.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(cost, place, parent)) break;
      this.#set(at, this.#costs[parent]!, this.#places[parent]!, this.#lengths[parent]!);
      at = parent;
    }
    this.#set(at, cost, place, length);
  }

  /** The place of the first pair and the length that both texts had together, or null. */
  pop(): { readonly place: number; readonly length: number } | null {
    if (this.#costs.length === 0) return null;
    const first = { place: this.#places[0]!, length: this.#lengths[0]! };
    const cost = this.#costs.pop()!;
    const place = this.#places.pop()!;
    const length = this.#lengths.pop()!;
    const size = this.#costs.length;
    if (size === 0) return first;
    let at = 0;
    while (2 * at + 1 < size) {
      const left = 2 * at + 1;
      const right = left + 1;
      const child = right < size && this.#isBefore(this.#costs[right]!, this.#places[right]!, left) ? right : left;
      if (this.#isBefore(cost, place, child)) break;
      this.#set(at, this.#costs[child]!, this.#places[child]!, this.#lengths[child]!);
      at = child;
    }
    this.#set(at, cost, place, length);
    return first;
  }

  #isBefore(cost: number, place: number, other: number): boolean {
    const otherCost = this.#costs[other]!;
    return cost < otherCost || (cost === otherCost && place < this.#places[other]!);
  }

  #set(at: number, cost: number, place: number, length: number): void {
    this.#costs[at] = cost;
    this.#places[at] = place;
    this.#lengths[at] = length;
  }
}

/**
 * Merges neighbouring symbols; n symbols take O(n log n) steps.
 *
 * @param symbols the text in its smallest parts, none empty
 * @param costOf the cost of merging two neighbours, or undefined where they must not
 */
export function mergeSymbols(
  symbols: readonly string[],
  costOf: (left: string, right: string) => number | undefined,
): readonly string[] {
  const count = symbols.length;
  if (count < 2) return symbols;
  // A merged symbol stands in its left place; the right one becomes empty.
  const texts = [...symbols];
  const next = Int32Array.from(texts, (_, place) => place + 1);
  const previous = Int32Array.from(texts, (_, place) => place - 1);
  const queue = new MergeQueue();
  const offer = (left: number, right: number): void => {
    if (left < 0 || right >= count) return;
    const cost = costOf(texts[left]!, texts[right]!);
    if (cost !== undefined) queue.push(cost, left, texts[left]!.length + texts[right]!.length);
  };
  for (let place = 0; place + 1 < count; place++) offer(place, place + 1);
  for (let pair = queue.pop(); pair !== null; pair = queue.pop()) {
    const { place, length } = pair;
    const right = next[place]!;
    // A pair whose parts have merged otherwise meanwhile is longer now, or gone.
    if (texts[place] === "" || right >= count || texts[place]!.length + texts[right]!.length !== length) continue;
    texts[place] += texts[right]!;
    texts[right] = "";
    const after = next[right]!;
    next[place] = after;
    if (after < count) previous[after] = place;
    offer(previous[place]!, place);
    offer(place, after);
  }
  return texts.filter((text) => text !== "");
}
