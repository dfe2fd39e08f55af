// Mistakes in sampling and in the policies that decode with heads. A table: nothing here runs.
import type { Mutation } from "../mutation.ts";

const warps = "packages/sampler/src/warps";
const warped = { test: `${warps}/warps.test.ts` };
const policy = {
  file: "packages/methods/src/dual-head/dual-head-policy.ts",
  test: "packages/methods/src/dual-head/dual-head-policy.test.ts",
};

const prefixes = {
  file: "packages/backbone/src/prefix-cache.ts",
  test: "packages/backbone/src/prefix-cache.test.ts",
};
const engine = { file: "packages/sampler/src/engine.ts", test: "packages/sampler/src/scheduler.test.ts" };
const schedulerLaws = "createScheduler() keeps the laws of a scheduler (seed 61) >";

/** Sampling and decoding. */
export const decodingMutations: readonly Mutation[] = [
  {
    id: "temperature-inverse",
    what: "Logits are multiplied by the temperature",
    file: `${warps}/temperature.ts`,
    ...warped,
    find: "value / temperature",
    replace: "value * temperature",
    property: "scaleByTemperature() and addLogitBias() > divide and add",
  },
  {
    id: "top-p-one-short",
    what: "Top-p leaves out the token that reaches p",
    file: `${warps}/top-p.ts`,
    ...warped,
    find: "mass >= topP",
    replace: "mass + Math.exp(logits[id]! - normalizer) >= topP",
    property: "keeps the smallest set of most likely tokens with mass p, at least one",
  },
  {
    id: "top-k-one-more",
    what: "Top-k keeps k + 1 tokens",
    file: `${warps}/top-k.ts`,
    ...warped,
    find: "kept.length === topK",
    replace: "kept.length > topK",
    property: "keepTopK() > equals the first k of a full sort",
  },
  {
    id: "min-p-in-nats",
    what: "Min-p compares logits with a probability",
    file: `${warps}/min-p.ts`,
    ...warped,
    find: "+ Math.log(minP)",
    replace: "- (1 - minP)",
    property: "keeps what has at least minP of the largest probability",
  },
  {
    id: "repetition-rewarded",
    what: "The repetition penalty divides negative logits, which makes repeated tokens likelier",
    file: `${warps}/repetition-penalty.ts`,
    ...warped,
    find: "value < 0 ? value * penalty : value / penalty",
    replace: "value / penalty",
    property: "divides positive and multiplies negative logits of tokens seen",
  },
  {
    id: "warp-order",
    what: "Top-k and top-p act before the temperature",
    file: `${warps}/warp.ts`,
    ...warped,
    find: "if (temperature !== 1) warped = scaleByTemperature(warped, temperature);\n  if (topK > 0) warped = keepTopK(warped, topK);\n  if (topP < 1) warped = keepTopP(warped, topP);",
    replace:
      "if (topK > 0) warped = keepTopK(warped, topK);\n  if (topP < 1) warped = keepTopP(warped, topP);\n  if (temperature !== 1) warped = scaleByTemperature(warped, temperature);",
    property: "warpLogits() > equals the warps in the order of the table",
  },
  {
    id: "sampling-of-uniform",
    what: "Tokens are drawn evenly from what is left",
    file: "packages/sampler/src/distribution.ts",
    test: "packages/sampler/src/distribution.test.ts",
    find: "rest -= weights[id]!;",
    replace: "rest -= total / logits.length;",
    property: "draws with the frequencies of softmax, and never an excluded token",
  },
  {
    id: "scores-shifted",
    what: "Tokens are scored by the distribution after them instead of before",
    ...policy,
    find: "Uint32Array.from(places.inner, ({ row }) => row - 1),",
    replace: "Uint32Array.from(places.inner, ({ row }) => row),",
    property: "createDualHeadPolicy() > scores a continuation by the logits it gives",
  },
  {
    id: "controls-of-first-sequence",
    what: "All sequences of a batch decode under the controls of the first",
    ...policy,
    find: "const controls = entries.map(({ sequence }) => this.#feeder.sequences.get(sequence).controls);",
    replace: "const controls = entries.map(() => this.#feeder.sequences.get(entries[0]!.sequence).controls);",
    property:
      "createDualHeadPolicy() on cpu > decodes different strengths, bounds and weights in one batch as each alone",
  },
  {
    id: "alpha-without-weights",
    what: "The α reported leaves out the weights of the heads",
    file: "packages/gating/src/mixing.ts",
    test: policy.test,
    find: "alpha.map((value, index) => multiply(value, weights[index]!)).reduce(add)",
    replace: "[...alpha].reduce(add)",
    property: "createDualHeadPolicy() > reports the effective α, Σ wᵢαᵢ",
  },
  {
    id: "one-gate-for-all-heads",
    what: "All heads are weighed by the first one's gate",
    ...policy,
    file: "packages/methods/src/policy/feeder.ts",
    find: "gateLogits: read.slice(0, heads.length)",
    replace: "gateLogits: heads.map(() => read[0]!)",
    property: "createDualHeadPolicy() > reports the effective α, Σ wᵢαᵢ",
  },
  {
    id: "features-of-the-last-encoding",
    what: "Every head with an encoding reads the features of the last one",
    ...policy,
    file: "packages/methods/src/policy/feeder.ts",
    find: "read[next++]!",
    replace: "read.at(-1)!",
    property:
      "createDualHeadPolicy() on reference > gives one-hot weights the distribution of that head alone, in mode convex",
  },
  {
    id: "prefix-of-any-ancestors",
    what: "Pages of prefixes are found by their own tokens, whatever came before them",
    ...prefixes,
    find: "const next: Node | undefined = (node?.children ?? this.#roots).get(key);",
    replace: "const next: Node | undefined = [...this.#nodes].find((each) => each.key === key);",
    property: "createPrefixCache() > finds the longest prefix of all that was stored where there is room for all",
  },
  {
    id: "prefix-newest-given-up",
    what: "The prefix used last is given up first",
    ...prefixes,
    find: "const [oldest] = this.#nodes;",
    replace: "const oldest = [...this.#nodes].findLast(({ children }) => children.size === 0);",
    property: "createPrefixCache() > gives up the least recently used first, the end of a prefix before its beginning",
  },
  {
    id: "prefix-pages-kept",
    what: "Pages of prefixes that are given up stay taken",
    ...prefixes,
    find: "    this.cache.release(oldest.page);\n",
    replace: "",
    property: "createPrefixCache() > never exceeds its bytes, finds what was stored last, and gives all pages back",
  },
  {
    id: "prefix-of-the-rest",
    what: "What continues a sequence is looked up as if it began one",
    file: "packages/methods/src/policy/feeder.ts",
    test: "packages/methods/src/policy/prefix.test.ts",
    find: "prefixCache.match([...fed, ...tokens])",
    replace: "prefixCache.match([...tokens, ...fed])",
    property: "prefixes on reference > are those of the whole sequence, fed before or now",
  },
  {
    id: "gate-asked-about-first-rows",
    what: "Gates answer for the first rows that are fed instead of the rows asked for",
    file: "packages/gating/src/attention-gate.ts",
    test: "packages/gating/src/gates.test.ts",
    find: "const asked = rows === undefined ? batch : entriesOf(batch, rows);",
    replace: "const asked = rows === undefined ? batch : entriesOf(batch, rows.map((_, index) => index));",
    property: "extends row by row, in pieces and in mixed batches to what it reads of whole segments on reference",
  },
  {
    id: "scheduler-last-first",
    what: "The request that came last is served first",
    ...engine,
    find: "const run = this.#waiting.shift()!;",
    replace: "const run = this.#waiting.pop()!;",
    property: `${schedulerLaws} opens no more sequences than it may, and serves in order of arrival`,
  },
  {
    id: "scheduler-one-too-many",
    what: "One sequence more than allowed is opened",
    ...engine,
    find: "this.#open.size >= this.#concurrency",
    replace: "this.#open.size > this.#concurrency",
    property: `${schedulerLaws} opens no more sequences than it may, and serves in order of arrival`,
  },
  {
    id: "scheduler-runs-ahead",
    what: "Streams are computed however far ahead of their consumers they are",
    ...engine,
    find: "return [...this.#open].filter(isReady).flatMap((run) => {",
    replace: "return [...this.#open].flatMap((run) => {",
    property: `${schedulerLaws} lets a slow consumer pause its own stream only`,
  },
  {
    id: "scheduler-keeps-places",
    what: "A request that has ended keeps its sequence",
    ...engine,
    find: "this.#open.delete(run);\n    this.#close(run);",
    replace: "this.#open.delete(run);",
    property: `${schedulerLaws} gives each request what it gets alone, in any order of arrival and within any limits`,
  },
];
