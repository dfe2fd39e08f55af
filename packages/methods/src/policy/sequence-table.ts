// Sequences of a policy over the slots of several caches, which open, fork and close together. Knows neither what the
// caches hold nor what the controls mean.
import type { Sequence } from "@dual-head/sampler";
import type { Slot, Slots } from "@dual-head/tensor-core";
import { PolicyError } from "./errors.ts";

/** What a sequence is made of: its slot in each cache, and its controls. */
export interface SequenceState<Controls> {
  readonly slots: readonly Slot[];
  controls: Controls;
}

/** Open sequences; `slots[i]` of a state is its slot in `caches[i]`. */
export class SequenceTable<Controls> {
  readonly #caches: readonly Slots[];
  readonly #states = new Map<Sequence, SequenceState<Controls>>();
  #nextId = 0;

  /** All caches must have the same number of slots. */
  constructor(caches: readonly Slots[]) {
    this.#caches = caches;
  }

  open(controls: Controls): Sequence {
    return this.#add({ slots: this.#caches.map((cache) => cache.open()), controls });
  }

  fork(sequence: Sequence): Sequence {
    const { slots, controls } = this.get(sequence);
    const copies: Slot[] = [];
    try {
      for (const [index, cache] of this.#caches.entries()) copies.push(cache.fork(slots[index]!));
    } catch (error) {
      for (const [index, copy] of copies.entries()) this.#caches[index]!.close(copy);
      throw error;
    }
    return this.#add({ slots: copies, controls });
  }

  /** Runs `body`, which lengthens sequences; where it throws, their slots are cut to what they held before. */
  extend<Out>(states: readonly SequenceState<Controls>[], body: () => Out): Out {
    const slots = states.flatMap((state) => state.slots.map((slot, index) => ({ cache: this.#caches[index]!, slot })));
    const lengths = slots.map(({ cache, slot }) => cache.length(slot));
    try {
      return body();
    } catch (error) {
      for (const [index, { cache, slot }] of slots.entries()) cache.truncate(slot, lengths[index]!);
      throw error;
    }
  }

  close(sequence: Sequence): void {
    const { slots } = this.get(sequence);
    for (const [index, cache] of this.#caches.entries()) cache.close(slots[index]!);
    this.#states.delete(sequence);
  }

  /** Throws PolicyError for a sequence that is closed or another policy's. */
  get(sequence: Sequence): SequenceState<Controls> {
    const state = this.#states.get(sequence);
    if (state !== undefined) return state;
    throw new PolicyError(
      "sequence",
      `Cannot use sequence ${sequence.id}: it is closed or belongs to another policy; open one with this policy`,
    );
  }

  #add(state: SequenceState<Controls>): Sequence {
    const sequence = { id: this.#nextId++ };
    this.#states.set(sequence, state);
    return sequence;
  }
}
