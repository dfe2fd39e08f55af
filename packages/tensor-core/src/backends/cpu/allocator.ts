// Addresses of one growing range, in 64-byte lines: two-level free lists by size, neighbours joined when freed.
// Knows no WebAssembly: memory.ts grows the range when `allocate` finds no room.

/** Bytes of a cache line: every address and every size is a multiple of it. */
export const LINE_BYTES = 64;

// Sizes up to 16 lines have a list each; above, every doubling is split into 16 lists.
const SPLIT_BITS = 4;
const SPLIT_COUNT = 1 << SPLIT_BITS;
const LIST_COUNT = 32 * SPLIT_COUNT;

interface Block {
  start: number;
  /** In lines. */
  size: number;
  free: boolean;
  /** Neighbours by address. */
  before: Block | null;
  after: Block | null;
  /** Neighbours in the free list of its size. */
  previous: Block | null;
  next: Block | null;
}

/** Hands out and takes back addresses of [begin, end). */
export class Allocator {
  readonly #lists: (Block | null)[] = new Array<Block | null>(LIST_COUNT).fill(null);
  readonly #filled: Uint32Array = new Uint32Array(LIST_COUNT / 32);
  readonly #used: Map<number, Block> = new Map();
  #last: Block | null = null;
  #end: number;
  #bytesInUse = 0;
  constructor(begin: number, end: number) {
    this.#end = Math.ceil(begin / LINE_BYTES) * LINE_BYTES;
    this.extend(end);
  }
  /** Bytes handed out, rounded up to whole lines. */
  get bytesInUse(): number {
    return this.#bytesInUse;
  }
  get end(): number {
    return this.#end;
  }
  /** An address with room for `byteLength` bytes, or null where no free block is large enough. */
  allocate(byteLength: number): number | null {
    const lines = Math.max(1, Math.ceil(byteLength / LINE_BYTES));
    const block = this.#find(lines);
    if (block === null) return null;
    this.#unlink(block);
    if (block.size > lines) this.#link(this.#split(block, lines));
    block.free = false;
    this.#used.set(block.start, block);
    this.#bytesInUse += lines * LINE_BYTES;
    return block.start;
  }
  /** Takes an address back; returns false where it is not handed out. */
  free(start: number): boolean {
    let block = this.#used.get(start);
    if (block === undefined) return false;
    this.#used.delete(start);
    this.#bytesInUse -= block.size * LINE_BYTES;
    if (block.after?.free) {
      this.#unlink(block.after);
      this.#join(block, block.after);
    }
    if (block.before?.free) {
      const { before } = block;
      this.#unlink(before);
      this.#join(before, block);
      block = before;
    }
    this.#link(block);
    return true;
  }
  /** Adds the addresses up to `end` to the range. */
  extend(end: number): void {
    const lines = Math.floor((end - this.#end) / LINE_BYTES);
    if (lines <= 0) return;
    const block = createBlock(this.#end, lines, this.#last);
    if (this.#last !== null) this.#last.after = block;
    this.#last = block;
    this.#end += lines * LINE_BYTES;
    // Taking it back as if it had been handed out joins it to a free neighbour.
    this.#used.set(block.start, block);
    this.#bytesInUse += lines * LINE_BYTES;
    this.free(block.start);
  }
  #split(block: Block, lines: number): Block {
    const rest = createBlock(block.start + lines * LINE_BYTES, block.size - lines, block);
    rest.after = block.after;
    if (rest.after === null) this.#last = rest;
    else rest.after.before = rest;
    block.after = rest;
    block.size = lines;
    return rest;
  }
  #join(first: Block, second: Block): void {
    first.size += second.size;
    first.after = second.after;
    if (first.after === null) this.#last = first;
    else first.after.before = first;
  }
  #link(block: Block): void {
    const list = listOf(block.size);
    block.free = true;
    block.previous = null;
    block.next = this.#lists[list] ?? null;
    if (block.next !== null) block.next.previous = block;
    this.#lists[list] = block;
    this.#filled[list >>> 5]! |= 1 << (list & 31);
  }
  #unlink(block: Block): void {
    const list = listOf(block.size);
    if (block.next !== null) block.next.previous = block.previous;
    if (block.previous !== null) block.previous.next = block.next;
    else {
      this.#lists[list] = block.next;
      if (block.next === null) this.#filled[list >>> 5]! &= ~(1 << (list & 31));
    }
    block.previous = null;
    block.next = null;
    block.free = false;
  }
  #find(lines: number): Block | null {
    // A freed block of the very size is the common case: ops of one model repeat their shapes.
    const own = listOf(lines);
    for (let block = this.#lists[own] ?? null; block !== null; block = block.next) {
      if (block.size >= lines) return block;
    }
    // Every block of a later list fits.
    let word = (own + 1) >>> 5;
    let bits = word < this.#filled.length ? this.#filled[word]! & (-1 << ((own + 1) & 31)) : 0;
    while (bits === 0) {
      if (++word >= this.#filled.length) return null;
      bits = this.#filled[word]!;
    }
    return this.#lists[word * 32 + 31 - Math.clz32(bits & -bits)] ?? null;
  }
}

function createBlock(start: number, size: number, before: Block | null): Block {
  return { start, size, free: false, before, after: null, previous: null, next: null };
}

/** Index of the list that holds blocks of `lines`: lists ascend with size. */
function listOf(lines: number): number {
  if (lines < SPLIT_COUNT) return lines;
  const exponent = 31 - Math.clz32(lines);
  return (exponent - SPLIT_BITS + 1) * SPLIT_COUNT + ((lines >>> (exponent - SPLIT_BITS)) & (SPLIT_COUNT - 1));
}
