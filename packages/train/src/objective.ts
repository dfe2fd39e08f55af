// The training objective of one micro-batch on a device: E13 with its parts, as a function of head and gate parameters.
// Knows no optimiser and no files.
import { createControls, type Gate, type GateParams, mixedNats, mixingCoefficients } from "@dual-head/gating";
import { type HeadParams, ofFeatures, type RewardHead } from "@dual-head/heads";
import { gateEntropyLoss, languageModelLoss, preferenceLoss, totalLoss } from "@dual-head/losses";
import {
  affine,
  type Device,
  gatherRows,
  linearCrossEntropy,
  type Projection,
  projectionTerms,
  reshape,
  subtract,
  sumTo,
  type Tensor,
  type ValueAndAux,
} from "@dual-head/tensor-core";
import type { BatchCounts, MicroBatch } from "./collate.ts";
import type { TrainingSettings } from "./settings.ts";

/** What is trained. */
export interface TrainedParams {
  readonly head: HeadParams;
  readonly gate: GateParams;
}

/** What is trained, and what stays as it is. */
export interface ObjectiveModel {
  readonly device: Device;
  readonly lmHead: Projection;
  readonly head: RewardHead;
  readonly gate: Gate;
}

/** Parts of the objective; those of the pieces of a batch add up to those of the batch. */
export interface ObjectiveParts {
  readonly lm: Tensor;
  readonly preference: Tensor;
  readonly entropy: Tensor;
  /** Mean of α over the labels of E10. */
  readonly alpha: Tensor;
  /** R(chosen) − R(rejected) of each pair in nats, [P], or null without pairs. */
  readonly margins: Tensor | null;
}

type ObjectiveSettings = Pick<
  TrainingSettings,
  "lambdaReward" | "lambdaGate" | "betaReward" | "entropySign" | "preferenceOn" | "reduction" | "mixing"
>;

/** The loss of a micro-batch, divided by the counts of the whole batch. */
export function batchObjective(
  model: ObjectiveModel,
  settings: ObjectiveSettings,
  batch: MicroBatch,
  counts: BatchCounts,
): (params: TrainedParams) => ValueAndAux<ObjectiveParts> {
  const { device, lmHead, head, gate } = model;
  return (params) => {
    const hidden = device.tensor(batch.hidden, [batch.rowCount, batch.hidden.length / batch.rowCount]);
    const zero = device.tensor([0], []);
    const { lmCount, preferenceStart } = batch;
    // Preferences on the reward head alone need no fusion of what they score.
    const fusedCount = settings.preferenceOn === "reward" ? lmCount : batch.gatedCount;
    const labelCount = batch.targets.length;
    const features = head.encoding(params.head)?.read(hidden, batch.segments, batch.labelRows) ?? null;
    const rmHead = head.projection(params.head, lmHead);
    const labels = (from: number, to: number) => ({
      hidden: gatherRows(hidden, indices(device, batch.labelRows.subarray(from, to))),
      rmHead: ofFeatures(rmHead, features && matrixRowsOf(features, from, to)),
      targets: indices(device, batch.targets.subarray(from, to)),
    });

    let lm: Tensor | null = null;
    let entropy: Tensor | null = null;
    let alpha: Tensor | null = null;
    let gateLoss: Tensor | null = null;
    let fusedNats: Tensor | null = null;
    if (fusedCount > 0) {
      const gateLogits = gate.logits(params.gate, hidden, batch.segments, batch.labelRows.subarray(0, fusedCount));
      const controls = createControls(device, settings.mixing, 1, new Array(fusedCount).fill({}));
      const coefficients = mixingCoefficients(settings.mixing, [gateLogits], controls);
      const gated = labels(0, fusedCount);
      fusedNats = mixedNats(settings.mixing, gated.hidden, lmHead, [gated.rmHead], coefficients, gated.targets);
      if (lmCount > 0) {
        const learnt = (values: Tensor) => (lmCount === fusedCount ? values : rowsOf(values, 0, lmCount));
        lm = languageModelLoss(learnt(fusedNats), {
          reduction: settings.reduction,
          sequenceCount: counts.lmSequenceCount,
          tokenCount: counts.lmTokenCount,
        });
        const { lambdaGate, entropySign } = settings;
        const spread = gateEntropyLoss(learnt(gateLogits), {
          lambdaGate,
          entropySign,
          tokenCount: counts.lmTokenCount,
        });
        entropy = spread.entropy;
        gateLoss = spread.loss;
        alpha = affine(sumTo(learnt(coefficients.alpha[0]!), []), 1 / counts.lmTokenCount, 0);
      }
    }

    let preference: Tensor | null = null;
    let margins: Tensor | null = null;
    if (batch.pairCount > 0) {
      const scored = labels(preferenceStart, labelCount);
      const natsUnder = (projection: Projection) =>
        linearCrossEntropy(projectionTerms(scored.hidden, [{ projection, coefficient: null }]), scored.targets);
      const fused = () => rowsOf(fusedNats!, preferenceStart, labelCount);
      const scores: Readonly<Record<TrainingSettings["preferenceOn"], () => Tensor>> = {
        reward: () => natsUnder(scored.rmHead),
        fused,
        "fused-over-base": () => subtract(fused(), natsUnder(lmHead)),
      };
      const nats = scores[settings.preferenceOn]();
      const compared = preferenceLoss(nats, indices(device, batch.sequences), {
        pairCount: batch.pairCount,
        betaReward: settings.betaReward,
        totalPairCount: counts.pairCount,
      });
      preference = compared.loss;
      margins = compared.margins;
    }
    const value = totalLoss({ lm: lm ?? zero, preference, gate: gateLoss }, { lambdaReward: settings.lambdaReward });
    return {
      value,
      aux: { lm: lm ?? zero, preference: preference ?? zero, entropy: entropy ?? zero, alpha: alpha ?? zero, margins },
    };
  };
}

/**
 * Margins R(chosen) − R(rejected) of pairs under a reward head, [P].
 *
 * @param batch pairs alone, collated with their context where the head reads it
 */
export function rewardMargins(model: Omit<ObjectiveModel, "gate">, head: HeadParams, batch: MicroBatch): Tensor {
  const { device, lmHead } = model;
  return device.scope(() => {
    const rows = device.tensor(batch.hidden, [batch.rowCount, batch.hidden.length / batch.rowCount]);
    const hidden = gatherRows(rows, indices(device, batch.labelRows));
    const features = model.head.encoding(head)?.read(rows, batch.segments, batch.labelRows) ?? null;
    const projection = ofFeatures(model.head.projection(head, lmHead), features);
    const terms = projectionTerms(hidden, [{ projection, coefficient: null }]);
    const nats = linearCrossEntropy(terms, indices(device, batch.targets));
    return preferenceLoss(nats, indices(device, batch.sequences), { pairCount: batch.pairCount, betaReward: 1 })
      .margins;
  });
}

function indices(device: Device, values: Uint32Array): Tensor {
  return device.tensor(values, [values.length]);
}

/** Entries `from` to `to` of a vector. */
function rowsOf(values: Tensor, from: number, to: number): Tensor {
  return reshape(matrixRowsOf(reshape(values, [values.shape[0]!, 1]), from, to), [to - from]);
}

/** Rows `from` to `to` of a matrix. */
function matrixRowsOf(matrix: Tensor, from: number, to: number): Tensor {
  if (from === 0 && to === matrix.shape[0]) return matrix;
  return gatherRows(
    matrix,
    indices(
      matrix.device,
      Uint32Array.from({ length: to - from }, (_, at) => from + at),
    ),
  );
}
