// Angles of rotary embeddings, on the host in float64: frequencies, the rules that scale them, rotations. Knows no tensor
// and no config file.
import type { LlamaConfig } from "./config.ts";
import type { RopeScaling } from "./rope-scaling.ts";

/** What the angles depend on. */
export interface RopeConfig extends Pick<LlamaConfig, "headSize" | "ropeTheta"> {
  readonly rotarySize?: number | null;
  readonly ropeScaling?: RopeScaling | null;
}

/**
 * Radians a position by which each of a head's R/2 pairs turns: θ^(−2i/R) for pair i, scaled by the config's rule.
 * For rules that change with the sequence's length, those of sequences within `exactPositions`.
 */
export function ropeFrequencies(config: RopeConfig): Float64Array {
  const { ropeTheta, ropeScaling = null } = config;
  const turned = config.rotarySize ?? config.headSize;
  const plain = Float64Array.from({ length: turned / 2 }, (_, pair) => ropeTheta ** ((-2 * pair) / turned));
  switch (ropeScaling?.type) {
    case undefined:
    case "dynamic":
      return plain;
    case "linear":
      return plain.map((frequency) => frequency / ropeScaling.factor);
    case "longrope":
      return plain.map((frequency, pair) => frequency / ropeScaling.shortFactors[pair]!);
    case "llama3": {
      const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxTokens } = ropeScaling;
      return plain.map((frequency) => {
        // Slow pairs, of fewer than `low` turns in the original length, are stretched; fast ones, of more than `high`, are
        // left; between them the share kept grows with the turns.
        const turns = (originalMaxTokens * frequency) / (2 * Math.PI);
        const kept = clampUnit((turns - low) / (high - low));
        return kept * frequency + ((1 - kept) * frequency) / factor;
      });
    }
    case "yarn": {
      const { factor, originalMaxTokens, betaFast, betaSlow, truncate } = ropeScaling;
      // The pair that makes so many turns in the original length.
      const pairOf = (turns: number) =>
        (turned * Math.log(originalMaxTokens / (turns * 2 * Math.PI))) / (2 * Math.log(ropeTheta));
      const [first, last] = [pairOf(betaFast), pairOf(betaSlow)];
      const low = Math.max(truncate ? Math.floor(first) : first, 0);
      const high = Math.min(truncate ? Math.ceil(last) : last, turned - 1);
      // A ramp of no width is a step; the published code widens it by this much.
      const width = low === high ? 0.001 : high - low;
      return plain.map((frequency, pair) => {
        const stretched = clampUnit((pair - low) / width);
        return (1 - stretched) * frequency + (stretched * frequency) / factor;
      });
    }
  }
}

function clampUnit(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

/** The angles, in radians, by which a head's pairs (i, i + R/2) turn at a position. */
export function ropeAngles(config: RopeConfig, position: number): Float64Array {
  return ropeFrequencies(config).map((frequency) => position * frequency);
}

/**
 * The rotation [N, R] of rows at these positions, cosines then sines of each row's R/2 angles: the input of `rope`. Rules
 * with an attention factor lengthen what they turn by it.
 */
export function ropeRotation(config: RopeConfig, positions: Uint32Array): Float64Array {
  const { ropeScaling } = config;
  const frequencies = ropeFrequencies(config);
  const pairCount = frequencies.length;
  const magnitude = ropeScaling && "attentionFactor" in ropeScaling ? ropeScaling.attentionFactor : 1;
  const rotation = new Float64Array(2 * positions.length * pairCount);
  for (const [row, position] of positions.entries()) {
    for (const [pair, frequency] of frequencies.entries()) {
      const at = 2 * row * pairCount + pair;
      rotation[at] = magnitude * Math.cos(position * frequency);
      rotation[at + pairCount] = magnitude * Math.sin(position * frequency);
    }
  }
  return rotation;
}
