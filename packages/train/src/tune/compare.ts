// A model on pairs: the objective of a batch, and what it makes of all pairs. Knows no optimiser.
import { type Backbone, textScores } from "@dual-head/backbone";
import { type PreferenceLoss, trajectoryRewards } from "@dual-head/losses";
import {
  type Device,
  gatherRows,
  linearCrossEntropy,
  projectionTerms,
  reshape,
  type Tensor,
} from "@dual-head/tensor-core";
import { splitBatch } from "../collate.ts";
import { TrainingError } from "../errors.ts";
import type { TokenisedExample } from "../tokenise.ts";
import type { PairObjective } from "./objectives.ts";
import { labelledTexts, rowCountOfPair, wholeTexts } from "./pair-batch.ts";
import type { Trainable, TunedModel } from "./trainable.ts";

/** What every comparison of a run shares. */
export interface CompareContext<Params, Trained> {
  readonly device: Device;
  readonly backbone: Backbone<Params>;
  readonly trainable: Trainable<Params, Trained>;
  readonly objective: PairObjective;
  /** Rows on the device at once; a larger pair is taken alone. */
  readonly microBatchTokens: number;
  readonly signal?: AbortSignal | undefined;
}

/** A pair with the reference's Σ log π of its responses, where there is a reference. */
export interface ReferredPair {
  readonly example: TokenisedExample;
  readonly reference: readonly number[];
}

/** Cuts pairs into runs that are on the device at once; the same pairs always give the same runs. */
export function splitPairs<Pair extends { readonly example: TokenisedExample }>(
  pairs: readonly Pair[],
  microBatchTokens: number,
): readonly (readonly Pair[])[] {
  return splitBatch(pairs, ({ example }) => rowCountOfPair(example), microBatchTokens);
}

/** The objective on pairs, as a share of a batch of `totalPairCount`; differentiable in what is trained. */
export function comparePairs<Params, Trained>(
  { device, backbone, trainable, objective }: CompareContext<Params, Trained>,
  trained: Trained,
  pairs: readonly ReferredPair[],
  totalPairCount: number,
): PreferenceLoss {
  const examples = pairs.map(({ example }) => example);
  const compared = {
    pairCount: pairs.length,
    totalPairCount,
    reference: pairs.flatMap(({ reference }) => reference),
  };
  return device.scope(() => {
    const model = trainable.assemble(trained);
    if (objective.reads === "tokens") {
      const { nats, sequences } = responseNats(device, backbone, model.params, examples);
      return objective.compare(nats, sequences, compared);
    }
    const { weight, padTokenId } = scoreOf(model);
    const { tokens, segments } = wholeTexts(examples, padTokenId);
    const scores = textScores({ backbone, params: model.params, score: weight, padTokenId }, tokens, segments);
    return objective.compare(reshape(scores, [2 * pairs.length]), compared);
  });
}

function scoreOf<Params>({ score }: TunedModel<Params>): NonNullable<TunedModel<Params>["score"]> {
  if (score !== null) return score;
  throw new TrainingError(
    "options",
    "Cannot tune: the objective compares scores of texts but the model has no score head; add one with withScore",
  );
}

function responseNats<Params>(
  device: Device,
  backbone: Backbone<Params>,
  params: Params,
  examples: readonly TokenisedExample[],
): { readonly nats: Tensor; readonly sequences: Tensor } {
  const { tokens, segments, labelRows, targets, sequences } = labelledTexts(examples);
  const indices = (values: Uint32Array) => device.tensor(values, [values.length]);
  const hidden = gatherRows(backbone.hidden(params, tokens, segments), indices(labelRows));
  const terms = projectionTerms(hidden, [{ projection: backbone.lmHead(params), coefficient: null }]);
  return { nats: linearCrossEntropy(terms, indices(targets)), sequences: indices(sequences) };
}

/** What a model makes of pairs. */
export interface Comparison {
  /** Mean of the objective; null where there are no pairs. */
  readonly loss: number | null;
  /** Margins of all pairs, positive where the chosen response is preferred. */
  readonly margins: readonly number[];
}

/**
 * The objective on all pairs, without gradients.
 *
 * @throws TrainingError where a margin is not finite: counted as a win or a loss it would pass for a measurement
 */
export async function compareAll<Params, Trained>(
  context: CompareContext<Params, Trained>,
  trained: Trained,
  pairs: readonly ReferredPair[],
): Promise<Comparison> {
  const margins: number[] = [];
  let loss = 0;
  for (const run of splitPairs(pairs, context.microBatchTokens)) {
    context.signal?.throwIfAborted();
    const compared = comparePairs(context, trained, run, pairs.length);
    using lossTensor = compared.loss;
    using marginTensor = compared.margins;
    loss += (await lossTensor.read())[0]!;
    margins.push(...(await marginTensor.read()));
  }
  if (!margins.every(Number.isFinite)) {
    throw new TrainingError(
      "not-finite",
      "Cannot measure the held-out accuracy: a margin is not a finite number; lower the learning rate and train again",
    );
  }
  return { loss: pairs.length === 0 ? null : loss, margins };
}

/** Σ log π of both responses of pairs, by run of `splitPairs`. */
export async function* referencePairs<Params, Trained>(
  { device, backbone, trainable, microBatchTokens, signal }: CompareContext<Params, Trained>,
  trained: Trained,
  examples: readonly TokenisedExample[],
): AsyncGenerator<readonly ReferredPair[], void, undefined> {
  const pairs = examples.map((example) => ({ example }));
  for (const run of splitPairs(pairs, microBatchTokens)) {
    signal?.throwIfAborted();
    using sums = device.scope(() => {
      const { params } = trainable.assemble(trained);
      const own = run.map(({ example }) => example);
      const { nats, sequences } = responseNats(device, backbone, params, own);
      return trajectoryRewards(nats, sequences, 2 * run.length);
    });
    const values = [...(await sums.read())];
    yield run.map(({ example }, at) => ({ example, reference: values.slice(2 * at, 2 * at + 2) }));
  }
}
