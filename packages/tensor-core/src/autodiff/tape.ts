// The tape: which values are watched and which calls made them; knows no gradient rule.
import type { OpDefinition } from "../ops/op.ts";
import type { TensorHandle } from "../tensor.ts";

/** One recorded call; it holds its own handles, so that scopes may free theirs. */
export interface TapeEntry {
  readonly op: OpDefinition<unknown>;
  readonly inputs: readonly TensorHandle[];
  readonly outputs: readonly TensorHandle[];
  readonly attrs: unknown;
  readonly needs: readonly boolean[];
}

const open: Tape[] = [];

/** Records the calls that depend on watched values. */
export class Tape {
  readonly entries: TapeEntry[] = [];
  readonly #watched = new Set<number>();
  watch(valueId: number): void {
    this.#watched.add(valueId);
  }
  isWatched(handle: TensorHandle): boolean {
    return this.#watched.has(handle.valueId);
  }
  record(
    op: OpDefinition<unknown>,
    inputs: readonly TensorHandle[],
    outputs: readonly TensorHandle[],
    attrs: unknown,
  ): void {
    const needs = inputs.map((input) => this.isWatched(input));
    for (const output of outputs) this.watch(output.valueId);
    this.entries.push({
      op,
      inputs: inputs.map((input) => input.share()),
      outputs: outputs.map((output) => output.share()),
      attrs,
      needs,
    });
  }
  /** Runs `body` with this tape recording. */
  during<Out>(body: () => Out): Out {
    open.push(this);
    try {
      return body();
    } finally {
      open.splice(open.lastIndexOf(this), 1);
    }
  }
  release(): void {
    for (const entry of this.entries.splice(0)) releaseEntry(entry);
  }
}

/** Frees the handles an entry holds. */
export function releaseEntry(entry: TapeEntry): void {
  for (const handle of [...entry.inputs, ...entry.outputs]) handle.dispose();
}

/** The open tapes on which at least one of the handles is watched. */
export function tapesWatching(handles: readonly TensorHandle[]): readonly Tape[] {
  if (open.length === 0) return [];
  return open.filter((tape) => handles.some((handle) => tape.isWatched(handle)));
}
