// Everything that decides the numbers of a tuning beside model, objective and data, with defaults and checks.
import { checkSettings, optimiserRules, rules, withoutUndefined } from "../run/check-settings.ts";

/** Settings of a tuning; equal settings, data, model, objective, device and kernel variant give equal bits. */
export interface TuneSettings {
  readonly epochs: number;
  /** Pairs per optimiser step. */
  readonly batchSize: number;
  /** Peak rate of AdamW. */
  readonly learningRate: number;
  /** Share of the steps in which the rate climbs; then it falls as half a cosine. */
  readonly warmupFraction: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decay of matrices; vectors have none. */
  readonly weightDecay: number;
  /** Largest global norm of the gradient. */
  readonly clipNorm: number;
  /** Tokens on the device at once; a larger pair is taken alone. */
  readonly microBatchTokens: number;
  /** Of the order of the pairs. */
  readonly seed: number;
}

/** Defaults where a method's recipe names none. */
export const defaultTuneSettings: TuneSettings = {
  epochs: 1,
  batchSize: 32,
  learningRate: 1e-5,
  warmupFraction: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: 1,
  microBatchTokens: 4096,
  seed: 0,
};

/**
 * Settings with defaults for what is not given.
 *
 * @throws TrainingError that names the first setting that cannot be
 */
export function completeTuneSettings(given: Partial<TuneSettings>): TuneSettings {
  const settings = { ...defaultTuneSettings, ...withoutUndefined(given) };
  checkSettings(
    "tune",
    { ...settings },
    {
      ...optimiserRules,
      epochs: rules.positiveInteger,
      batchSize: rules.positiveInteger,
      learningRate: rules.aboveZero,
      microBatchTokens: rules.positiveInteger,
    },
  );
  return settings;
}
