// All mutations, in the order of docs/mutations.md.
import type { Mutation } from "../mutation.ts";
import { backboneMutations } from "./backbones.ts";
import { decodingMutations } from "./decoding.ts";
import { engineMutations } from "./engine.ts";
import { evaluationMutations } from "./evaluation.ts";
import { formatMutations } from "./formats.ts";
import { fusionMutations } from "./fusion.ts";
import { judgeMutations } from "./judges.ts";
import { memoryMutations } from "./memory.ts";
import { trainingMutations } from "./training.ts";

/** Every mistake that `npm run mutate` makes. */
export const mutations: readonly Mutation[] = [
  ...fusionMutations,
  ...trainingMutations,
  ...engineMutations,
  ...memoryMutations,
  ...decodingMutations,
  ...formatMutations,
  ...backboneMutations,
  ...judgeMutations,
  ...evaluationMutations,
];
