// dual-head demo: from nothing, or from a given model and data, to base beside aligned text and the numbers of both.
import { rm } from "node:fs/promises";
import { createDirectory, listDirectory, writeFileAtomic } from "@dual-head/bytes";
import { readPreferences } from "@dual-head/data";
import { type GenerateRequest, generateBatch } from "@dual-head/sampler";
import { openDevice } from "@dual-head/tensor-core";
import { type TrainingSummary, train, wilsonInterval } from "@dual-head/train";
import { Command } from "commander";
import { alphaColour, alphaStrip, createChalk } from "../alpha-strip.ts";
import { createDemoBackbone } from "../demo/backbone.ts";
import { drawPreferences, drawPrompts, judge } from "../demo/world.ts";
import { createProgress, formatDuration, type Io, responsive, toJson, UsageError } from "../io.ts";
import { continuation, controlsFrom, type OpenModel, openModel, stopTokensOf } from "../model.ts";
import { numberOption } from "../options.ts";
import { addDeviceOptions, type DeviceOptions } from "./shared.ts";
import { progressLine } from "./train.ts";

interface DemoOptions extends DeviceOptions {
  readonly model?: string;
  readonly data?: string;
  readonly out: string;
  readonly pairs: number;
  readonly prompts: number;
  readonly steps?: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** One prompt with what base and aligned make of it. */
interface Example {
  readonly prompt: string;
  readonly base: Answer;
  readonly aligned: Answer;
}

interface Answer {
  readonly text: string;
  readonly tokens: readonly { readonly text: string; readonly alpha: number | null }[];
}

/** The share of kind answers at one strength, with its Wilson 95 % interval. */
interface Measure {
  readonly strength: number;
  readonly kindShare: number;
  readonly low: number;
  readonly high: number;
  readonly meanAlpha: number;
}

const strengths = [0, 0.5, 1, 2] as const;
const markName = "made-by-demo.txt";

/** The `demo` command. */
export function demoCommand(io: Io): Command {
  const command = new Command("demo")
    .description("make a small world, train a head and a gate in it, and compare base with aligned text")
    .option("--model <dir>", "use this model instead of making one (then --data too)")
    .option("--data <file>", "preference pairs for that model")
    .option(
      "--out <dir>",
      "folder for everything the demo makes; what an earlier demo left there is replaced",
      "demo-out",
    )
    .option("--pairs <n>", "preference pairs to train on", numberOption({ min: 20, integer: true }), 400)
    .option("--prompts <n>", "held-out questions to measure on", numberOption({ min: 3, integer: true }), 100)
    .option("--steps <n>", "steps of training for the demo's own model", numberOption({ min: 1, integer: true }))
    .option("--seed <n>", "seed of everything", numberOption({ min: 0, integer: true }), 1)
    .option("--json", "print the figures as one JSON object");
  return addDeviceOptions(command).action(async (options: DemoOptions) => demo(options, io));
}

async function demo(options: DemoOptions, io: Io): Promise<void> {
  if ((options.model === undefined) !== (options.data === undefined)) {
    throw new UsageError("Cannot run the demo: --model and --data belong together; give both or neither");
  }
  const started = performance.now();
  const own = options.model === undefined;
  const headsFolder = `${options.out}/heads`;
  if (!own) await readPreferences(options.data!);
  await claimFolder(options.out);
  await rm(headsFolder, { recursive: true, force: true });
  const [modelFolder, dataFile] = own ? await makeWorld(options, io) : [options.model!, options.data!];
  const training = await trainHeads(modelFolder, dataFile, headsFolder, options, io);
  using model = await openModel(
    { ...options, model: modelFolder, heads: [{ directory: headsFolder, weight: null }] },
    io,
  );
  const prompts = own ? drawPrompts(options.seed, options.prompts) : await promptsOf(dataFile);
  const { measures, examples, changes } = own
    ? await measure(model, prompts, options.seed, io)
    : { measures: [], examples: await compare(model, prompts, options.seed, io), changes: null };
  const seconds = (performance.now() - started) / 1000;
  if (options.json === true) {
    io.out(`${toJson({ device: model.device.name, training, measures, changes, examples, seconds })}\n`);
    return;
  }
  io.out(report(examples, changes, measures, training, io));
  io.note(`${formatDuration(seconds)} in all; model, heads and data are in ${options.out}\n`);
}

/** Takes a folder for the demo: an empty one, or one that an earlier demo has marked. */
async function claimFolder(folder: string): Promise<void> {
  await createDirectory(folder);
  const names = await listDirectory(folder);
  if (names.length > 0 && !names.includes(markName)) {
    throw new UsageError(`Cannot run the demo in ${folder}: it holds files of others; give a new folder with --out`);
  }
  await writeFileAtomic(`${folder}/${markName}`, "Made by dual-head demo, which replaces what lies here.\n");
}

/** Writes preferences and a freshly trained backbone; returns their places. */
async function makeWorld(options: DemoOptions, io: Io): Promise<readonly [string, string]> {
  const [folder, dataFile] = [`${options.out}/model`, `${options.out}/preferences.jsonl`];
  await writeFileAtomic(dataFile, drawPreferences(options.seed, options.pairs));
  const progress = createProgress(io);
  io.note("1. a tiny language model learns to answer, kindly or rudely by chance\n");
  // The smallest matrices are quickest on the CPU, whatever else there is.
  using device = await openDevice("cpu", options.threads === undefined ? {} : { threads: options.threads });
  const started = performance.now();
  try {
    await createDemoBackbone(folder, device, {
      seed: options.seed,
      signal: io.signal,
      ...(options.steps === undefined ? {} : { stepCount: options.steps }),
      onStep: ({ step, stepCount, loss }) => {
        const left = ((performance.now() - started) / 1000 / step) * (stepCount - step);
        progress.show(`   step ${step}/${stepCount}  ${loss.toFixed(3)} nats a token  ${formatDuration(left)} left`);
      },
    });
  } finally {
    progress.end();
  }
  return [folder, dataFile];
}

async function trainHeads(
  modelFolder: string,
  dataFile: string,
  folder: string,
  options: DemoOptions,
  io: Io,
): Promise<TrainingSummary> {
  io.note("2. a reward head and a gate learn from preferences; the model stays frozen\n");
  using model = await openModel({ ...options, model: modelFolder }, io);
  if (model.tokenizer === null) throw new UsageError(`Cannot run the demo: ${modelFolder} has no tokenizer.json`);
  const { pairs } = await readPreferences(dataFile);
  const progress = createProgress(io);
  try {
    for await (const event of train({
      device: model.device,
      backbone: model.llama.backbone,
      params: model.llama.params,
      backboneSha256: model.llama.sha256,
      tokenizer: model.tokenizer,
      pairs: pairs.slice(0, options.pairs),
      folder,
      settings: { batchSize: 32, epochs: 4, learningRate: 4e-3, seed: options.seed },
      signal: io.signal,
    })) {
      const line = progressLine(event);
      if (line !== null) progress.show(`   ${line}`);
      if (event.kind === "end") return event.summary;
    }
  } finally {
    progress.end();
  }
  throw new Error("Cannot sum up the training: it ended without a summary");
}

async function promptsOf(dataFile: string): Promise<readonly string[]> {
  const { pairs } = await readPreferences(dataFile);
  return pairs.slice(-3).map(({ prompt }) => prompt.at(-1)!);
}

function requestFor(model: OpenModel, prompt: string, strength: number, seed: number, io: Io): GenerateRequest {
  const ids = [...model.tokenizer!.encode(prompt)];
  return {
    prompt: ids,
    controls: controlsFrom({ strength }, model.headWeights),
    maxNewTokens: 60,
    temperature: 1,
    seed,
    stopTokens: stopTokensOf(model),
    stopStrings: ["\n\nHuman:"],
    createDetokenizer: continuation(model.tokenizer, ids),
    signal: io.signal,
  };
}

/** Answers all requests in one batch. */
async function answerAll(model: OpenModel, requests: readonly GenerateRequest[], io: Io): Promise<readonly Answer[]> {
  const slotCount = Math.min(requests.length, 32);
  const longest = Math.max(...requests.map(({ prompt, maxNewTokens }) => prompt.length + maxNewTokens));
  const policy = model.createPolicy(longest, slotCount);
  const answers = requests.map(() => ({ text: "", tokens: [] as { text: string; alpha: number | null }[] }));
  for await (const { index, event } of responsive(generateBatch(policy, requests, { concurrency: slotCount }))) {
    const answer = answers[index]!;
    answer.text += event.text;
    if (event.text !== "") answer.tokens.push({ text: event.text, alpha: event.type === "token" ? event.alpha : null });
  }
  io.signal.throwIfAborted();
  return answers;
}

async function compare(
  model: OpenModel,
  prompts: readonly string[],
  seed: number,
  io: Io,
): Promise<readonly Example[]> {
  const requests = prompts.flatMap((prompt, index) =>
    [0, 1].map((strength) => requestFor(model, prompt, strength, seed + index, io)),
  );
  const answers = await answerAll(model, requests, io);
  return prompts.map((prompt, index) => ({ prompt, base: answers[2 * index]!, aligned: answers[2 * index + 1]! }));
}

/** What strength 1 changed in the answers of base: how many became kind, how many ceased to be. */
interface Changes {
  readonly questions: number;
  readonly toKind: number;
  readonly toRude: number;
}

async function measure(
  model: OpenModel,
  prompts: readonly string[],
  seed: number,
  io: Io,
): Promise<{ measures: readonly Measure[]; examples: readonly Example[]; changes: Changes }> {
  io.note(
    `3. ${prompts.length} questions on tasks without any preference, answered at strengths ${strengths.join(", ")}\n`,
  );
  const requests = strengths.flatMap((strength) =>
    prompts.map((prompt, index) => requestFor(model, prompt, strength, seed + index, io)),
  );
  const answers = await answerAll(model, requests, io);
  const answersAt = (strength: (typeof strengths)[number]) => {
    const at = strengths.indexOf(strength);
    return answers.slice(at * prompts.length, (at + 1) * prompts.length);
  };
  const measures = strengths.map((strength) => {
    const own = answersAt(strength);
    const kindShare = own.filter(({ text }) => judge(text).isKind).length / own.length;
    const alphas = own.flatMap(({ tokens }) => tokens.flatMap(({ alpha }) => (alpha === null ? [] : [alpha])));
    const meanAlpha = alphas.reduce((sum, alpha) => sum + alpha, 0) / Math.max(1, alphas.length);
    return { strength, kindShare, ...wilsonInterval(kindShare, own.length), meanAlpha };
  });
  const [base, aligned] = [answersAt(0), answersAt(1)];
  const all = prompts.map((prompt, index) => ({ prompt, base: base[index]!, aligned: aligned[index]! }));
  const turned = (before: boolean, after: boolean) =>
    all.filter((each) => judge(each.base.text).isKind === before && judge(each.aligned.text).isKind === after);
  const [toKind, toRude] = [turned(false, true), turned(true, false)];
  // What the heads are for, and beside it, where there is one, an answer on which they failed.
  const failures = [...turned(false, false), ...toRude];
  const examples = [...new Set([...toKind.slice(0, 2), ...failures.slice(0, 1), ...all])].slice(0, 3);
  return { measures, examples, changes: { questions: all.length, toKind: toKind.length, toRude: toRude.length } };
}

function report(
  examples: readonly Example[],
  changes: Changes | null,
  measures: readonly Measure[],
  { heldOut, trainable }: TrainingSummary,
  io: Io,
): string {
  const chalk = createChalk(io.colour);
  const percent = (share: number) => `${(100 * share).toFixed(0).padStart(3)} %`;
  const lines: string[] = [""];
  if (changes !== null) {
    const { questions, toKind, toRude } = changes;
    lines.push(
      `Of ${questions} questions, ${toKind} rude answers of base became kind and ${toRude} kind ones rude. Some of them:`,
      "",
    );
  }
  for (const { prompt, base, aligned } of examples) {
    lines.push(
      chalk.bold(
        prompt
          .trim()
          .replaceAll("\n\n", "\n")
          .replace(/\nAssistant:$/, ""),
      ),
    );
    lines.push(`${chalk.dim("  base    ")} ${base.text.trim()}`);
    const strip = alphaStrip(trimFirst(aligned.tokens), io.colour).split("\n").join("\n           ");
    lines.push(`${chalk.dim("  aligned ")} ${strip}`, "");
  }
  if (io.colour) {
    const scale = [0, 0.25, 0.5, 0.75, 1]
      .map((alpha) => chalk.bgRgb(...alphaColour(alpha)).whiteBright(` α ${alpha} `))
      .join("");
    lines.push(`${scale}${chalk.dim("  how much of each token is the reward head's")}`, "");
  }
  if (measures.length > 0) {
    lines.push(chalk.bold("strength   kind answers   95 % interval   mean α"));
    for (const { strength, kindShare, low, high, meanAlpha } of measures) {
      const name = strength === 0 ? "0 (base)" : String(strength);
      lines.push(
        `${name.padEnd(11)}${percent(kindShare).padStart(12)}   ${`${percent(low)} to ${percent(high)}`.padStart(13)}   ${meanAlpha.toFixed(2).padStart(6)}`,
      );
    }
    lines.push("");
  }
  if (heldOut !== null) {
    lines.push(
      `On ${heldOut.pairs} held-out pairs the reward head prefers the chosen answer in ${percent(heldOut.accuracy).trim()} [${percent(heldOut.low).trim()}, ${percent(heldOut.high).trim()}];`,
    );
    lines.push(
      `before training ${percent(heldOut.untrained).trim()}, the rule "shorter wins" ${percent(heldOut.shorterWins).trim()}. Trained parameters: ${trainable.head} head, ${trainable.gate} gate.`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** The tokens without the space before the first word. */
function trimFirst(tokens: Answer["tokens"]): Answer["tokens"] {
  return tokens.map((token, index) => (index === 0 ? { ...token, text: token.text.trimStart() } : token));
}
