// Trained heads at a constant α folded with the model's own head into one matrix. Knows no file that is written.
import { foldConstant } from "@dual-head/heads";
import { openDevice, type Projection, type Tensor } from "@dual-head/tensor-core";
import { type LoadedHeads, loadHeads } from "@dual-head/train";
import { UsageError } from "../io.ts";
import { lmHeadName, type ReplacedHead, type SourceModel } from "./source-model.ts";

/** What is to be folded. */
export interface FoldOptions {
  /** Heads folders or files. */
  readonly paths: readonly string[];
  /** Weights on the simplex, one a head. */
  readonly weights: readonly number[];
  /** α of every head; where undefined each must have a constant gate. */
  readonly alpha: number | undefined;
  /** Whether a bias, which the exported model has no place for, may be left out. */
  readonly dropBias: boolean;
  readonly tokenizerSha256: string | undefined;
}

/** The folded head. */
export interface FoldedHead extends ReplacedHead {
  /** The share of all heads together, 1 − the share of the model's own. */
  readonly alpha: number;
  /** The most that any logit moves against another's because a bias was left out; 0 where nothing was lost. */
  readonly biasError: number;
}

/**
 * W = (1 − Σ w_i α_i)·W_LM + Σ w_i α_i·W_i, which gives on every hidden state the logits of convex mixing at these α.
 *
 * @throws UsageError where a gate is not constant and no α is given, or a bias would be lost
 */
export async function foldHeads(model: SourceModel, options: FoldOptions): Promise<FoldedHead> {
  const { checkpoint, config } = model;
  using device = await openDevice("cpu");
  const lmName = config.tiedEmbeddings ? model.embeddingName : lmHeadName;
  const shape = [config.vocabSize, config.hiddenSize];
  const weight = device.tensor(await checkpoint.read(lmName, "f32"), shape);
  const lmHead: Projection = { kind: "linear", weight, bias: null };
  const target = {
    backboneSha256: await checkpoint.sha256(),
    tokenizerSha256: options.tokenizerSha256,
    hiddenSize: config.hiddenSize,
    vocabSize: config.vocabSize,
  };
  // A head at a time: `mixed` is the mean of those so far, by their shares.
  let share = 0;
  let mixed: Projection | null = null;
  for (const [index, path] of options.paths.entries()) {
    using heads = await loadHeads(path, device, target);
    const own = options.weights[index]! * (options.alpha ?? constantAlpha(path, heads));
    const projection = heads.head.projection(heads.headParams, lmHead);
    share += own;
    // The first head at 1 stands alone, as a matrix with memory of its own.
    const part = mixed === null ? 1 : share === 0 ? 0 : own / share;
    const next = foldConstant(mixed ?? lmHead, projection, part);
    disposeProjection(mixed);
    mixed = next;
  }
  const folded = foldConstant(lmHead, mixed!, share);
  const biasError = await biasLoss(folded.bias, options.dropBias);
  return { shape, weight: Float32Array.from(await folded.weight.read()), alpha: share, biasError };
}

function constantAlpha(path: string, { description }: LoadedHeads): number {
  const { gate } = description;
  if (gate.kind === "constant") return gate.alpha;
  throw new UsageError(
    `Cannot fold the heads ${path}: their gate decides at every token, and a folded model has no gate; give --alpha to fold them at one alpha for all tokens`,
  );
}

/** What leaving a bias out does: a constant added to all logits is nothing, so half its range is the bound. */
async function biasLoss(bias: Tensor | null, mayDrop: boolean): Promise<number> {
  if (bias === null) return 0;
  const values = Float64Array.from(await bias.read());
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const error = (high - low) / 2;
  if (error === 0 || mayDrop) return error;
  throw new UsageError(
    `Cannot fold the heads exactly: they have a bias, for which an ordinary model of this family has no place; train heads with --no-head-bias, or leave it out with --drop-bias, which moves logits by up to ${error.toPrecision(3)}`,
  );
}

function disposeProjection(projection: Projection | null): void {
  if (projection?.kind !== "linear") return;
  projection.weight.dispose();
  projection.bias?.dispose();
}
