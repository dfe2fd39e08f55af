// The methods under comparison as a table: what each trains, and how it decodes. The only place of an evaluation that knows
// methods by name.
import { createScalarReward, type ScalarReward } from "@dual-head/backbone";
import {
  createArgsPolicy,
  createBasePolicy,
  createBestOfN,
  createCards,
  createDualHeadPolicy,
  createGenArmPolicy,
  createModPolicy,
  createProxyTuningPolicy,
  policyHead,
  type ScoredText,
} from "@dual-head/methods";
import { type BatchGenerator, type Controls, type DecodePolicy, sampled } from "@dual-head/sampler";
import type { Device } from "@dual-head/tensor-core";
import { trainedMixing } from "@dual-head/train";
import { UsageError } from "../../io.ts";
import { type Arm, keyOf, type MethodId, type PartKind, type PartSpec } from "../arm.ts";
import type { LoadedParts, ModelPart, ScorePart } from "./parts.ts";

/** What an arm is opened with. */
export interface OpenContext {
  readonly arm: Arm;
  readonly device: Device;
  readonly base: ModelPart;
  readonly parts: LoadedParts;
  /** Sequences at once. */
  readonly slotCount: number;
  /** Most tokens of a sequence. */
  readonly capacity: number;
}

/** An arm ready to answer. */
export interface OpenedMethod extends Disposable {
  readonly generator: BatchGenerator;
  /** Its next-token distributions, or null where it chooses among whole answers or segments. */
  readonly policy: DecodePolicy | null;
  readonly controls: Controls;
}

/** A row of the table. */
interface MethodRow {
  /** The parts it is trained of, one a reward or one in all. */
  readonly parts: (arm: Arm) => readonly PartSpec[];
  /** The caches it opens for so many sequences at once. */
  readonly caches: (arm: Arm, slotCount: number) => readonly ArmCache[];
  readonly open: (context: OpenContext) => OpenedMethod;
}

/** Keys and values of sequences of one model. */
export interface ArmCache {
  /** A backbone by its role in the config; parts made of it have caches like its own. */
  readonly backbone: string;
  readonly slotCount: number;
}

const ownCache = ({ backbone }: Arm, slotCount: number): ArmCache => ({ backbone, slotCount });
const helperCache = ({ helper, backbone }: Arm, slotCount: number): ArmCache => ({
  ...{ backbone: helper ?? backbone, slotCount },
});
const justOwn = (arm: Arm, slotCount: number): readonly ArmCache[] => [ownCache(arm, slotCount)];
const withReward = (arm: Arm, slotCount: number): readonly ArmCache[] => [
  ownCache(arm, slotCount),
  helperCache(arm, slotCount),
];
const rewardCaches = (arm: Arm, slotCount: number) => arm.rewards.map(() => helperCache(arm, slotCount));

const perReward = (kind: PartKind) => (arm: Arm) =>
  arm.rewards.map((reward) => ({
    ...{ kind, backbone: arm.helper ?? arm.backbone, reward, settings: arm.training },
    ...(arm.seed === undefined ? {} : { seed: arm.seed }),
  }));
const one = (kind: PartKind) => (arm: Arm) => perReward(kind)(arm).slice(0, 1);

function modelPolicy({ device, slotCount, capacity }: OpenContext, { backbone, params }: ModelPart): DecodePolicy {
  return createBasePolicy({ backbone, params, device, slotCount, capacity });
}

function rewardOf({ device, capacity }: OpenContext, { model }: ScorePart, slotCount: number): ScalarReward {
  const { maxTokens } = model.backbone.config;
  return createScalarReward(device, model, { slotCount, capacity: Math.min(capacity + 1, maxTokens) });
}

/** The base of answers that are scored whole: their last token, for which the base needs no place, needs one in the reward. */
function basePolicyWithin(context: OpenContext, { model }: ScorePart): DecodePolicy {
  const capacity = Math.min(context.capacity, model.backbone.config.maxTokens - 1);
  return modelPolicy({ ...context, capacity }, context.base);
}

function controlsOf({ arm: { knobs, weights } }: OpenContext): Controls {
  const { strength, alpha } = knobs;
  return {
    ...(strength === undefined ? {} : { strength }),
    ...(alpha === undefined ? {} : { alphaMin: alpha, alphaMax: alpha }),
    ...(weights === undefined ? {} : { weights }),
  };
}

function policyMethod(create: (context: OpenContext) => DecodePolicy): MethodRow["open"] {
  return (context) => {
    const policy = create(context);
    return {
      generator: sampled(policy),
      policy,
      controls: controlsOf(context),
      [Symbol.dispose]: () => policy[Symbol.dispose](),
    };
  };
}

/** A method that searches among whole answers or segments of the base by a reward model. */
function searchMethod(
  create: (context: OpenContext, policy: DecodePolicy, reward: ScalarReward) => BatchGenerator,
): MethodRow["open"] {
  return (context) => {
    const [score] = context.parts.scores;
    const policy = basePolicyWithin(context, score!);
    const reward = rewardOf(context, score!, context.slotCount);
    return {
      generator: create(context, policy, reward),
      policy: null,
      controls: {},
      [Symbol.dispose]() {
        policy[Symbol.dispose]();
        reward[Symbol.dispose]();
      },
    };
  };
}

/** Rewards of whole texts, as many at once as there are slots. */
async function scoresOf(
  reward: ScalarReward,
  texts: readonly ScoredText[],
  slotCount: number,
): Promise<readonly number[]> {
  const scores: number[] = [];
  for (let start = 0; start < texts.length; start += slotCount) {
    const entries = texts.slice(start, start + slotCount).map(({ prompt, answer }) => ({
      slot: reward.open(),
      tokens: [...prompt, ...answer],
    }));
    try {
      scores.push(...(await reward.advance(entries)));
    } finally {
      for (const { slot } of entries) reward.close(slot);
    }
  }
  return scores;
}

const tuned = policyMethod((context) => modelPolicy(context, context.parts.models[0]!));

const dualHead = policyMethod(({ device, base, parts, slotCount, capacity }) => {
  const { backbone, params } = base;
  return createDualHeadPolicy({
    ...{ backbone, params, device, slotCount, capacity },
    mixing: trainedMixing(parts.heads[0]!.loaded.description),
    heads: parts.heads.map(({ name, loaded }) => policyHead(name, loaded, backbone.lmHead(params))),
  });
});

const defaultTopK = 10;

/** Candidates that ARGS scores at once beside its sequences. */
function candidateSlotsOf({ knobs: { topK = defaultTopK } }: Arm, slotCount: number): number {
  return topK * Math.min(slotCount, 8);
}

const table: Readonly<Record<MethodId, MethodRow>> = {
  base: { parts: () => [], caches: justOwn, open: policyMethod((context) => modelPolicy(context, context.base)) },
  "dual-head": { parts: perReward("heads"), caches: justOwn, open: dualHead },
  "multi-objective": { parts: perReward("heads"), caches: justOwn, open: dualHead },
  dpo: { parts: one("dpo"), caches: justOwn, open: tuned },
  simpo: { parts: one("simpo"), caches: justOwn, open: tuned },
  genarm: {
    parts: perReward("genarm"),
    caches: (arm, slotCount) => [ownCache(arm, slotCount), ...rewardCaches(arm, slotCount)],
    open: policyMethod((context) =>
      createGenArmPolicy(
        modelPolicy(context, context.base),
        context.parts.models.map((model) => ({
          name: model.name,
          policy: modelPolicy(context, model),
          weight: (context.arm.knobs.weight ?? 1) / context.parts.models.length,
        })),
      ),
    ),
  },
  mod: {
    parts: perReward("dpo"),
    caches: rewardCaches,
    open: policyMethod((context) =>
      createModPolicy(context.parts.models.map((model) => ({ name: model.name, policy: modelPolicy(context, model) }))),
    ),
  },
  "proxy-tuning": {
    parts: one("dpo"),
    caches: (arm, slotCount) => [...withReward(arm, slotCount), helperCache(arm, slotCount)],
    open: policyMethod((context) => {
      const [expert] = context.parts.models;
      return createProxyTuningPolicy({
        base: modelPolicy(context, context.base),
        expert: modelPolicy(context, expert!),
        antiExpert: modelPolicy(context, context.parts.helper),
      });
    }),
  },
  args: {
    parts: one("bradley-terry"),
    caches: (arm, slotCount) => [
      ownCache(arm, slotCount),
      helperCache(arm, slotCount + candidateSlotsOf(arm, slotCount)),
    ],
    open: policyMethod((context) => {
      const { topK = defaultTopK, weight = 1.5 } = context.arm.knobs;
      const candidateSlots = candidateSlotsOf(context.arm, context.slotCount);
      return createArgsPolicy({
        base: modelPolicy(context, context.base),
        reward: rewardOf(context, context.parts.scores[0]!, context.slotCount + candidateSlots),
        rewardCapacity: Math.min(context.capacity + 1, context.parts.scores[0]!.model.backbone.config.maxTokens),
        candidateSlots,
        topK,
        weight,
      });
    }),
  },
  "best-of-n": {
    parts: one("bradley-terry"),
    caches: withReward,
    open: searchMethod(({ arm, slotCount }, policy, reward) =>
      createBestOfN({
        generator: sampled(policy),
        count: arm.knobs.count ?? 16,
        score: (texts) => scoresOf(reward, texts, slotCount),
      }),
    ),
  },
  cards: {
    parts: one("bradley-terry"),
    caches: withReward,
    open: searchMethod(({ arm }, policy, reward) => {
      const { entropyThreshold, rewardShare, acceptTemperature, retryLimit, rewardTarget = 1 } = arm.knobs;
      return createCards({
        ...{ policy, reward, entropyThreshold, rewardTarget, rewardShare, acceptTemperature, retryLimit },
      });
    }),
  },
};

/** The parts that an arm needs trained. */
export function partsOf(arm: Arm): readonly PartSpec[] {
  return table[arm.method].parts(arm);
}

/** The caches that an arm opens for so many sequences at once. */
export function cachesOf(arm: Arm, slotCount: number): readonly ArmCache[] {
  return table[arm.method].caches(arm, slotCount);
}

/** The parts of arms, those that several share once. */
export function distinctParts(arms: readonly Arm[]): readonly PartSpec[] {
  return [...new Map(arms.flatMap(partsOf).map((part) => [keyOf(part), part])).values()];
}

/**
 * Opens an arm; disposing it leaves its parts.
 *
 * @throws UsageError where the models do not fit each other
 */
export function openMethod(context: OpenContext): OpenedMethod {
  const { arm, base, parts } = context;
  const stranger = [...parts.models, parts.helper].find(
    ({ backbone }) => backbone.config.vocabSize !== base.backbone.config.vocabSize,
  );
  if (stranger !== undefined) {
    throw new UsageError(
      `Cannot run ${arm.name}: ${stranger.name} has ${stranger.backbone.config.vocabSize} tokens but ${base.name} has ${base.backbone.config.vocabSize}; use models of one tokenizer`,
    );
  }
  return table[arm.method].open(context);
}
