// An arm of an evaluation as data: a method, the model it works on, what it is trained for, and its knobs. Knows nothing of
// how it is run.
import { createHash } from "node:crypto";

/** The methods that can be compared. */
export const methodIds = [
  "base",
  "dual-head",
  "multi-objective",
  "genarm",
  "args",
  "dpo",
  "simpo",
  "best-of-n",
  "proxy-tuning",
  "mod",
  "cards",
] as const;

/** Name of a method, as its folder in packages/methods. */
export type MethodId = (typeof methodIds)[number];

/** What a method is told at run time: strength, topK, count, … */
export type Knobs = Readonly<Record<string, number>>;

/** Settings of a training by their names in `@dual-head/train`; nested for head and gate. */
export type PartSettings = Readonly<Record<string, unknown>>;

/** What is trained of a method: reward heads with their gate, or a whole model by one of the objectives. */
export type PartKind = "heads" | "genarm" | "dpo" | "simpo" | "bradley-terry";

/** One thing to be trained. */
export interface PartSpec {
  readonly kind: PartKind;
  /** A backbone by its role in the config. */
  readonly backbone: string;
  readonly reward: string;
  readonly settings: PartSettings;
  /** Draws the pairs that it is trained on and its training; the configuration's where it is left out. */
  readonly seed?: number | undefined;
}

/** A method on a backbone, ready to be run. */
export interface Arm {
  /** As in tables. */
  readonly name: string;
  readonly method: MethodId;
  /** A backbone by its role in the config. */
  readonly backbone: string;
  /** What its parts are trained for; several for methods that mix objectives. */
  readonly rewards: readonly string[];
  /** Shares of these rewards, where there are several. */
  readonly weights?: readonly number[] | undefined;
  readonly knobs: Knobs;
  /** Settings of its parts' training. */
  readonly training: PartSettings;
  /** The backbone that separate reward models and experts are made of; the arm's own by default. */
  readonly helper?: string | undefined;
  /** Draws pairs and training of its parts; the configuration's where it is left out. Prompts and answers keep the latter. */
  readonly seed?: number | undefined;
}

/** A short name of a value: equal values have equal names, whatever the order of their keys. */
export function keyOf(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(value)))
    .digest("hex")
    .slice(0, 16);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  );
}
