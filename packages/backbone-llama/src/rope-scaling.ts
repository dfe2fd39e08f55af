// Rules that stretch rotary embeddings past the length a model was first trained on: from the keys of a config and
// back. Knows no angle; the formulas are in rope.ts.
import * as v from "valibot";

/** One rule with its numbers. */
export type RopeScaling =
  | { readonly type: "linear"; readonly factor: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalMaxTokens: number;
    }
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalMaxTokens: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Whether the ramp's ends are rounded outwards to whole pairs. */
      readonly truncate: boolean;
      /** Cosines and sines are multiplied by it. */
      readonly attentionFactor: number;
    }
  | { readonly type: "dynamic"; readonly factor: number; readonly originalMaxTokens: number }
  | {
      readonly type: "longrope";
      /** Divisors of the frequencies, one a pair, up to the original length and beyond it. */
      readonly shortFactors: readonly number[];
      readonly longFactors: readonly number[];
      readonly originalMaxTokens: number;
      /** Positions the long factors reach. */
      readonly extendedMaxTokens: number;
      /** Cosines and sines are multiplied by it. */
      readonly attentionFactor: number;
    };

/** What a rule is read beside. */
export interface RopeContext {
  /** `max_position_embeddings` */
  readonly maxTokens: number;
  /** `original_max_position_embeddings` of the config itself, or null. */
  readonly originalMaxTokens: number | null;
  /** Pairs that turn. */
  readonly pairCount: number;
  /** Other names of longrope. */
  readonly longRopeNames: readonly string[];
}

/**
 * Positions within which the rule's angles do not depend on how long the sequence will be, or null for all. Past them
 * keys already turned and cached would have to turn otherwise.
 */
export function exactPositions(scaling: RopeScaling | null): number | null {
  return scaling?.type === "dynamic" || scaling?.type === "longrope" ? scaling.originalMaxTokens : null;
}

// Wide bounds that keep every frequency finite.
const positive = v.pipe(v.number(), v.minValue(1e-6), v.maxValue(1e6));
const length = v.pipe(v.number(), v.safeInteger(), v.minValue(2), v.maxValue(2 ** 31 - 1));
const factors = (count: number) => v.pipe(v.array(positive), v.length(count));

/** Keys that an object of a rule may have: those of some rule, and two that change nothing. */
export const ropeKeys: readonly string[] = [
  ...["rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "original_max_position_embeddings"],
  ...["attention_factor", "low_freq_factor", "high_freq_factor", "beta_fast", "beta_slow", "truncate"],
  ...["mscale", "mscale_all_dim", "short_factor", "long_factor", "finetuned", "max_position_embeddings"],
];

const types = ["default", "linear", "llama3", "yarn", "dynamic", "longrope"];

/**
 * Parses a `rope_scaling` or `rope_parameters` object; null where it scales nothing.
 *
 * @param refuse throws an error that names the key of the object, given what it must be
 */
export function ropeScalingFrom(
  rope: Readonly<Record<string, unknown>>,
  context: RopeContext,
  refuse: (requirement: string) => never,
): RopeScaling | null {
  const named = rope.rope_type ?? rope.type ?? refuse(`an object whose "rope_type" is one of ${types.join(", ")}`);
  const type = context.longRopeNames.includes(String(named)) ? "longrope" : named;
  const parse = <Schema extends v.GenericSchema>(schema: Schema): v.InferOutput<Schema> => {
    const parsed = v.safeParse(schema, rope);
    if (parsed.success) return parsed.output;
    const [issue] = parsed.issues;
    const key = JSON.stringify(String(issue.path?.[0]?.key ?? ""));
    return refuse(`an object of rope_type ${String(named)} whose ${key} is ${requirements[String(key)] ?? "valid"}`);
  };
  const own = v.nullish(length);
  switch (type) {
    case "default":
      return null;
    case "linear":
      return { type: "linear", factor: parse(v.looseObject({ factor: positive })).factor };
    case "dynamic": {
      const { factor, original_max_position_embeddings: original } = parse(
        v.looseObject({ factor: positive, original_max_position_embeddings: own }),
      );
      return { type: "dynamic", factor, originalMaxTokens: original ?? context.originalMaxTokens ?? context.maxTokens };
    }
    case "llama3": {
      const given = parse(
        v.looseObject({
          factor: positive,
          low_freq_factor: positive,
          high_freq_factor: positive,
          original_max_position_embeddings: length,
        }),
      );
      if (given.high_freq_factor <= given.low_freq_factor) {
        return refuse('an object of rope_type llama3 whose "high_freq_factor" is above its "low_freq_factor"');
      }
      return {
        type: "llama3",
        factor: given.factor,
        lowFrequencyFactor: given.low_freq_factor,
        highFrequencyFactor: given.high_freq_factor,
        originalMaxTokens: given.original_max_position_embeddings,
      };
    }
    case "yarn": {
      const given = parse(
        v.looseObject({
          factor: positive,
          original_max_position_embeddings: own,
          beta_fast: v.nullish(positive, 32),
          beta_slow: v.nullish(positive, 1),
          truncate: v.nullish(v.boolean(), true),
          attention_factor: v.nullish(positive),
          mscale: v.nullish(positive),
          mscale_all_dim: v.nullish(positive),
        }),
      );
      if (given.beta_fast < given.beta_slow) {
        return refuse('an object of rope_type yarn whose "beta_fast" is at least its "beta_slow"');
      }
      const { factor, mscale, mscale_all_dim: allDim } = given;
      const magnitude = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
      const implied = mscale && allDim ? magnitude(mscale) / magnitude(allDim) : magnitude(1);
      return {
        type: "yarn",
        factor,
        originalMaxTokens: given.original_max_position_embeddings ?? context.originalMaxTokens ?? context.maxTokens,
        betaFast: given.beta_fast,
        betaSlow: given.beta_slow,
        truncate: given.truncate,
        attentionFactor: given.attention_factor ?? implied,
      };
    }
    case "longrope": {
      const given = parse(
        v.looseObject({
          short_factor: factors(context.pairCount),
          long_factor: factors(context.pairCount),
          factor: v.nullish(positive),
          attention_factor: v.nullish(positive),
          original_max_position_embeddings: own,
        }),
      );
      const original = context.originalMaxTokens ?? given.original_max_position_embeddings ?? context.maxTokens;
      const ratio = context.maxTokens / original;
      const factor = given.factor ?? ratio;
      // Readers of this format differ in which of the two they believe, so only agreement is safe.
      if (given.attention_factor == null && ratio !== 1 && Math.abs(factor - ratio) > 1e-6 * ratio) {
        return refuse(
          `an object of rope_type longrope whose "factor" is ${ratio}, max_position_embeddings over original_max_position_embeddings, or that gives "attention_factor"`,
        );
      }
      if (original < 2) return refuse("left out, or beside an original_max_position_embeddings from 2 on");
      const implied = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
      return {
        type: "longrope",
        shortFactors: given.short_factor,
        longFactors: given.long_factor,
        originalMaxTokens: original,
        extendedMaxTokens: context.maxTokens,
        attentionFactor: given.attention_factor ?? implied,
      };
    }
    default:
      return refuse(`an object whose "rope_type" is one of ${types.join(", ")}; other scalings are not supported`);
  }
}

const requirements: Readonly<Record<string, string>> = {
  '"factor"': "a number from 1e-6 to 1e6",
  '"low_freq_factor"': "a number from 1e-6 to 1e6",
  '"high_freq_factor"': "a number from 1e-6 to 1e6",
  '"beta_fast"': "a number from 1e-6 to 1e6",
  '"beta_slow"': "a number from 1e-6 to 1e6",
  '"attention_factor"': "a number from 1e-6 to 1e6",
  '"mscale"': "a number from 1e-6 to 1e6",
  '"mscale_all_dim"': "a number from 1e-6 to 1e6",
  '"truncate"': "true or false",
  '"original_max_position_embeddings"': "an integer from 2 on",
  '"short_factor"': "a list of numbers from 1e-6 to 1e6, one for each pair that turns",
  '"long_factor"': "a list of numbers from 1e-6 to 1e6, one for each pair that turns",
};

/** The object that `ropeScalingFrom` reads back, or null. */
export function ropeScalingJson(scaling: RopeScaling | null): Readonly<Record<string, unknown>> | null {
  switch (scaling?.type) {
    case undefined:
      return null;
    case "linear":
      return { rope_type: "linear", factor: scaling.factor };
    case "dynamic":
      return {
        rope_type: "dynamic",
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalMaxTokens,
      };
    case "llama3":
      return {
        rope_type: "llama3",
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalMaxTokens,
      };
    case "yarn":
      return {
        rope_type: "yarn",
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalMaxTokens,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        truncate: scaling.truncate,
        attention_factor: scaling.attentionFactor,
      };
    case "longrope":
      return {
        rope_type: "longrope",
        short_factor: scaling.shortFactors,
        long_factor: scaling.longFactors,
        original_max_position_embeddings: scaling.originalMaxTokens,
        attention_factor: scaling.attentionFactor,
      };
  }
}
