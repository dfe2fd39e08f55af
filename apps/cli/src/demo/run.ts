// The demo's experiments on the shipped backbone and heads: answers side by side, knobs turned, a head trained.
// Knows no screen.
import { rm } from "node:fs/promises";
import { writeFileAtomic } from "@dual-head/bytes";
import { readPreferences } from "@dual-head/data";
import {
  drawPrompt,
  type Prompt,
  type RewardName,
  shippedBackbone,
  shippedHeads,
  streamOf,
  toHhRlhf,
} from "@dual-head/mini-world";
import type { Controls } from "@dual-head/sampler";
import { leavesOf, sizeOf, type Tensor } from "@dual-head/tensor-core";
import { type TrainEvent, type TrainingSummary, train } from "@dual-head/train";
import type { DeviceOptions } from "../commands/shared.ts";
import type { Io } from "../io.ts";
import { type OpenModel, openModel } from "../model.ts";
import { type Answer, answerArms } from "../world/answers.ts";
import { type Measure, measureAnswers } from "../world/measure.ts";
import { type DemoFigures, type Example, gainOf, type Lesson, type ScoredAnswer, type Setting } from "./figures.ts";

/** What the demo is told. */
export interface DemoOptions extends DeviceOptions {
  /** Folder for the trained head, its data and the report. */
  readonly out: string;
  readonly pairs: number;
  readonly prompts: number;
  readonly seed: number;
}

/** Told what happens: parts begin, work goes on. */
export interface DemoEvents {
  readonly begin: (part: string) => void;
  readonly progress: (line: string) => void;
  readonly train: (event: TrainEvent) => void;
}

const rewards: readonly RewardName[] = ["helpful", "harmless"];
const strengthSteps = [0, 0.5, 1, 1.5, 2] as const;
const mixtureSteps = [1, 0.5, 0] as const;
const exampleCount = 4;

/** Runs all parts and returns what they found. */
export async function runDemo(options: DemoOptions, events: DemoEvents, io: Io): Promise<DemoFigures> {
  const started = performance.now();
  const backbone = await shippedBackbone("m");
  const prompts = Array.from({ length: options.prompts }, (_, index) =>
    drawPrompt("test", streamOf(options.seed, "demo prompt", index)),
  );
  const heads = await Promise.all(
    rewards.map(async (reward) => ({ directory: await shippedHeads("m", reward), weight: null })),
  );
  events.begin(`a language model of a million parameters, and two small heads: helpful and harmless`);
  let device = "";
  let parameterCount = 0;
  const shown = await using(await openModel({ ...options, model: backbone, heads }, io), async (model) => {
    device = `${model.device.name}, ${model.device.info.description}`;
    parameterCount = parametersOf(model);
    events.begin(`${prompts.length} questions without any preference, answered at every setting of the knobs`);
    return turnKnobs(model, prompts, options.seed, events, io);
  });
  events.begin(`a reward head and a gate trained from nothing on ${options.pairs} preferences`);
  // Strength 0 is the model itself, whatever the heads: its answers are those before the lesson.
  const lesson = await teach(backbone, prompts, shown.strengths[0]!.measure, options, events, io);
  const seconds = (performance.now() - started) / 1000;
  const { seed } = options;
  return { device, parameterCount, promptCount: prompts.length, seed, ...shown, lesson, seconds };
}

async function using<Resource extends Disposable, Out>(
  resource: Resource,
  body: (resource: Resource) => Promise<Out>,
): Promise<Out> {
  using held = resource;
  return await body(held);
}

function parametersOf({ loaded }: OpenModel): number {
  return leavesOf<Tensor>(loaded.params).reduce((sum, { leaf }) => sum + sizeOf(leaf.shape), 0);
}

/** Every setting answers every prompt with the same random numbers, all in one batch. */
async function turnKnobs(
  model: OpenModel,
  prompts: readonly Prompt[],
  seed: number,
  events: DemoEvents,
  io: Io,
): Promise<Pick<DemoFigures, "examples" | "strengths" | "mixtures">> {
  const even = { helpful: 0.5, harmless: 0.5 };
  const knobs = [
    ...strengthSteps.map((strength) => ({ strength, ...even })),
    ...mixtureSteps.filter((w) => w !== 0.5).map((helpful) => ({ strength: 1, helpful, harmless: 1 - helpful })),
  ];
  const answers = await answerPrompts(
    model,
    prompts,
    knobs.map(({ strength, helpful, harmless }) => ({ strength, weights: [helpful, harmless] })),
    seed,
    events,
    io,
  );
  const questions = prompts.map(({ question }) => question);
  const settings = knobs.map((knob, at): Setting => {
    const own = answers[at]!;
    const { measure } = measureAnswers(
      questions,
      own.map(({ text }) => text),
    );
    return { ...knob, measure, meanAlpha: meanAlphaOf(own) };
  });
  const strengths = settings.slice(0, strengthSteps.length);
  const full = strengthSteps.indexOf(1);
  return {
    strengths,
    mixtures: [settings.at(-2)!, strengths[full]!, settings.at(-1)!],
    examples: pickExamples(prompts, answers[0]!, answers[full]!),
  };
}

function answerPrompts(
  model: OpenModel,
  prompts: readonly Prompt[],
  arms: readonly Controls[],
  seed: number,
  events: DemoEvents,
  io: Io,
): Promise<readonly (readonly Answer[])[]> {
  const texts = prompts.map(({ text }) => text);
  const onProgress = (done: number, total: number) => events.progress(`${done} of ${total} answers`);
  return answerArms(model, texts, arms, seed, io, { onProgress });
}

function meanAlphaOf(answers: readonly Answer[]): number {
  const alphas = answers.flatMap(({ pieces }) => pieces.flatMap(({ alpha }) => (alpha === null ? [] : [alpha])));
  return alphas.reduce((sum, alpha) => sum + alpha, 0) / Math.max(1, alphas.length);
}

/** Where the heads raised the scores most, and the worst of those where they lowered them, if there is such. */
function pickExamples(
  prompts: readonly Prompt[],
  base: readonly Answer[],
  aligned: readonly Answer[],
): readonly Example[] {
  const all = prompts.map(({ question, turns }, index): Example => {
    const { verdicts } = measureAnswers([question, question], [base[index]!.text, aligned[index]!.text]);
    const scored = (answer: Answer, at: 0 | 1): ScoredAnswer => {
      const { helpful, harmless } = verdicts[at]!;
      return { ...answer, helpful, harmless };
    };
    return { turns, base: scored(base[index]!, 0), aligned: scored(aligned[index]!, 1) };
  });
  const ranked = all.toSorted((a, b) => gainOf(b) - gainOf(a));
  const failure = ranked.findLast((example) => gainOf(example) < 0);
  const best = ranked.slice(0, failure === undefined ? exampleCount : exampleCount - 1);
  return failure === undefined ? best : [...best, failure];
}

async function teach(
  backbone: string,
  prompts: readonly Prompt[],
  before: Measure,
  options: DemoOptions,
  events: DemoEvents,
  io: Io,
): Promise<Lesson> {
  const { out, pairs, seed } = options;
  const [data, folder] = [`${out}/helpful.jsonl`, `${out}/heads`];
  await writeFileAtomic(data, toHhRlhf({ seed: seed + 1, count: pairs, split: "train" }, "helpful"));
  await rm(folder, { recursive: true, force: true });
  const summary = await using(await openModel({ ...options, model: backbone }, io), async (model) => {
    let last: TrainingSummary | null = null;
    for await (const event of train({
      device: model.device,
      backbone: model.loaded.backbone,
      params: model.loaded.params,
      backboneSha256: model.loaded.sha256,
      tokenizer: model.tokenizer!,
      pairs: (await readPreferences(data)).pairs,
      folder,
      head: { kind: "residual", width: 256, bias: false },
      settings: {
        ...{ batchSize: 16, epochs: 6, learningRate: 3e-4, seed },
        ...{ preferenceOn: "fused-over-base", mixing: "klExact", betaReward: 0.3, lambdaReward: 100, lambdaGate: 0.1 },
      },
      signal: io.signal,
    })) {
      events.train(event);
      if (event.kind === "end") last = event.summary;
    }
    if (last === null) throw new Error("Cannot sum up the training: it ended without a summary");
    return last;
  });
  const heads = [{ directory: folder, weight: null }];
  const [answers] = await using(await openModel({ ...options, model: backbone, heads }, io), (model) =>
    answerPrompts(model, prompts, [{ strength: 1 }], seed, events, io),
  );
  const { measure: after } = measureAnswers(
    prompts.map(({ question }) => question),
    answers!.map(({ text }) => text),
  );
  return { pairCount: pairs, summary, before, after };
}
