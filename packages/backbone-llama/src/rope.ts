// Angles of rotary embeddings, on the host in float64: frequencies, the rules that scale them, rotations. Knows no tensor
// and no config file.
import type { LlamaConfig } from "./config.ts";
import type { RopeScaling } from "./rope-scaling.ts";

/** What the angles depend on. */
export interface RopeConfig extends Pick<LlamaConfig, "headSize" | "ropeTheta"> {
  readonly ropeScaling?: RopeScaling | null;
}

/**
 * Radians a position by which each of a head's K/2 pairs turns: θ^(−2i/K) for pair i, scaled by the config's rule.
 * For rules that change with the sequence's length, those of sequences within `exactPositions`.
 */
export function ropeFrequencies({ headSize, ropeTheta, ropeScaling = null }: RopeConfig): Float64Array {
  const plain = Float64Array.from({ length: headSize / 2 }, (_, pair) => ropeTheta ** ((-2 * pair) / headSize));
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
        (headSize * Math.log(originalMaxTokens / (turns * 2 * Math.PI))) / (2 * Math.log(ropeTheta));
      const [first, last] = [pairOf(betaFast), pairOf(betaSlow)];
      const low = Math.max(truncate ? Math.floor(first) : first, 0);
      const high = Math.min(truncate ? Math.ceil(last) : last, headSize - 1);
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

/** The angles, in radians, by which a head's pairs (i, i + K/2) turn at a position. */
export function ropeAngles(config: RopeConfig, position: number): Float64Array {
  return ropeFrequencies(config).map((frequency) => position * frequency);
}

/**
 * The rotation [N, K] of rows at these positions, cosines then sines of each row's K/2 angles: the input of `rope`. Rules
 * with an attention factor lengthen what they turn by it.
 */
export function ropeRotation(config: RopeConfig, positions: Uint32Array): Float64Array {
  const { headSize, ropeScaling } = config;
  const frequencies = ropeFrequencies(config);
  const magnitude = ropeScaling && "attentionFactor" in ropeScaling ? ropeScaling.attentionFactor : 1;
  const rotation = new Float64Array(positions.length * headSize);
  for (const [row, position] of positions.entries()) {
    for (const [pair, frequency] of frequencies.entries()) {
      const at = row * headSize + pair;
      rotation[at] = magnitude * Math.cos(position * frequency);
      rotation[at + headSize / 2] = magnitude * Math.sin(position * frequency);
    }
  }
  return rotation;
}
