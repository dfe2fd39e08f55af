// Angles of rotary embeddings, on the host in float64. Knows no tensor; scaling rules have their place in ropeAngles.
import type { LlamaConfig } from "./config.ts";

/** What the angles depend on. */
export type RopeConfig = Pick<LlamaConfig, "headSize" | "ropeTheta">;

/** The K/2 angles, in radians, by which a head's pairs (i, i + K/2) turn at a position: position·θ^(−2i/K). */
export function ropeAngles({ headSize, ropeTheta }: RopeConfig, position: number): Float64Array {
  return Float64Array.from({ length: headSize / 2 }, (_, pair) => position * ropeTheta ** ((-2 * pair) / headSize));
}

/** The rotation [N, K] of rows at these positions, cosines then sines of each row's K/2 angles: the input of `rope`. */
export function ropeRotation(config: RopeConfig, positions: Uint32Array): Float64Array {
  const { headSize } = config;
  const rotation = new Float64Array(positions.length * headSize);
  for (const [row, position] of positions.entries()) {
    for (const [pair, angle] of ropeAngles(config, position).entries()) {
      rotation[row * headSize + pair] = Math.cos(angle);
      rotation[row * headSize + headSize / 2 + pair] = Math.sin(angle);
    }
  }
  return rotation;
}
