// Sequences of a policy by their handles. Knows nothing of what a sequence is made of.
import type { Sequence } from "@dual-head/sampler";
import { PolicyError } from "./errors.ts";

/** What is known of each open sequence. */
export class OpenSequences<State> {
  readonly #states = new Map<Sequence, State>();
  #nextId = 0;

  add(state: State): Sequence {
    const sequence = { id: this.#nextId++ };
    this.#states.set(sequence, state);
    return sequence;
  }

  /** Throws PolicyError for a sequence that is closed or another policy's. */
  get(sequence: Sequence): State {
    const state = this.#states.get(sequence);
    if (state !== undefined) return state;
    throw new PolicyError(
      "sequence",
      `Cannot use sequence ${sequence.id}: it is closed or belongs to another policy; open one with this policy`,
    );
  }

  /** Forgets a sequence and returns what was known of it. */
  take(sequence: Sequence): State {
    const state = this.get(sequence);
    this.#states.delete(sequence);
    return state;
  }

  /** Forgets all and returns them. */
  takeAll(): readonly State[] {
    const states = [...this.#states.values()];
    this.#states.clear();
    return states;
  }
}
