// The configuration of an evaluation: one JSON file, checked whole before anything runs. Knows no method's meaning.
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { UsageError } from "../io.ts";
import { type MethodId, methodIds } from "./arm.ts";

/** Where prompts and preferences come from. */
export type SettingConfig =
  | { readonly kind: "mini-world" }
  | {
      readonly kind: "files";
      /** Preference pairs by reward; each a file or several, in any format that `dual-head train` reads. */
      readonly preferences: Readonly<Record<string, readonly string[]>>;
      /** Transcripts whose prompts are answered, such as HH-RLHF's test files. */
      readonly prompts: readonly string[];
      readonly validationPrompts?: readonly string[] | undefined;
      /** Who scores by each reward. */
      readonly scorers?: Readonly<Record<string, ScorerConfig>> | undefined;
      /** TruthfulQA.csv, for the suite of that name. */
      readonly truthfulQa?: string | undefined;
      /** Files of MT-Bench, for the suite of that name. */
      readonly mtBench?: MtBenchFiles | undefined;
    };

/**
 * Who scores by a reward: a reward model, as a GPT-2 or LLaMA classifier, by its folder or repository; or the mean of what is
 * scored by other rewards, one or several, which must be of models.
 */
export type ScorerConfig = string | { readonly meanOf: readonly string[] };

/** MT-Bench as it is published. */
export interface MtBenchFiles {
  /** question.jsonl */
  readonly questions: string;
  /** reference_answer/gpt-4.jsonl, which the judge is shown for math, reasoning and coding. */
  readonly references?: string | undefined;
  /** judge_prompts.jsonl, which an endpoint is asked with; else the templates of this program. */
  readonly judgePrompts?: string | undefined;
}

/** Who compares answers. */
export type JudgeConfig =
  | { readonly kind: "oracle" }
  | { readonly kind: "reward-model"; readonly model: string }
  | { readonly kind: "recorded"; readonly folder: string }
  | {
      readonly kind: "endpoint";
      readonly baseUrl: string;
      readonly model: string;
      /** Environment variable that holds the key; none for a local server. */
      readonly keyVariable?: string | undefined;
      readonly template: string;
      readonly concurrency: number;
      readonly requestsPerMinute?: number | undefined;
      readonly tokensPerMinute?: number | undefined;
      /** US dollars per million tokens, and what may be spent in all. */
      readonly promptPrice: number;
      readonly completionPrice: number;
      readonly spendingLimit?: number | undefined;
    };

/** What a method of a config is told. */
export interface MethodConfig {
  readonly knobs: Readonly<Record<string, number>>;
  readonly training: Readonly<Record<string, unknown>>;
}

/** A checked configuration. */
export interface EvalConfig {
  readonly $comment?: string | undefined;
  readonly setting: SettingConfig;
  /** Models by role: `world:m`, a folder, a file, or a repository of the hub; one is named main. */
  readonly backbones: Readonly<Record<string, string>>;
  readonly dtype: "f32" | "f16" | "bf16" | "q8" | "q4";
  /** The role of the other architecture, and the roles of one family from small to large; those left out are skipped. */
  readonly second: string;
  readonly scale: readonly string[];
  /** Preference pairs each method is trained on, and prompts it answers. */
  readonly pairs: number;
  readonly prompts: number;
  readonly seed: number;
  /** Trainings of each method in the suite of seeds, 3 by default: the seed, the next one, and so on. */
  readonly trainingSeeds?: number | undefined;
  readonly temperature: number;
  readonly maxNewTokens: number;
  /** Sequences decoded at once. */
  readonly concurrency: number;
  readonly judge: JudgeConfig;
  /** Knobs and training of each method; a method left out has its defaults. */
  readonly methods: Readonly<Partial<Record<MethodId, MethodConfig>>>;
  /** Values of each method's knob on the frontier. */
  readonly frontier: Readonly<Record<string, readonly number[]>>;
  /** New tokens of a request of the efficiency suite, and requests of each method. */
  readonly efficiency: { readonly newTokens: number; readonly requests: number };
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const seed = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const knobs = v.record(v.string(), v.pipe(v.number(), v.finite()));
const settings = v.record(v.string(), v.unknown());
const paths = v.pipe(v.array(v.string()), v.minLength(1));

const scorerConfig = v.union([v.string(), v.strictObject({ meanOf: paths })]);
const scorers = v.pipe(
  v.record(v.string(), scorerConfig),
  v.check(
    (given) =>
      Object.values(given).every(
        (each) => typeof each === "string" || each.meanOf.every((name) => typeof given[name] === "string"),
      ),
    "means of rewards that a model scores",
  ),
);

const settingSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("mini-world") }),
  v.strictObject({
    kind: v.literal("files"),
    preferences: v.record(v.string(), paths),
    prompts: paths,
    validationPrompts: v.optional(paths),
    scorers: v.optional(scorers),
    truthfulQa: v.optional(v.string()),
    mtBench: v.optional(
      v.strictObject({
        questions: v.string(),
        references: v.optional(v.string()),
        judgePrompts: v.optional(v.string()),
      }),
    ),
  }),
]);

const judgeSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("oracle") }),
  v.strictObject({ kind: v.literal("reward-model"), model: v.string() }),
  v.strictObject({ kind: v.literal("recorded"), folder: v.string() }),
  v.strictObject({
    kind: v.literal("endpoint"),
    baseUrl: v.pipe(v.string(), v.url()),
    model: v.string(),
    keyVariable: v.optional(v.string()),
    template: v.optional(v.string(), "pairwise"),
    concurrency: v.optional(count, 4),
    requestsPerMinute: v.optional(count),
    tokensPerMinute: v.optional(count),
    promptPrice: v.optional(v.number(), 0),
    completionPrice: v.optional(v.number(), 0),
    spendingLimit: v.optional(v.number()),
  }),
]);

const methodSchema = v.strictObject({ knobs: v.optional(knobs, {}), training: v.optional(settings, {}) });

const schema: v.GenericSchema<unknown, EvalConfig> = v.strictObject({
  $comment: v.optional(v.string()),
  setting: settingSchema,
  backbones: v.pipe(
    v.record(v.string(), v.string()),
    v.check((backbones) => Object.hasOwn(backbones, "main"), "a backbone named main"),
  ),
  dtype: v.optional(v.picklist(["f32", "f16", "bf16", "q8", "q4"]), "f32"),
  second: v.optional(v.string(), "second"),
  scale: v.optional(v.array(v.string()), ["small", "main", "large"]),
  pairs: count,
  prompts: count,
  seed: v.optional(seed, 1),
  // Without a default, so that a run begun before this key was known goes on.
  trainingSeeds: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(2))),
  temperature: v.optional(v.pipe(v.number(), v.minValue(0)), 1),
  maxNewTokens: v.optional(count, 120),
  concurrency: v.optional(count, 48),
  judge: v.optional(judgeSchema, { kind: "oracle" }),
  methods: v.optional(v.partial(v.strictObject(Object.fromEntries(methodIds.map((id) => [id, methodSchema])))), {}),
  frontier: v.optional(v.record(v.string(), v.array(v.pipe(v.number(), v.finite()))), {}),
  efficiency: v.optional(v.strictObject({ newTokens: count, requests: count }), { newTokens: 128, requests: 9 }),
});

/**
 * Checks a configuration.
 *
 * @throws UsageError that names the key, what it is and what it must be
 */
export function parseEvalConfig(value: unknown, from: string): EvalConfig {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const key = issue.path?.map(({ key: each }) => String(each)).join(".") ?? "";
  const where = key === "" ? "it" : key;
  throw new UsageError(
    `Cannot use ${from}: ${where} is ${issue.received} and must be ${issue.expected ?? issue.message}`,
  );
}

/**
 * Reads a configuration from a file.
 *
 * @throws UsageError where there is none, it is no JSON, or a key cannot be
 */
export async function readEvalConfig(path: string): Promise<EvalConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    throw new UsageError(`Cannot read the configuration ${path}: there is no such file; give one with --config`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`Cannot read the configuration ${path}: it is no JSON, ${(cause as Error).message}`);
  }
  return parseEvalConfig(value, path);
}

/** The reward models that answers are scored by. */
export function scorerModelsOf({ setting }: EvalConfig): readonly string[] {
  if (setting.kind !== "files") return [];
  return [...new Set(Object.values(setting.scorers ?? {}).filter((each) => typeof each === "string"))];
}

/** What the config says of a method. */
export function methodConfigOf(config: EvalConfig, method: MethodId): MethodConfig {
  return config.methods[method] ?? { knobs: {}, training: {} };
}
