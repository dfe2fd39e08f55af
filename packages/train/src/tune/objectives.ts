// What a pair teaches a model: the objectives of GenARM, DPO, SimPO and the Bradley-Terry model over what the model makes
// of a batch of pairs. Knows no model and no step.
import { bradleyTerryLoss, dpoLoss, type PreferenceLoss, preferenceLoss, simpoLoss } from "@dual-head/losses";
import type { Tensor } from "@dual-head/tensor-core";

/** What an objective compares, of P pairs: chosen 2p, rejected 2p + 1. */
export interface ComparedPairs {
  readonly pairCount: number;
  /** Pairs of the whole batch, which the loss is divided by. */
  readonly totalPairCount: number;
  /** Σ log π of each response under the model before training, [2P]; empty where no reference is asked for. */
  readonly reference: readonly number[];
}

interface ObjectiveFacts {
  /** Name and numbers of the objective, for the identity of a run and its card. */
  readonly config: Readonly<Record<string, string | number>> & { readonly kind: string };
  /** Whether the log-probabilities of the model before training are needed. */
  readonly needsReference: boolean;
}

/** An objective over the nats of response tokens [N] and the sequence each belongs to, u32 [N]. */
export interface TokenObjective extends ObjectiveFacts {
  readonly reads: "tokens";
  compare(nats: Tensor, sequences: Tensor, pairs: ComparedPairs): PreferenceLoss;
}

/** An objective over scores of whole texts, [2P]. */
export interface TextObjective extends ObjectiveFacts {
  readonly reads: "texts";
  compare(scores: Tensor, pairs: ComparedPairs): PreferenceLoss;
}

/** What `tune` minimises. */
export type PairObjective = TokenObjective | TextObjective;

/** GenARM: −log σ(β[Σ log π_r(y⁺) − Σ log π_r(y⁻)]), no reference. */
export function armObjective({ beta }: { readonly beta: number }): TokenObjective {
  return {
    config: { kind: "arm", beta },
    needsReference: false,
    reads: "tokens",
    compare: (nats, sequences, { pairCount, totalPairCount }) =>
      preferenceLoss(nats, sequences, { pairCount, totalPairCount, betaReward: beta }),
  };
}

/** DPO against the model before training; ε is `labelSmoothing`. */
export function dpoObjective(options: { readonly beta: number; readonly labelSmoothing: number }): TokenObjective {
  return {
    config: { kind: "dpo", ...options },
    needsReference: true,
    reads: "tokens",
    compare: (nats, sequences, pairs) => dpoLoss(nats, sequences, { ...options, ...pairs }),
  };
}

/** SimPO; γ/β is `gammaRatio`. */
export function simpoObjective(options: { readonly beta: number; readonly gammaRatio: number }): TokenObjective {
  return {
    config: { kind: "simpo", ...options },
    needsReference: false,
    reads: "tokens",
    compare: (nats, sequences, pairs) => simpoLoss(nats, sequences, { ...options, ...pairs }),
  };
}

/** The Bradley-Terry model of scores. */
export function bradleyTerryObjective(options: { readonly margin: number; readonly centre: number }): TextObjective {
  return {
    config: { kind: "bradley-terry", ...options },
    needsReference: false,
    reads: "texts",
    compare: (scores, pairs) => bradleyTerryLoss(scores, { ...options, ...pairs }),
  };
}
