// What a suite works with: arms made from the configuration, their answers with true rewards, and comparisons by the judge.
// Knows no suite.
import type { Judge } from "@dual-head/eval";
import type { Arm, MethodId, PartSettings } from "../arm.ts";
import { type EvalConfig, methodConfigOf } from "../config.ts";
import type { SuiteReport } from "../figures.ts";
import type { EvalResponse } from "../responses.ts";
import { type EvalPrompt, exchangeOf, type PromptSplit, type Setting } from "../settings/setting.ts";
import type { Workbench } from "../workbench.ts";

/** An arm with its answers and what they are worth. */
export interface Answered {
  readonly arm: Arm;
  readonly prompts: readonly EvalPrompt[];
  readonly responses: readonly EvalResponse[];
  /** Rewards by name, in the order of the prompts; those that somebody knows. */
  readonly rewards: Readonly<Record<string, readonly number[]>>;
}

/** How an arm differs from the configuration's. */
export interface ArmOverrides {
  readonly name?: string | undefined;
  readonly backbone?: string | undefined;
  readonly helper?: string | undefined;
  readonly rewards?: readonly string[] | undefined;
  readonly weights?: readonly number[] | undefined;
  readonly knobs?: Readonly<Record<string, number>> | undefined;
  readonly training?: PartSettings | undefined;
  /** Of pairs and training; the configuration's own by default. */
  readonly seed?: number | undefined;
}

/** How an arm answers. */
export interface AnswerOptions {
  readonly count?: number | undefined;
  readonly split?: PromptSplit | undefined;
  readonly withKl?: boolean | undefined;
}

/** What a suite works with. */
export interface SuiteContext {
  readonly config: EvalConfig;
  readonly setting: Setting;
  readonly bench: Workbench;
  readonly judge: Judge;
  readonly signal: AbortSignal;
}

/** Something that a suite needs: throws with what is missing and its remedy. */
export type SuiteNeed = (config: EvalConfig, setting: Setting) => void | Promise<void>;

/** What of a suite is known beforehand. */
export interface SuitePreview {
  readonly name: string;
  /** What else it needs beside its arms; a run and its dry run check the same. */
  readonly needs?: readonly SuiteNeed[] | undefined;
  /** Arms it will run, for the preview of a dry run. */
  readonly arms: (config: EvalConfig, setting: Setting) => readonly Arm[];
  /** Whether it has all arms open at once, for one sequence each; else they are opened one after the other. */
  readonly opensTogether?: boolean | undefined;
  /** How much the judge is asked at most; nothing by default. */
  readonly judged?: ((config: EvalConfig, setting: Setting) => JudgedCounts | Promise<JudgedCounts>) | undefined;
}

/** A suite: named after its table. */
export interface Suite extends SuitePreview {
  readonly title: string;
  readonly run: (context: SuiteContext) => Promise<SuiteReport>;
}

/** Questions to a judge. */
export interface JudgedCounts {
  /** Pairs of answers, each judged in both orders. */
  readonly comparisons: number;
  /** Answers that are graded by themselves. */
  readonly grades: number;
  /** What the judge is shown of them; a prompt of the configuration and an answer to it each, where it is left out. */
  readonly graded?: GradedSize | undefined;
}

/** What all grades of a suite show the judge at most, beside the words of its template. */
export interface GradedSize {
  /** Questions and references, bytes of UTF-8. */
  readonly textBytes: number;
  /** Answers, those of earlier turns each time they are shown again. */
  readonly answerTokens: number;
}

/**
 * The smallest backbone, of which proxy-tuning has its experts, as its authors do: where experts are of the arm's own
 * backbone, expert and anti-expert leave nothing of the base, and the method is DPO. Nothing where there is none.
 */
export function expertOf(config: EvalConfig): string | undefined {
  return config.scale.find((role) => Object.hasOwn(config.backbones, role));
}

/** The arm of a method as the configuration has it, with changes; nested settings are changed one by one. */
export function armOf(config: EvalConfig, setting: Setting, method: MethodId, overrides: ArmOverrides = {}): Arm {
  const own = methodConfigOf(config, method);
  const { name = method, backbone = "main", helper, rewards = setting.rewards.slice(0, 1), weights, seed } = overrides;
  return {
    name,
    method,
    backbone,
    rewards,
    ...(weights === undefined ? {} : { weights }),
    ...(helper === undefined ? {} : { helper }),
    ...(seed === undefined || seed === config.seed ? {} : { seed }),
    knobs: { ...own.knobs, ...overrides.knobs },
    training: merged(own.training, overrides.training ?? {}),
  };
}

function merged(a: PartSettings, b: PartSettings): PartSettings {
  const isObject = (value: unknown): value is PartSettings =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = Object.entries(b).map(([name, value]) => {
    const former = a[name];
    // Another kind of gate or head has settings of its own.
    const isSameKind = isObject(former) && isObject(value) && (value.kind ?? former.kind) === former.kind;
    return [name, isSameKind ? merged(former, value) : value] as const;
  });
  return { ...a, ...Object.fromEntries(entries) };
}

/** Answers prompts by an arm and scores them by whoever knows rewards. */
export async function answer(
  { bench, config, setting, signal }: SuiteContext,
  arm: Arm,
  { count = config.prompts, split = "test", withKl = false }: AnswerOptions = {},
): Promise<Answered> {
  const prompts = await setting.prompts(split, count, config.seed);
  const responses = await bench.run(arm, prompts, { withKl });
  const exchanges = responses.map((response, at) => exchangeOf(prompts[at]!, response.answer));
  const rewards: Record<string, readonly number[]> = {};
  for (const [name, score] of Object.entries(setting.scorers))
    rewards[name] = Array.from(await score(exchanges, signal));
  return { arm, prompts, responses, rewards };
}

/** What `body` makes of each item, one after the other: arms share one device. */
export async function inTurn<Item, Out>(
  items: readonly Item[],
  body: (item: Item) => Promise<Out>,
): Promise<readonly Out[]> {
  const results: Out[] = [];
  for (const item of items) results.push(await body(item));
  return results;
}
