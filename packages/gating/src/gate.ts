// The contract of gates and the errors of this package; knows no particular gate, no head and no training.
import type { CausalReader, Device, HistoryExtent, RowBatch, RowCache, Segments, Tensor } from "@dual-head/tensor-core";

/** Parameters of a gate by name, trained or folded for inference; none for a gate without any. */
export type GateParams = Readonly<Record<string, Tensor>>;

/** What a gate remembers of each sequence: slots that can be opened, forked, truncated and closed. */
export type GateHistory = RowCache;

/** Everything that describes a gate but its parameters, as plain JSON. */
export type GateConfig =
  | {
      readonly kind: "attention";
      readonly hiddenSize: number;
      readonly width: number;
      readonly headCount: number;
      readonly initialAlpha: number;
    }
  | { readonly kind: "constant"; readonly alpha: number };

/**
 * Computes u = logit α of each row from the hidden states up to and including it: with its parameters a causal reader
 * (`gateReader`), whose view of whole segments takes them as they are trained and the other folded.
 */
export interface Gate<Params extends GateParams = GateParams, Folded extends GateParams = GateParams> {
  readonly config: GateConfig;
  readonly kind: GateConfig["kind"];
  /** Parameters at the start of training, from a seed. */
  init(device: Device, seed: number): Params;
  /**
   * u = logit α of the rows `rows` (u32 on the host; every row by default), [rows.length].
   *
   * @param hidden [N, D], the rows of all segments one after the other
   */
  logits(params: Params, hidden: Tensor, segments: Segments, rows?: Uint32Array): Tensor;
  /** What `extend` needs of the parameters, computed once. */
  fold(params: Params): Folded;
  createHistory(device: Device, options: HistoryExtent): GateHistory;
  /**
   * Appends rows to the history and gives u = logit α of the rows `rows` of them (by default each), [rows.length].
   *
   * @param hidden [N, D], entry n at position batch.positions[n] of slot batch.slots[n]
   * @throws SlotError where the rows do not continue their slots
   */
  extend(folded: Folded, hidden: Tensor, batch: RowBatch, history: GateHistory, rows?: Uint32Array): Tensor;
  /** Shapes of the trained parameters by name. */
  readonly parameterShapes: Readonly<Record<string, readonly number[]>>;
  /** Number of trained parameters. */
  readonly parameterCount: number;
}

/** A gate with its parameters as what reads hidden states: u = logit α, [N]. */
export function gateReader<Params extends GateParams, Folded extends GateParams>(
  gate: Gate<Params, Folded>,
  params: Params,
  folded: Folded,
): CausalReader {
  return {
    read: (hidden, segments, rows) => gate.logits(params, hidden, segments, rows),
    createHistory: (device, extent) => gate.createHistory(device, extent),
    extend: (hidden, batch, history, rows) => gate.extend(folded, hidden, batch, history, rows),
  };
}

/** A gate, or a mixture of heads, cannot be as asked; `fact` names what is wrong. */
export class GatingError extends Error {
  readonly fact: string;
  constructor(fact: string, message: string) {
    super(message);
    this.name = "GatingError";
    this.fact = fact;
  }
}
