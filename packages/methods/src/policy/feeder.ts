// Sequences of a frozen backbone with the gates and encodings above it: feeds tokens of many at once, in passes of bounded
// size, reads what a prefix cache holds, and keeps each sequence's last row. Knows no mixing and no logits.
import type { Backbone, KvCache, PrefixCache } from "@dual-head/backbone";
import { checkTruncation, type Sequence, type SequenceEntry } from "@dual-head/sampler";
import {
  type CausalReader,
  type Device,
  DeviceError,
  gatherRows,
  type Recordings,
  type RowCache,
  type Tensor,
} from "@dual-head/tensor-core";
import { createLastRows, type GatedRows, type LastRows, lastRowBatch, pickRows } from "./last-rows.ts";
import { type Pass, type Piece, passesOf } from "./passes.ts";
import { type SequenceState, SequenceTable } from "./sequence-table.ts";

/** What sequences are fed through. */
export interface FeederOptions<Params> {
  readonly backbone: Backbone<Params>;
  readonly params: Params;
  readonly device: Device;
  /** What of each head reads hidden states: its gate, which gives logits, and its encoding where it has one. */
  readonly heads: readonly { readonly gate: CausalReader; readonly encoding: CausalReader | null }[];
  readonly slotCount: number;
  readonly capacity: number;
  /** The most tokens of one pass, unless more sequences than that are fed at once. */
  readonly chunkSize: number;
  readonly prefixCache: PrefixCache | undefined;
  /** Where steps of one token a sequence are recorded. */
  readonly recordings: Recordings;
}

/** A gate or an encoding with its history. */
interface Reading {
  readonly reader: CausalReader;
  readonly history: RowCache;
}

/** Tokens of one pass, one entry a row; `slots[i]` are those in cache i. */
interface PassRows {
  readonly tokens: Uint32Array;
  readonly positions: Uint32Array;
  readonly slots: readonly Uint32Array[];
}

/** One pass while its rows are there. */
export interface FedPass<Controls> {
  readonly pieces: readonly Piece[];
  /** The sequence of each piece; its length is that before the pass. */
  readonly states: readonly SequenceState<Controls>[];
  /** Rows of all tokens, piece after piece, or of the last of each piece. */
  readonly rows: GatedRows;
  /** The rows before the first tokens of pieces whose sequences were not empty. */
  readonly former: (states: readonly SequenceState<Controls>[]) => GatedRows;
}

/** Feeds sequences; caches are allocated at once. */
export class Feeder<Params, Controls> implements Disposable {
  readonly sequences: SequenceTable<Controls>;
  readonly #options: FeederOptions<Params>;
  readonly #cache: KvCache;
  /** The gates of all heads, then the encodings of those that have one. */
  readonly #readings: readonly Reading[];
  readonly #lastRows: LastRows;
  readonly #chunkSize: number;
  readonly #cost = { forwards: 0, tokens: 0, rewardCalls: 0 };
  /** Rows of steps by their number, filled anew for each step: what is recorded reads them. */
  readonly #stepRows = new Map<number, PassRows>();

  constructor(options: FeederOptions<Params>) {
    const { backbone, device, heads, slotCount, capacity, chunkSize, prefixCache } = options;
    this.#options = options;
    this.#cache = prefixCache?.cache ?? backbone.createCache(device, { slotCount, capacity, chunkSize });
    this.#chunkSize =
      this.#cache.window < this.#cache.capacity ? Math.min(chunkSize, this.#cache.chunkSize) : chunkSize;
    const encodings = heads.flatMap(({ encoding }) => encoding ?? []);
    this.#readings = [...heads.map(({ gate }) => gate), ...encodings].map((reader) => ({
      reader,
      history: reader.createHistory(device, { slotCount, capacity }),
    }));
    const kept = heads.map(({ encoding }) => ({ hasFeatures: encoding !== null }));
    this.#lastRows = createLastRows(device, slotCount, backbone.config.hiddenSize, kept);
    this.sequences = new SequenceTable([this.#cache, this.#lastRows, ...this.#readings.map(({ history }) => history)]);
  }

  get cost(): { readonly forwards: number; readonly tokens: number; readonly rewardCalls: number } {
    return { ...this.#cost };
  }

  length(sequence: Sequence): number {
    return this.sequences.get(sequence).tokens.length;
  }

  /**
   * Forgets the tokens from `length` on. The last row goes with them: scoring, which asks for it, feeds its token again.
   *
   * @throws RangeError where the sequence is not that long, SlotError where a window has let go of rows; it is then as before
   */
  truncate(sequence: Sequence, length: number): void {
    const state = this.sequences.get(sequence);
    checkTruncation(state.tokens.length, length);
    if (length < state.tokens.length) this.#cut(state, length);
  }

  /** Whether `truncate` would do it. */
  canTruncate(sequence: Sequence, length: number): boolean {
    const { slots } = this.sequences.get(sequence);
    // The others have no window.
    return this.#cache.canTruncate(slots[0]!, length);
  }

  /** How many of the tokens that are to follow need no backbone. */
  heldLength(sequence: Sequence, tokens: readonly number[]): number {
    return this.#pagesOf(this.sequences.get(sequence), tokens).length * this.#cache.pageSize;
  }

  /**
   * Feeds tokens and returns what `finish` makes of the last row of each entry. A step, one token a sequence, is recorded:
   * `finish` then keeps the rules of `Recordings` and depends on nothing else but the number of entries.
   */
  advance<Out>(
    entries: readonly SequenceEntry[],
    finish: (last: GatedRows) => Out,
  ): { readonly out: Out; readonly isStep: boolean } {
    const isStep = entries.every(({ sequence, tokens }) => {
      return tokens.length === 1 && this.heldLength(sequence, tokens) === 0;
    });
    if (!isStep || entries.length > this.#chunkSize) {
      return { out: finish(this.feed(entries, "last", () => null).last), isStep: false };
    }
    const { recordings } = this.#options;
    const states = entries.map(({ sequence }) => this.sequences.get(sequence));
    const rows = this.#fillStep(entries, states);
    const step = () =>
      recordings.run(`step of ${states.length}`, [], () => {
        const last = this.#throughReaders(this.#compute(rows), rows);
        this.#lastRows.write({ slots: rows.slots[1]!, positions: new Uint32Array(states.length) }, last);
        return finish(last);
      });
    let out: Out;
    try {
      out = this.sequences.extend(states, step);
    } catch (error) {
      // A device that failed may have left slots without the rows they were emptied for; scoring feeds the last tokens again.
      if (error instanceof DeviceError) for (const { slots } of states) this.#lastRows.truncate(slots[1]!, 0);
      throw error;
    }
    this.#count(states.length);
    for (const [index, state] of states.entries()) this.#remember(state, entries[index]!.tokens);
    return { out, isStep };
  }

  /**
   * Feeds tokens and returns what `visit` made of each pass, and the last row of each entry. Gates are asked about all
   * rows or about the last of each piece, which are then all that `visit` sees. Whoever calls it gives a scope. Where it
   * throws, every sequence is as before, but for what a window has let go of.
   */
  feed<Out>(
    entries: readonly SequenceEntry[],
    asked: "all" | "last",
    visit: (pass: FedPass<Controls>) => Out,
  ): { readonly outputs: readonly Out[]; readonly last: GatedRows } {
    const states = entries.map(({ sequence }) => this.sequences.get(sequence));
    if (asked === "all") this.#restoreLastRows(entries);
    const planned = entries.map(({ tokens }, index) => ({ tokens, pages: this.#pagesOf(states[index]!, tokens) }));
    const passes = passesOf(planned, this.#chunkSize, this.#cache.pageSize);
    if (passes.length === 1) {
      const { output, last } = this.#run(passes[0]!, states, asked, visit);
      return { outputs: [output], last };
    }
    const begun = states.filter((state) => this.#hasLastRow(state));
    const lengths = begun.map(({ tokens }) => tokens.length);
    const former = begun.length === 0 ? null : this.#lastRows.read(slotsOf(begun, 1));
    try {
      const outputs = this.sequences.extend(states, () =>
        passes.map((pass) => this.#run(pass, states, asked, visit).output),
      );
      return { outputs, last: this.#lastRows.read(slotsOf(states, 1)) };
    } catch (error) {
      // Passes before the one that failed have left their own last rows.
      const restored = begun.flatMap(({ tokens }, row) => (tokens.length === lengths[row] ? [row] : []));
      if (former !== null && restored.length > 0) {
        const own = restored.map((row) => begun[row]!);
        this.#lastRows.write(lastRowBatch(slotsOf(own, 1)), pickRows(former, Uint32Array.from(restored)));
      }
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.sequences.closeAll();
    if (this.#options.prefixCache === undefined) this.#cache[Symbol.dispose]();
    this.#lastRows[Symbol.dispose]();
    for (const { history } of this.#readings) history[Symbol.dispose]();
  }

  #hasLastRow({ slots }: SequenceState<Controls>): boolean {
    return this.#lastRows.length(slots[1]!) > 0;
  }

  #cut({ slots, tokens }: SequenceState<Controls>, length: number): void {
    // The first that may refuse, since the others have no window.
    this.#cache.truncate(slots[0]!, length);
    for (const [index, { history }] of this.#readings.entries()) history.truncate(slots[2 + index]!, length);
    this.#lastRows.truncate(slots[1]!, 0);
    tokens.length = length;
  }

  /** Feeds the last token of sequences that were cut again. Where it throws, they are one token shorter. */
  #restoreLastRows(entries: readonly SequenceEntry[]): void {
    const again = entries.flatMap(({ sequence }) => {
      const state = this.sequences.get(sequence);
      return state.tokens.length === 0 || this.#hasLastRow(state)
        ? []
        : [{ sequence, state, tokens: state.tokens.slice(-1) }];
    });
    if (again.length === 0) return;
    for (const { state } of again) this.#cut(state, state.tokens.length - 1);
    this.feed(again, "last", () => null);
  }

  #pagesOf({ tokens: fed }: SequenceState<Controls>, tokens: readonly number[]): readonly number[] {
    const { prefixCache } = this.#options;
    const { pageSize } = this.#cache;
    if (prefixCache === undefined || tokens.length < pageSize || fed.length % pageSize !== 0) return [];
    return prefixCache.match([...fed, ...tokens]).slice(fed.length / pageSize);
  }

  #run<Out>(
    pass: Pass,
    allStates: readonly SequenceState<Controls>[],
    asked: "all" | "last",
    visit: (pass: FedPass<Controls>) => Out,
  ): { readonly output: Out; readonly last: GatedRows } {
    const { device } = this.#options;
    const { pieces } = pass;
    const states = pieces.map(({ entry }) => allStates[entry]!);
    const ends = lastRowsOf(pieces);
    const queried = asked === "all" ? undefined : ends;
    return device.scope(() =>
      this.sequences.extend(states, () => {
        const passRows = rowsOf(pieces, states);
        const whole = pass.isRead ? this.#read(pieces, states) : this.#compute(passRows);
        const rows = this.#throughReaders(whole, passRows, queried);
        if (!pass.isRead) this.#count(passRows.tokens.length);
        const former = (own: readonly SequenceState<Controls>[]) => this.#lastRows.read(slotsOf(own, 1));
        const output = visit({ pieces, states, rows, former });
        const last = queried === undefined ? pickRows(rows, ends) : rows;
        this.#lastRows.write(lastRowBatch(slotsOf(states, 1)), last);
        for (const [index, { tokens }] of pieces.entries()) this.#remember(states[index]!, tokens, pass.isRead);
        return { output, last };
      }),
    );
  }

  #fillStep(entries: readonly SequenceEntry[], states: readonly SequenceState<Controls>[]): PassRows {
    const rowCount = entries.length;
    let rows = this.#stepRows.get(rowCount);
    if (rows === undefined) {
      rows = {
        tokens: new Uint32Array(rowCount),
        positions: new Uint32Array(rowCount),
        slots: states[0]!.slots.map(() => new Uint32Array(rowCount)),
      };
      this.#stepRows.set(rowCount, rows);
    }
    for (let row = 0; row < rowCount; row++) {
      const { slots, tokens } = states[row]!;
      rows.tokens[row] = entries[row]!.tokens[0]!;
      rows.positions[row] = tokens.length;
      for (let cache = 0; cache < slots.length; cache++) rows.slots[cache]![row] = slots[cache]!;
    }
    return rows;
  }

  /** What gates and encodings say of hidden states, all or the rows asked for. */
  #throughReaders(whole: Tensor, { positions, slots }: PassRows, queried?: Uint32Array): GatedRows {
    const { heads } = this.#options;
    const read = this.#readings.map(({ reader, history }, index) =>
      reader.extend(whole, { slots: slots[2 + index]!, positions }, history, queried),
    );
    let next = heads.length;
    const features = heads.map(({ encoding }) => (encoding === null ? null : read[next++]!));
    const { hidden } =
      queried === undefined ? { hidden: whole } : pickRows({ hidden: whole, gateLogits: [], features: [] }, queried);
    return { hidden, gateLogits: read.slice(0, heads.length), features };
  }

  /** Hidden states of pages that are held; the sequences share the pages from now on. */
  #read(pieces: readonly Piece[], states: readonly SequenceState<Controls>[]): Tensor {
    const rows = this.#cache.rowsOf(pieces.flatMap(({ pages }) => pages));
    for (const [index, { pages }] of pieces.entries()) this.#cache.adopt(states[index]!.slots[0]!, pages);
    return gatherRows(this.#cache.hidden(), this.#options.device.tensor(rows, [rows.length]));
  }

  #compute({ tokens, positions, slots }: PassRows): Tensor {
    const { backbone, params, prefixCache } = this.#options;
    const batch = { tokens, positions, slots: slots[0]! };
    const hidden = backbone.extend(params, batch, this.#cache);
    if (prefixCache !== undefined) this.#cache.writeHidden(hidden, batch);
    return hidden;
  }

  #count(tokenCount: number): void {
    this.#cost.forwards++;
    this.#cost.tokens += tokenCount;
  }

  /** Notes what was fed; pages that are full now are kept, unless they were read from there. */
  #remember(state: SequenceState<Controls>, tokens: readonly number[], isRead = false): void {
    const { prefixCache } = this.#options;
    const { pageSize } = this.#cache;
    const before = Math.floor(state.tokens.length / pageSize);
    state.tokens.push(...tokens);
    if (prefixCache === undefined || isRead || Math.floor(state.tokens.length / pageSize) === before) return;
    prefixCache.store(state.slots[0]!, state.tokens);
  }
}

function rowsOf<Controls>(pieces: readonly Piece[], states: readonly SequenceState<Controls>[]): PassRows {
  const each = (of: (state: SequenceState<Controls>, token: number, at: number) => number) =>
    Uint32Array.from(pieces.flatMap(({ tokens }, index) => tokens.map((token, at) => of(states[index]!, token, at))));
  return {
    tokens: each((_, token) => token),
    positions: each((state, _, at) => state.tokens.length + at),
    slots: states[0]!.slots.map((_, cache) => each((state) => state.slots[cache]!)),
  };
}

function slotsOf(states: readonly { readonly slots: readonly number[] }[], cache: number): readonly number[] {
  return states.map(({ slots }) => slots[cache]!);
}

function lastRowsOf(pieces: readonly Piece[]): Uint32Array {
  let end = 0;
  return Uint32Array.from(pieces, ({ tokens }) => {
    end += tokens.length;
    return end - 1;
  });
}
