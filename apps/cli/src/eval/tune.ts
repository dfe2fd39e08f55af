// The same small search for every method: a few settings each, on prompts of their own, the best by true reward. Writes a log
// of all trials and the configuration that follows. Knows no table of the paper.
import { meanInterval } from "@dual-head/eval";
import type { MethodId } from "./arm.ts";
import type { EvalConfig } from "./config.ts";
import { answer, armOf, inTurn, type SuiteContext, type SuitePreview } from "./suites/context.ts";
import { needs } from "./suites/needs.ts";

/** One setting of a method. */
interface Trial {
  readonly method: MethodId;
  readonly knobs: Readonly<Record<string, number>>;
  readonly training: Readonly<Record<string, unknown>>;
}

/** What a trial led to on the validation prompts. */
export interface TrialResult extends Trial {
  readonly reward: { readonly mean: number; readonly low: number; readonly high: number };
  /** Nats a sequence, or null of methods without a distribution. */
  readonly kl: number | null;
  /** Share of fluent answers, where the setting has a grammar. */
  readonly fluent: number | null;
  /** Mean tokens of an answer. */
  readonly length: number;
}

const trial = (
  method: MethodId,
  knobs: Readonly<Record<string, number>>,
  training: Readonly<Record<string, unknown>> = {},
): Trial => ({ method, knobs, training });

/** A head's training, as far as its trials have it alike. */
const heads = { betaReward: 0.3, batchSize: 32, epochs: 4, mixing: "klExact", lambdaGate: 0.1 } as const;
/** Preferences score the fusion over the base model, and weigh much more than the language-modelling loss. */
const overBase = { ...heads, preferenceOn: "fused-over-base", lambdaReward: 100, learningRate: 3e-4 } as const;
const residual = { kind: "residual", width: 256, bias: false } as const;
const block = { kind: "block", width: 128, headCount: 4, feedForwardSize: 352, bias: false } as const;

/**
 * At most four trials a method; the rates are scaled to models of a million parameters, where 5e-7 moves nothing. Batches
 * are those of the methods' authors where none is named; `lora: 0` trains the whole model, `lora: 32` as many numbers as a
 * residual head and its gate have.
 */
export const trials: readonly Trial[] = [
  trial("dual-head", { strength: 2 }, { ...heads, preferenceOn: "fused", lambdaReward: 10, learningRate: 1e-3 }),
  trial("dual-head", { strength: 2 }, { ...overBase, head: residual }),
  trial("dual-head", { strength: 4 }, { ...overBase, head: residual }),
  trial("dual-head", { strength: 4 }, { ...overBase, head: block }),
  trial("genarm", { strength: 2 }, { beta: 0.3, learningRate: 3e-3, epochs: 4, lora: 32 }),
  trial("genarm", { strength: 1 }, { beta: 0.3, learningRate: 3e-4, epochs: 4, lora: 0 }),
  trial("genarm", { strength: 2 }, { beta: 0.3, learningRate: 3e-4, epochs: 4, lora: 0 }),
  trial("genarm", { strength: 4 }, { beta: 0.3, learningRate: 3e-4, epochs: 4, lora: 0 }),
  trial("dpo", {}, { beta: 0.3, learningRate: 3e-4, epochs: 4 }),
  trial("dpo", {}, { beta: 0.3, learningRate: 3e-4, epochs: 4, batchSize: 32 }),
  trial("dpo", {}, { beta: 0.3, learningRate: 1e-3, epochs: 2 }),
  trial("dpo", {}, { beta: 0.1, learningRate: 3e-4, epochs: 4 }),
  trial("simpo", {}, { beta: 2, gammaRatio: 0.25, learningRate: 3e-4, epochs: 2 }),
  trial("simpo", {}, { beta: 2, gammaRatio: 0.25, learningRate: 3e-4, epochs: 4 }),
  trial("simpo", {}, { beta: 2.5, gammaRatio: 0.5, learningRate: 3e-4, epochs: 2 }),
  trial("simpo", {}, { beta: 2, gammaRatio: 0.25, learningRate: 3e-4, epochs: 2, batchSize: 32 }),
  trial("args", { weight: 0.5, topK: 10 }, { learningRate: 1e-3, epochs: 2 }),
  trial("args", { weight: 1.5, topK: 10 }, { learningRate: 3e-4, epochs: 2 }),
  trial("args", { weight: 1.5, topK: 10 }, { learningRate: 1e-3, epochs: 2 }),
  trial("args", { weight: 1.5, topK: 10 }, { learningRate: 1e-3, epochs: 4 }),
  trial("best-of-n", { count: 16 }, { learningRate: 3e-4, epochs: 2 }),
  trial("best-of-n", { count: 16 }, { learningRate: 1e-3, epochs: 2 }),
  trial("best-of-n", { count: 16 }, { learningRate: 1e-3, epochs: 4 }),
  trial("best-of-n", { count: 16 }, { learningRate: 3e-3, epochs: 2 }),
  trial("cards", { rewardTarget: 5 }, { learningRate: 1e-3, epochs: 2 }),
  trial("cards", { rewardTarget: 8 }, { learningRate: 1e-3, epochs: 2 }),
  trial("cards", { rewardTarget: 8 }, { learningRate: 1e-3, epochs: 4 }),
  trial("cards", { rewardTarget: 12 }, { learningRate: 1e-3, epochs: 2 }),
];

/** What the search would do, and what it needs. */
export const tunePreview: SuitePreview = {
  name: "tune",
  needs: [needs.scores, needs.validationPrompts],
  arms: (config, setting) =>
    trials.map(({ method, knobs, training }) => armOf(config, setting, method, { knobs, training })),
};

/** Runs all trials on the backbone `main`. */
export function runTrials(
  context: SuiteContext,
  count: number,
  onTrial: (result: TrialResult) => void,
): Promise<readonly TrialResult[]> {
  const { config, setting } = context;
  const [reward] = setting.rewards;
  return inTurn(trials, async ({ method, knobs, training }) => {
    // With what the configuration says beside: the trial's own settings alone would not give the same figures again.
    const arm = armOf(config, setting, method, { knobs, training });
    const answered = await answer(context, arm, {
      ...{ count, split: "validation", withKl: true },
    });
    const rewards = answered.rewards[reward!]!;
    const { responses } = answered;
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const { isFluent } = setting;
    const kls = responses.flatMap(({ kl }) => kl ?? []);
    const { mean: value, low, high } = meanInterval(rewards);
    const result: TrialResult = {
      ...{ method, knobs: arm.knobs, training: arm.training, reward: { mean: value, low, high } },
      kl: kls.length === 0 ? null : mean(kls),
      fluent: isFluent === null ? null : mean(responses.map((response) => Number(isFluent(response.answer)))),
      length: mean(responses.map(({ tokenCount }) => tokenCount)),
    };
    onTrial(result);
    return result;
  });
}

/** Methods whose parts are another's. */
const followers: Readonly<Partial<Record<MethodId, MethodId>>> = {
  "multi-objective": "dual-head",
  mod: "dpo",
  "proxy-tuning": "dpo",
};

/** Rewards nearer to each other than this are far inside their intervals, and count as equal. */
const sameReward = 0.01;

/** Of the trials whose reward is the highest, or as good as it, the one that stays nearest to the base model. */
function bestOf(results: readonly TrialResult[]): TrialResult {
  const highest = results.reduce((a, b) => (b.reward.mean > a.reward.mean ? b : a));
  const rivals = results.filter(({ reward, kl }) => kl !== null && highest.reward.mean - reward.mean < sameReward);
  return rivals.reduce((a, b) => (b.kl! < (a.kl ?? Number.NEGATIVE_INFINITY) ? b : a), highest);
}

/** The configuration with each method's best trial. */
export function tunedConfig(config: EvalConfig, results: readonly TrialResult[]): EvalConfig {
  const best = new Map<MethodId, TrialResult>();
  for (const { method } of results) best.set(method, bestOf(results.filter((each) => each.method === method)));
  const methods = { ...config.methods };
  for (const [method, { knobs, training }] of best) methods[method] = { knobs, training };
  for (const [method, leader] of Object.entries(followers) as [MethodId, MethodId][]) {
    const found = best.get(leader);
    if (found === undefined) continue;
    methods[method] = { knobs: method === "multi-objective" ? found.knobs : {}, training: found.training };
  }
  return { ...config, methods };
}

/** A trial in a line. */
export function describeTrial({ method, knobs, training, reward, kl, fluent, length }: TrialResult): string {
  const parts = [
    `reward ${reward.mean.toFixed(3)} [${reward.low.toFixed(3)}, ${reward.high.toFixed(3)}]`,
    ...(kl === null ? [] : [`KL ${kl.toFixed(2)}`]),
    ...(fluent === null ? [] : [`fluent ${(100 * fluent).toFixed(0)} %`]),
    `${length.toFixed(0)} tokens`,
  ];
  return `${method} ${JSON.stringify({ ...knobs, ...training })}: ${parts.join(", ")}`;
}
