// The loop of every training: rate, step, metrics, checkpoints, abort. Knows neither what is trained nor on what.
import type { MetricsLog } from "../metrics.ts";
import { cosineRate } from "../schedule.ts";
import { refuseSetting, rules } from "./check-settings.ts";

/** What a step gives: its figures before the update, and the tokens it took. */
export interface StepOutcome<Figures> {
  readonly figures: Figures;
  readonly tokenCount: number;
}

/** What the loop adds to the figures of a step. */
export interface StepClock {
  /** From 1. */
  readonly step: number;
  readonly learningRate: number;
  readonly tokensPerSecond: number;
}

/** A loop to run. */
export interface StepLoop<Figures, Saved> {
  /** Steps taken so far, by the optimiser. */
  readonly stepCount: () => number;
  readonly totalSteps: number;
  /** Peak rate, and the share of the steps in which it climbs. */
  readonly learningRate: number;
  readonly warmupFraction: number;
  readonly checkpointInterval: number;
  readonly metrics: MetricsLog<StepClock & Figures>;
  /** Seconds of former parts of this run. */
  readonly formerSeconds: number;
  readonly signal?: AbortSignal | undefined;
  /** Takes step `step`. */
  take(step: number, learningRate: number): Promise<StepOutcome<Figures>>;
  /** Writes what the run can be resumed from; null where nothing is written. */
  readonly save: ((seconds: number) => Promise<Saved>) | null;
}

/** An event of the loop. */
export type LoopEvent<Figures, Saved> =
  | ({ readonly kind: "step"; readonly totalSteps: number; readonly etaSeconds: number } & StepClock & Figures)
  | ({ readonly kind: "checkpoint" } & Saved);

/** What the loop led to. */
export interface LoopTotals {
  /** Seconds of steps, over all parts of the run. */
  readonly seconds: number;
  /** Tokens a second in this part. */
  readonly tokensPerSecond: number;
  /** The step of the last checkpoint, or the one the loop began after. */
  readonly savedStep: number;
}

/** Throws TrainingError where the steps between checkpoints are none. */
export function checkInterval(verb: string, checkpointInterval: number): number {
  const [valid, required] = rules.positiveInteger;
  return valid(checkpointInterval)
    ? checkpointInterval
    : refuseSetting(verb, "checkpointInterval", checkpointInterval, required);
}

/**
 * Runs the steps that are left. An abort saves the last whole step and throws the signal's reason; what the last step
 * leaves to be saved is the caller's.
 */
export async function* runSteps<Figures extends object, Saved extends object>(
  loop: StepLoop<Figures, Saved>,
): AsyncGenerator<LoopEvent<Figures, Saved>, LoopTotals, undefined> {
  const { totalSteps, checkpointInterval, metrics, formerSeconds, signal } = loop;
  const startStep = loop.stepCount();
  const rate = {
    learningRate: loop.learningRate,
    stepCount: totalSteps,
    warmupStepCount: Math.round(loop.warmupFraction * totalSteps),
  };
  let seconds = 0;
  let tokens = 0;
  let savedStep = startStep;
  const save = async function* (): AsyncGenerator<LoopEvent<Figures, Saved>, void, undefined> {
    if (loop.save === null || loop.stepCount() === savedStep) return;
    const saved = await loop.save(formerSeconds + seconds);
    savedStep = loop.stepCount();
    yield { kind: "checkpoint", ...saved };
  };
  for (let step = startStep + 1; step <= totalSteps; step++) {
    if (signal?.aborted) {
      yield* save();
      signal.throwIfAborted();
    }
    const started = performance.now();
    const learningRate = cosineRate(step, rate);
    const { figures, tokenCount } = await loop.take(step, learningRate);
    const elapsed = (performance.now() - started) / 1000;
    seconds += elapsed;
    tokens += tokenCount;
    const entry = { step, ...figures, learningRate, tokensPerSecond: tokenCount / elapsed };
    await metrics.append(entry);
    const etaSeconds = ((totalSteps - step) * seconds) / (step - startStep);
    yield { kind: "step", ...entry, totalSteps, etaSeconds };
    if (step % checkpointInterval === 0 && step < totalSteps) yield* save();
  }
  return { seconds: formerSeconds + seconds, tokensPerSecond: seconds > 0 ? tokens / seconds : 0, savedStep };
}
