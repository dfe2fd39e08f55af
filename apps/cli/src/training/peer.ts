// Training by the recipe of a peer method from the command line: options to a tuning, events to lines, what is trained to a
// folder. Knows no formula.
import { copyFile } from "node:fs/promises";
import type { LoadedLlama } from "@dual-head/backbone-llama";
import { createDirectory, findPathKind, writeFileAtomic } from "@dual-head/bytes";
import type { PreferencePair } from "@dual-head/data";
import { recipeSettings, type TrainedPart } from "@dual-head/methods";
import {
  cardFileName,
  completeTuneSettings,
  freeTree,
  type PreparedData,
  prepareData,
  type TuneEvent,
  type TuneSettings,
  type TuneSummary,
  tune,
  tuneCard,
} from "@dual-head/train";
import { filesBeside } from "../export/source-model.ts";
import { createProgress, formatBytes, formatDuration, type Io, toJson, UsageError } from "../io.ts";
import { type LlamaTuning, tuneLora, tuneScored, tuneScoreOnly, tuneWhole } from "./llama-tuning.ts";
import { type PeerMethod, peerRecipes } from "./methods.ts";
import type { TrainableModel } from "./open.ts";
import { describeHeldOut, notePrepared } from "./report.ts";

/** What the options say of a peer method. */
export interface PeerOptions {
  readonly model: string;
  readonly out: string;
  readonly lora?: number;
  readonly whole?: boolean;
  readonly scoreOnly?: boolean;
  readonly beta?: number;
  readonly labelSmoothing?: number;
  readonly gammaRatio?: number;
  readonly margin?: number;
  readonly centre?: number;
  readonly heldOut?: number;
  readonly maxTokens?: number;
  readonly checkpointEvery?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** Trains a model by a method's recipe and prints what comes of it. */
export async function trainPeer(
  method: PeerMethod,
  options: PeerOptions,
  given: Partial<TuneSettings>,
  model: TrainableModel,
  pairs: readonly PreferencePair[],
  io: Io,
): Promise<void> {
  const recipe = peerRecipes[method];
  const { tokenizer, device } = model;
  const { llama } = model.loaded;
  if (llama === null) {
    throw new UsageError(
      `Cannot train by ${method}: ${options.model} is not of the LLaMA family, whose folders are written; use another model`,
    );
  }
  const { config, params, generation } = llama;
  const part = partOf(method, options);
  const settings = completeTuneSettings({ ...recipeSettings(recipe, config.hiddenSize, part), ...given });
  const padTokenId = tokenizer.eosTokens[0] ?? null;
  // A text to be scored is read to its last token, which is its end where there is one to pass over.
  const positions = config.maxTokens - (part === "scored" && padTokenId === null ? 1 : 0);
  const data = await prepareData(tokenizer, pairs, null, {
    maxTokens: Math.min(positions, options.maxTokens ?? positions),
    heldOut: options.heldOut ?? 0.1,
    seed: settings.seed,
  });
  const { cutCount, dropped } = data;
  notePrepared({ pairCount: data.pairs.length, heldOutCount: data.heldOut.length, cutCount, dropped }, io);
  const tuned = { device, config, params, generation, name: options.model };
  const run = <Trained>(tuning: LlamaTuning<Trained>) =>
    runTuning({ method, options, settings, model, backbone: llama.backbone, data, tuning, io });
  if (part === "lora") {
    const rank = options.lora ?? recipe.lora!.rank;
    // As wide a step as the recipe's, whatever the rank.
    using tuning = tuneLora(tuned, { ...recipe.lora!, rank, alpha: 2 * rank }, settings.seed);
    await run(tuning);
  } else if (part === "scored") {
    const score = { padTokenId, seed: settings.seed };
    if (options.scoreOnly === true) {
      using tuning = tuneScoreOnly(tuned, score);
      await run(tuning);
    } else {
      using tuning = tuneScored(tuned, score);
      await run(tuning);
    }
  } else {
    using tuning = tuneWhole(tuned);
    await run(tuning);
  }
}

function partOf(method: PeerMethod, { lora, whole }: PeerOptions): TrainedPart {
  if (whole === true) return "whole";
  return lora === undefined ? peerRecipes[method].trains : "lora";
}

interface TuningRun<Trained> {
  readonly method: PeerMethod;
  readonly options: PeerOptions;
  readonly settings: TuneSettings;
  readonly model: TrainableModel;
  readonly backbone: LoadedLlama["backbone"];
  readonly data: PreparedData;
  readonly tuning: LlamaTuning<Trained>;
  readonly io: Io;
}

async function runTuning<Trained>(run: TuningRun<Trained>): Promise<void> {
  const { method, options, settings, model, data, tuning, io } = run;
  const { loaded, device, tokenizer } = model;
  const recipe = peerRecipes[method];
  const { beta, labelSmoothing, gammaRatio, margin, centre, out } = options;
  const numbers = Object.entries({ beta, labelSmoothing, gammaRatio, margin, centre });
  const objective = recipe.objective(Object.fromEntries(numbers.filter(([, value]) => value !== undefined)));
  const progress = createProgress(io);
  let summary: TuneSummary | null = null;
  try {
    for await (const event of tune({
      device,
      backbone: run.backbone,
      trainable: tuning.trainable,
      objective,
      modelSha256: loaded.sha256,
      pairs: data.pairs,
      heldOut: data.heldOut,
      folder: out,
      settings,
      outputs: [...tuning.outputs, cardFileName],
      async save(trained, figures) {
        if (tuning.isModel) await copyTokenizer(model, out, io);
        await tuning.save(out, trained, { method, dataSha256: data.sha256, backboneSha256: loaded.sha256 });
        const card = tuneCard({
          title: recipe.title,
          holds: tuning.holds,
          trained: tuning.trained,
          backboneSha256: loaded.sha256,
          backboneDtype: loaded.dtype,
          tokenizerSha256: tokenizer.sha256,
          dataSha256: data.sha256,
          objective: objective.config,
          settings,
          figures,
        });
        await writeFileAtomic(`${out}/${cardFileName}`, card);
      },
      resume: options.resume,
      checkpointInterval: options.checkpointEvery,
      signal: io.signal,
    })) {
      if (event.kind === "end") {
        summary = event.summary;
        freeTree(event.trained);
      } else if (options.json === true && event.kind === "step") io.out(`${toJson(event)}\n`);
      const line = tuneProgress(event);
      if (line !== null) progress.show(line);
    }
  } finally {
    progress.end();
  }
  if (summary === null) throw new Error("Cannot sum up the training: it ended without a summary");
  const { trained } = tuning;
  io.out(options.json === true ? `${toJson(summary)}\n` : describeTuning(summary, trained, out));
}

/** A model's folder has its tokenizer beside the weights. */
async function copyTokenizer({ tokenizerPath }: TrainableModel, folder: string, io: Io): Promise<void> {
  await createDirectory(folder);
  if ((await findPathKind(tokenizerPath)) === "directory") {
    for (const [name, bytes] of await filesBeside(tokenizerPath)) await writeFileAtomic(`${folder}/${name}`, bytes);
    return;
  }
  const name = tokenizerPath.replace(/^.*[/\\]/, "");
  if (/\.gguf$/i.test(name)) io.note(`the tokenizer stays in ${name}: name it with --tokenizer\n`);
  else await copyFile(tokenizerPath, `${folder}/${name}`);
}

/** The line of progress for an event, or null. */
function tuneProgress<Trained>(event: TuneEvent<Trained>): string | null {
  if (event.kind === "reference") {
    return `reference ${event.done}/${event.total}, ${formatDuration(event.etaSeconds)} left`;
  }
  if (event.kind !== "step") return null;
  const { step, totalSteps, loss, margin, accuracy, etaSeconds } = event;
  return `step ${step}/${totalSteps}  loss ${loss.toFixed(4)}  margin ${margin.toFixed(3)}  accuracy ${accuracy.toFixed(2)}  ${formatDuration(etaSeconds)} left`;
}

/** The summary for people. */
function describeTuning(summary: TuneSummary, trained: string, out: string): string {
  const { steps, seconds, tokensPerSecond, peakBytes, trainable, heldOut, heldOutLoss } = summary;
  const lines = [
    `${steps} steps in ${formatDuration(seconds)}, ${tokensPerSecond.toFixed(0)} tokens/s, peak ${formatBytes(peakBytes)}`,
    `trained ${trainable} parameters: ${trained}`,
    `loss ${summary.trainLossAtStart.toFixed(4)} (first tenth of steps) → ${summary.trainLoss.toFixed(4)} (last tenth)`,
    describeHeldOut(heldOut, "model"),
    ...(heldOutLoss === null
      ? []
      : [`held-out loss ${heldOutLoss.untrained.toFixed(4)} → ${heldOutLoss.trained.toFixed(4)}`]),
    `written to ${out}`,
  ];
  return `${lines.join("\n")}\n`;
}
