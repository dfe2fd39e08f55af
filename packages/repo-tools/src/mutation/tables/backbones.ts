// Mistakes in what distinguishes families of backbones: rotary scaling, fused and turned weights, norms, scores.
// A table: nothing here runs.
import type { Mutation } from "../mutation.ts";

const llama = "packages/backbone-llama/src";
const rope = { file: `${llama}/rope.ts`, test: `${llama}/rope.test.ts` };
const formula = "ropeRotation() agrees with the published formula (seed 9) >";
const gpt2 = "packages/backbone-gpt2/src/load-gpt2.test.ts";

/** Families of backbones. */
export const backboneMutations: readonly Mutation[] = [
  {
    id: "rope-llama3-without-ramp",
    what: "LLaMA 3's rotary scaling has a step where it has a ramp",
    ...rope,
    find: "const kept = clampUnit((turns - low) / (high - low));",
    replace: "const kept = turns > low ? 1 : 0;",
    property: `${formula} llama3`,
  },
  {
    id: "rope-yarn-without-temperature",
    what: "YaRN and LongRoPE turn by the right angles but do not lengthen what they turn",
    ...rope,
    find: '"attentionFactor" in ropeScaling ? ropeScaling.attentionFactor : 1',
    replace: '"attentionFactor" in ropeScaling ? 1 : 1',
    property: `${formula} yarn`,
  },
  {
    id: "fused-rows-all-from-the-first",
    what: "Query, key and value of a fused matrix are all its first rows",
    file: `${llama}/params.ts`,
    test: `${llama}/families.test.ts`,
    find: "const rows = { first, count };",
    replace: "const rows = { first: 0, count };",
    property: "loadLlama() of every family agrees with plain loops over the same files > Phi-3",
  },
  {
    id: "layer-norm-of-squares",
    what: "LayerNorm divides by the root mean square instead of the deviation",
    file: "packages/tensor-core/src/ops/layer-norm/op.ts",
    test: "packages/tensor-core/src/ops/layer-norm/op.test.ts",
    find: "squares += (x[at + k]! - mean) ** 2;",
    replace: "squares += x[at + k]! ** 2;",
    property: "layerNorm() on reference > keeps its figures where the mean is a thousand times the deviation",
  },
  {
    id: "gpt2-maps-not-turned",
    what: "GPT-2's stored maps are taken as rows of outputs",
    file: "packages/backbone-gpt2/src/load-gpt2.ts",
    test: gpt2,
    find: "values[k * count + first + row]!",
    replace: "values[(first + row) * inSize + k]!",
    property: "loadGpt2() agrees with plain loops over the same files > a plain model",
  },
  {
    id: "score-of-padding",
    what: "A reward model scores the padding behind a text",
    file: "packages/backbone/src/scalar-reward.ts",
    test: gpt2,
    find: "if (tokens[index] !== padTokenId) return index;",
    replace: "return index;",
    property: "createScalarReward() > scores forks, cuts and padding as the whole text, and frees its cache",
  },
];
