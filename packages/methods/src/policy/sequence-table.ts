// Sequences of a policy over the slots of several caches, which open, fork and close together. Knows neither what the
// caches hold nor what the controls mean.
import type { Sequence } from "@dual-head/sampler";
import { type Slot, SlotError, type Slots } from "@dual-head/tensor-core";
import { OpenSequences } from "./open-sequences.ts";

/** What a sequence is made of: its slot in each cache, the tokens it was fed, and its controls. */
export interface SequenceState<Controls> {
  readonly slots: readonly Slot[];
  readonly tokens: number[];
  controls: Controls;
}

/** Open sequences; `slots[i]` of a state is its slot in `caches[i]`. */
export class SequenceTable<Controls> {
  readonly #caches: readonly Slots[];
  readonly #open = new OpenSequences<SequenceState<Controls>>();

  /** All caches must have the same number of slots. */
  constructor(caches: readonly Slots[]) {
    this.#caches = caches;
  }

  open(controls: Controls): Sequence {
    return this.#open.add({ slots: this.#takeSlots((cache) => cache.open()), tokens: [], controls });
  }

  fork(sequence: Sequence): Sequence {
    const { slots, tokens, controls } = this.get(sequence);
    const copies = this.#takeSlots((cache, index) => cache.fork(slots[index]!));
    return this.#open.add({ slots: copies, tokens: [...tokens], controls });
  }

  /**
   * Runs `body`, which lengthens sequences; where it throws, their slots are cut to what they held before. A sequence
   * whose first cache has let go of rows that it would need stays as long as it is, in all its caches.
   */
  extend<Out>(states: readonly SequenceState<Controls>[], body: () => Out): Out {
    const lengths = states.map((state) => state.slots.map((slot, index) => this.#caches[index]!.length(slot)));
    try {
      return body();
    } catch (error) {
      for (const [index, state] of states.entries()) this.#cut(state, lengths[index]!);
      throw error;
    }
  }

  /** Closes every sequence. */
  closeAll(): void {
    for (const { slots } of this.#open.takeAll()) {
      for (const [index, cache] of this.#caches.entries()) cache.close(slots[index]!);
    }
  }

  close(sequence: Sequence): void {
    const { slots } = this.#open.take(sequence);
    for (const [index, cache] of this.#caches.entries()) cache.close(slots[index]!);
  }

  /** Throws PolicyError for a sequence that is closed or another policy's. */
  get(sequence: Sequence): SequenceState<Controls> {
    return this.#open.get(sequence);
  }

  /** A slot of every cache, or none. */
  #takeSlots(take: (cache: Slots, index: number) => Slot): readonly Slot[] {
    const taken: Slot[] = [];
    try {
      for (const [index, cache] of this.#caches.entries()) taken.push(take(cache, index));
    } catch (error) {
      for (const [index, slot] of taken.entries()) this.#caches[index]!.close(slot);
      throw error;
    }
    return taken;
  }

  #cut({ slots, tokens }: SequenceState<Controls>, lengths: readonly number[]): void {
    try {
      this.#caches[0]!.truncate(slots[0]!, lengths[0]!);
    } catch (error) {
      if (error instanceof SlotError && error.fact === "window") return;
      throw error;
    }
    for (const [index, slot] of slots.entries()) this.#caches[index]!.truncate(slot, lengths[index]!);
    tokens.length = lengths[0]!;
  }
}
