// Checks of numeric settings as tables; knows no run.
import { TrainingError } from "../errors.ts";

/** What a setting must be: a test and the words for it. */
export type NumberRule = readonly [valid: (value: number) => boolean, required: string];

type RuleName = "positiveInteger" | "count" | "integer" | "aboveZero" | "atLeastZero" | "belowOne";

/** Rules that settings of different runs share. */
export const rules: Readonly<Record<RuleName, NumberRule>> = {
  positiveInteger: [(value) => Number.isSafeInteger(value) && value > 0, "a positive integer"],
  count: [(value) => Number.isSafeInteger(value) && value >= 0, "an integer of at least 0"],
  integer: [Number.isSafeInteger, "an integer"],
  aboveZero: [(value) => value > 0 && Number.isFinite(value), "a positive number"],
  atLeastZero: [(value) => value >= 0 && Number.isFinite(value), "a number of at least 0"],
  belowOne: [(value) => value >= 0 && value < 1, "in [0, 1)"],
};

/** What AdamW, its rate and its clipping must be, in every run. */
export const optimiserRules: Readonly<Record<string, NumberRule>> = {
  warmupFraction: rules.belowOne,
  beta1: rules.belowOne,
  beta2: rules.belowOne,
  epsilon: rules.aboveZero,
  weightDecay: rules.atLeastZero,
  clipNorm: rules.aboveZero,
  seed: rules.integer,
};

/**
 * Checks settings by name.
 *
 * @param verb what cannot be done with them: "train", "pretrain", "tune"
 * @throws TrainingError that names the first setting that cannot be
 */
export function checkSettings(
  verb: string,
  settings: Readonly<Record<string, unknown>>,
  table: Readonly<Record<string, NumberRule>>,
): void {
  for (const [name, [valid, required]] of Object.entries(table)) {
    if (!valid(settings[name] as number)) refuseSetting(verb, name, settings[name], required);
  }
}

/** Throws the error of a setting that cannot be. */
export function refuseSetting(verb: string, name: string, value: unknown, required: string): never {
  throw new TrainingError("options", `Cannot ${verb}: ${name} is ${String(value)} and must be ${required}`);
}

/** Settings without those given as undefined, which would hide their defaults. */
export function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;
}
