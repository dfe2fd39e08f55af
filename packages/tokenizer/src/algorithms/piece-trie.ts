// Finds which of many pieces a text continues with. It does not know what the pieces stand for.

// A code unit is below this, so that a node and a unit make one key.
const unitCount = 0x10000;

/** Pieces by their code units. */
export class PieceTrie {
  readonly #children = new Map<number, number>();
  readonly #values: (number | undefined)[] = [undefined];

  constructor(pieces: Iterable<readonly [text: string, value: number]>) {
    for (const [text, value] of pieces) {
      let node = 0;
      for (let at = 0; at < text.length; at++) {
        const key = node * unitCount + text.charCodeAt(at);
        let child = this.#children.get(key);
        if (child === undefined) {
          child = this.#values.length;
          this.#values.push(undefined);
          this.#children.set(key, child);
        }
        node = child;
      }
      // The first of equal pieces counts.
      if (node !== 0) this.#values[node] ??= value;
    }
  }

  /** Visits every piece that the text has at a place, the shortest first, with the place where it ends. */
  visit(text: string, place: number, found: (value: number, end: number) => void): void {
    let node: number | undefined = 0;
    for (let at = place; at < text.length; at++) {
      node = this.#children.get(node * unitCount + text.charCodeAt(at));
      if (node === undefined) return;
      const value = this.#values[node];
      if (value !== undefined) found(value, at + 1);
    }
  }

  /** The longest piece at a place, or null. */
  longest(text: string, place: number): { readonly value: number; readonly end: number } | null {
    let best: { readonly value: number; readonly end: number } | null = null;
    this.visit(text, place, (value, end) => {
      best = { value, end };
    });
    return best;
  }
}
