// Sequences of a frozen backbone with the gates and encodings above it: feeds tokens of many at once, in passes of bounded
// size, reads what a prefix cache holds, and keeps each sequence's last row. Knows no mixing and no logits.
import { type Backbone, createTokenBatch, type KvCache, type PrefixCache } from "@dual-head/backbone";
import { checkTruncation, type Sequence, type SequenceEntry } from "@dual-head/sampler";
import { type CausalReader, type Device, gatherRows, type RowCache, type Tensor } from "@dual-head/tensor-core";
import { createLastRows, type GatedRows, type LastRows, pickRows } from "./last-rows.ts";
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
}

/** A gate or an encoding with its history. */
interface Reading {
  readonly reader: CausalReader;
  readonly history: RowCache;
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
        this.#lastRows.write(slotsOf(own, 1), pickRows(former, Uint32Array.from(restored)));
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
    const { device, heads } = this.#options;
    const { pieces } = pass;
    const states = pieces.map(({ entry }) => allStates[entry]!);
    const ends = lastRowsOf(pieces);
    const queried = asked === "all" ? undefined : ends;
    return device.scope(() =>
      this.sequences.extend(states, () => {
        const positions = Uint32Array.from(
          pieces.flatMap(({ tokens }, index) => tokens.map((_, at) => states[index]!.tokens.length + at)),
        );
        const whole = pass.isRead ? this.#read(pieces, states) : this.#compute(pieces, states);
        const read = this.#readings.map(({ reader, history }, index) => {
          const slots = Uint32Array.from(
            pieces.flatMap(({ tokens }, piece) => tokens.map(() => states[piece]!.slots[2 + index]!)),
          );
          return reader.extend(whole, { slots, positions }, history, queried);
        });
        let next = heads.length;
        const features = heads.map(({ encoding }) => (encoding === null ? null : read[next++]!));
        const { hidden } =
          queried === undefined
            ? { hidden: whole }
            : pickRows({ hidden: whole, gateLogits: [], features: [] }, queried);
        const rows = { hidden, gateLogits: read.slice(0, heads.length), features };
        const former = (own: readonly SequenceState<Controls>[]) => this.#lastRows.read(slotsOf(own, 1));
        const output = visit({ pieces, states, rows, former });
        const last = queried === undefined ? pickRows(rows, ends) : rows;
        this.#lastRows.write(slotsOf(states, 1), last);
        this.#remember(pass, states);
        return { output, last };
      }),
    );
  }

  /** Hidden states of pages that are held; the sequences share the pages from now on. */
  #read(pieces: readonly Piece[], states: readonly SequenceState<Controls>[]): Tensor {
    const rows = this.#cache.rowsOf(pieces.flatMap(({ pages }) => pages));
    for (const [index, { pages }] of pieces.entries()) this.#cache.adopt(states[index]!.slots[0]!, pages);
    return gatherRows(this.#cache.hidden(), this.#options.device.tensor(rows, [rows.length]));
  }

  #compute(pieces: readonly Piece[], states: readonly SequenceState<Controls>[]): Tensor {
    const { backbone, params, prefixCache } = this.#options;
    const batch = createTokenBatch(
      pieces.map(({ tokens }, index) => ({ slot: states[index]!.slots[0]!, tokens })),
      (slot) => this.#cache.length(slot),
    );
    const hidden = backbone.extend(params, batch, this.#cache);
    if (prefixCache !== undefined) this.#cache.writeHidden(hidden, batch);
    this.#cost.forwards++;
    this.#cost.tokens += batch.tokens.length;
    return hidden;
  }

  /** Notes what was fed; pages that are full now are kept. */
  #remember({ isRead, pieces }: Pass, states: readonly SequenceState<Controls>[]): void {
    const { prefixCache } = this.#options;
    const { pageSize } = this.#cache;
    for (const [index, { tokens }] of pieces.entries()) {
      const state = states[index]!;
      const before = Math.floor(state.tokens.length / pageSize);
      state.tokens.push(...tokens);
      if (prefixCache === undefined || isRead || Math.floor(state.tokens.length / pageSize) === before) continue;
      prefixCache.store(state.slots[0]!, state.tokens);
    }
  }
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
