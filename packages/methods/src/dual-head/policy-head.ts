// A reward head with its gate as a policy takes it, and what holds of several together. Knows no sequence.
import { checkRowControls, type Gate, type GateParams, type MixingMode } from "@dual-head/gating";
import type { HeadParams, RewardHead } from "@dual-head/heads";
import type { CausalReader, Projection } from "@dual-head/tensor-core";
import { PolicyError } from "../policy/errors.ts";
import type { ResolvedControls } from "../policy/mixer.ts";

/** A reward head with its gate; parameters stay the caller's and must outlive the policy. */
export interface PolicyHead {
  /** For people and messages. */
  readonly name: string;
  /**
   * Default weight of this head; given for all heads or for none (equal weights of sum 1). `convex` and `mixture` scale
   * weights to sum 1, `additive` and `klExact` take them as they are.
   */
  readonly weight?: number | undefined;
  /** The head as data, `head.projection(params, lmHead)` of a RewardHead. */
  readonly projection: Projection;
  /** How the head makes features of its own, `head.encoding(params)`; left out, or null, where it reads hidden states. */
  readonly encoding?: CausalReader | null | undefined;
  readonly gate: Gate;
  readonly gateParams: GateParams;
}

/** A reward head with its gate and the parameters of both, as heads files are loaded. */
export interface TrainedHead {
  readonly head: RewardHead;
  readonly headParams: HeadParams;
  readonly gate: Gate;
  readonly gateParams: GateParams;
}

/** A trained head as a policy over its backbone takes it; `lmHead` is the backbone's. */
export function policyHead(name: string, trained: TrainedHead, lmHead: Projection, weight?: number): PolicyHead {
  const { head, headParams, gate, gateParams } = trained;
  const projection = head.projection(headParams, lmHead);
  return { name, weight, projection, encoding: head.encoding(headParams), gate, gateParams };
}

/**
 * Checks a head against its backbone.
 *
 * @throws PolicyError where it is of another shape, or lacks the features it reads
 */
export function checkHead({ name, projection, encoding }: PolicyHead, vocabSize: number, hiddenSize: number): void {
  const { weight } = projection.kind === "linear" ? projection : projection.base;
  if ((projection.kind === "features") !== (encoding != null)) {
    const [does, has] = encoding == null ? ["reads", "no"] : ["does not read", "an"];
    throw new PolicyError(
      "heads",
      `Cannot create a policy: head ${name} ${does} features of its own but has ${has} encoding; give projection and encoding of one head`,
    );
  }
  if (weight.shape[0] === vocabSize && weight.shape[1] === hiddenSize) return;
  throw new PolicyError(
    "heads",
    `Cannot create a policy: the weight of head ${name} is [${weight.shape.join(", ")}] but the backbone needs [V, D] = [${vocabSize}, ${hiddenSize}]; use a head trained on this backbone`,
  );
}

/** Strength 1, no bounds, and the heads' own weights. */
export function defaultControls(mixing: MixingMode, heads: readonly PolicyHead[]): ResolvedControls {
  if (heads.length === 0) return { strength: 0, alphaMin: 0, alphaMax: 0, weights: [] };
  const given = heads.flatMap(({ weight }) => (weight === undefined ? [] : [weight]));
  if (given.length === 0) return checkRowControls(mixing, heads.length, {});
  if (given.length < heads.length) {
    const without = heads.filter(({ weight }) => weight === undefined).map(({ name }) => name);
    throw new PolicyError(
      "weights",
      `Cannot create a policy: heads ${without.join(", ")} have no weight but others do; give a weight to all or none`,
    );
  }
  const total = given.reduce((sum, weight) => sum + weight, 0);
  const simplex = (mixing === "convex" || mixing === "mixture") && total > 0;
  return checkRowControls(mixing, heads.length, {
    weights: given.map((weight) => (simplex ? weight / total : weight)),
  });
}
