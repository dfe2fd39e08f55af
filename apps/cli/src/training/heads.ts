// Training of a reward head and a gate from the command line: options to settings, events to lines.
// Knows no other method.
import type { PreferencePair, SftExample } from "@dual-head/data";
import type { HeadConfig } from "@dual-head/heads";
import { defaultGate, type TrainEvent, type TrainingSettings, type TrainingSummary, train } from "@dual-head/train";
import { createProgress, formatBytes, formatDuration, type Io, toJson } from "../io.ts";
import type { TrainableModel } from "./open.ts";
import { describeHeldOut, notePrepared } from "./report.ts";

/** What the options say of head and gate. */
export interface HeadsOptions {
  readonly out: string;
  readonly gateWidth?: number;
  readonly gateHeads?: number;
  readonly head: HeadConfig["kind"];
  readonly rank: number;
  readonly headWidth: number;
  readonly headHeads: number;
  readonly headFeedForward?: number;
  readonly headBias: boolean;
  readonly headInit: "base" | "zero" | "random";
  readonly alpha?: number;
  readonly checkpointEvery?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

function headConfigOf({
  head,
  headInit,
  headBias: bias,
  rank,
  headWidth,
  headHeads,
  headFeedForward,
}: HeadsOptions): HeadConfig {
  switch (head) {
    case "linear":
      return { kind: head, initialise: headInit, bias };
    case "low-rank":
      return { kind: head, rank, bias };
    case "residual":
      return { kind: head, width: headWidth, bias };
    case "block":
      return {
        kind: head,
        width: headWidth,
        headCount: headHeads,
        feedForwardSize: headFeedForward ?? 2 * headWidth,
        bias,
      };
  }
}

/** Trains heads on pairs and prints what comes of it. */
export async function trainHeads(
  options: HeadsOptions,
  settings: Partial<TrainingSettings>,
  { device, loaded, tokenizer }: TrainableModel,
  data: { readonly pairs: readonly PreferencePair[]; readonly supervised: readonly SftExample[] | undefined },
  io: Io,
): Promise<void> {
  const { hiddenSize } = loaded.config;
  const attention = defaultGate(hiddenSize);
  const progress = createProgress(io);
  let summary: TrainingSummary | null = null;
  try {
    for await (const event of train({
      device,
      backbone: loaded.backbone,
      params: loaded.params,
      backboneSha256: loaded.sha256,
      backboneDtype: loaded.dtype,
      tokenizer,
      ...data,
      folder: options.out,
      head: headConfigOf(options),
      gate:
        options.alpha === undefined
          ? {
              ...attention,
              width: options.gateWidth ?? widthFor(attention, options.gateHeads),
              headCount: options.gateHeads ?? attention.headCount,
            }
          : { kind: "constant", alpha: options.alpha },
      settings,
      resume: options.resume,
      checkpointInterval: options.checkpointEvery,
      signal: io.signal,
    })) {
      if (event.kind === "end") summary = event.summary;
      else if (options.json === true && event.kind === "step") io.out(`${toJson(event)}\n`);
      const line = progressLine(event);
      if (line !== null) progress.show(line);
      if (event.kind === "prepared") {
        progress.end();
        notePrepared(event, io);
        if (event.startStep > 0) io.note(`going on from step ${event.startStep}\n`);
      }
    }
  } finally {
    progress.end();
  }
  if (summary === null) throw new Error("Cannot sum up the training: it ended without a summary");
  io.out(options.json === true ? `${toJson(summary)}\n` : describeSummary(summary, options.out));
}

/** A width the heads divide, as near as can be to the default. */
function widthFor(
  attention: { readonly width: number; readonly headCount: number },
  headCount = attention.headCount,
): number {
  return Math.max(1, Math.round(attention.width / headCount)) * headCount;
}

/** The line of progress for an event, or null. */
export function progressLine(event: TrainEvent): string | null {
  if (event.kind === "features") {
    return `hidden states ${event.done}/${event.total}, ${formatDuration(event.etaSeconds)} left`;
  }
  if (event.kind !== "step") return null;
  const { step, totalSteps, loss, lm, preference, accuracy, alphaMean, etaSeconds } = event;
  return `step ${step}/${totalSteps}  loss ${loss.toFixed(4)}  lm ${lm.toFixed(3)}  preference ${preference.toFixed(3)}  accuracy ${accuracy.toFixed(2)}  alpha ${alphaMean.toFixed(2)}  ${formatDuration(etaSeconds)} left`;
}

/** The summary for people. */
function describeSummary(
  { steps, trainLoss, trainLossAtStart, heldOut, trainable, seconds, tokensPerSecond, peakBytes }: TrainingSummary,
  out: string,
): string {
  const lines = [
    `${steps} steps in ${formatDuration(seconds)}, ${tokensPerSecond.toFixed(0)} response tokens/s, peak ${formatBytes(peakBytes)}`,
    `trained ${trainable.head + trainable.gate} parameters: head ${trainable.head}, gate ${trainable.gate}`,
    `loss ${trainLossAtStart.toFixed(4)} (first tenth of steps) → ${trainLoss.toFixed(4)} (last tenth)`,
    describeHeldOut(heldOut, "head"),
    `heads in ${out}`,
  ];
  return `${lines.join("\n")}\n`;
}
