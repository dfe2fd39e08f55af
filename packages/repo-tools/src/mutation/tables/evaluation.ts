// Mistakes in the statistics of evaluation: votes, intervals, KL, overlap, coherence. A table: nothing here runs.
import type { Mutation } from "../mutation.ts";

const evaluation = "packages/eval/src";
const intervals = { test: `${evaluation}/intervals/intervals.test.ts` };
const crossed = {
  file: `${evaluation}/intervals/crossed-mean.ts`,
  test: `${evaluation}/intervals/crossed-mean.test.ts`,
};
const paired = { file: `${evaluation}/intervals/paired.ts`, test: `${evaluation}/intervals/paired.test.ts` };
const votes = { file: `${evaluation}/win-rate/outcome.ts`, test: `${evaluation}/win-rate/win-rate.test.ts` };
const kl = { test: `${evaluation}/frontier/kl.test.ts` };
const choices = { test: `${evaluation}/multiple-choice/multiple-choice.test.ts` };
const overlap = { test: `${evaluation}/overlap/overlap.test.ts` };

/** Figures and how sure they are. */
export const evaluationMutations: readonly Mutation[] = [
  {
    id: "unparsed-is-a-tie",
    what: "A verdict that cannot be read counts as a tie",
    file: votes.file,
    test: `${evaluation}/win-rate/unparsed.test.ts`,
    find: 'if (winner === "unparsed") return null;',
    replace: 'if (winner === "unparsed") return 0.5;',
    property: "they leave the rate where it is, which the lossy rule moves towards a half",
  },
  {
    id: "one-order-suffices",
    what: "Where the orders disagree the first is believed",
    ...votes,
    find: "return one === other ? one : 0.5;",
    replace: "return one;",
    property: "winRateOfBoth() > of a judge who always takes the first place is even, and says so",
  },
  {
    id: "deviation-over-n",
    what: "The variance of a sample is divided by n",
    file: `${evaluation}/intervals/mean.ts`,
    ...intervals,
    find: "Math.sqrt(squares / (values.length - 1))",
    replace: "Math.sqrt(squares / values.length)",
    property: "meanInterval() > is mean ± t·sd/√n",
  },
  {
    id: "crossed-mean-without-prompts",
    what: "The mean over seeds and prompts leaves out that prompts are a sample",
    ...crossed,
    find: "rest + Math.max(0, seeds - rest) + Math.max(0, prompts - rest)",
    replace: "rest + Math.max(0, seeds - rest)",
    property: "crossedMean() > of equal seeds is the interval over prompts, of equal prompts that over seeds",
  },
  {
    id: "crossed-mean-below-zero",
    what: "A component of variance that comes out below zero narrows the interval",
    ...crossed,
    find: "Math.max(0, prompts - rest)",
    replace: "(prompts - rest)",
    property: "crossedMean() > counts a component below zero as zero, so that no mean square is more than the variance",
  },
  {
    id: "crossed-mean-swapped-extents",
    what: "Mean squares of seeds are multiplied by the number of seeds",
    ...crossed,
    find: "const seeds = promptCount * deviationOf(seedMeans) ** 2;",
    replace: "const seeds = seedCount * deviationOf(seedMeans) ** 2;",
    property: "crossedMean() > is what the mean squares of a table say",
  },
  {
    id: "bootstrap-without-replacement",
    what: "The bootstrap draws permutations",
    file: `${evaluation}/intervals/bootstrap.ts`,
    ...intervals,
    find: "for (let at = 0; at < count; at++) rows[at] = random.integer(count);",
    replace: "rows.set(random.permutation(count));",
    property: "the bootstrap's holds the mean of 100 skewed values in 92 % or more",
  },
  {
    id: "one-sided-sign-test",
    what: "The sign test looks to one side",
    ...paired,
    find: "Math.min(1, 2 * fairCoinTail(Math.min(wins, losses), wins + losses))",
    replace: "Math.min(1, fairCoinTail(Math.min(wins, losses), wins + losses))",
    property: "signTest() > is 2^(1−n) of n wins and no loss",
  },
  {
    id: "permutations-of-one-side",
    what: "The permutation test looks to one side where it tries all signs",
    ...paired,
    find: "      if (Math.abs(sum) >= least) reached++;\n    }\n    return reached / 2 ** count;",
    replace: "      if (sum >= least) reached++;\n    }\n    return reached / 2 ** count;",
    property: "permutationTest() > counts signs under which the sum is as far from 0",
  },
  {
    id: "kl-turned",
    what: "KL is measured from the base",
    file: `${evaluation}/frontier/kl.ts`,
    ...kl,
    find: "const probability = Math.exp(policy[id]!);",
    replace: "const probability = Math.exp(base[id]!);",
    property: "tokenKl() > is p ln(p/q) + (1−p) ln((1−p)/(1−q)) of two tokens",
  },
  {
    id: "kl-one-token-late",
    what: "Distributions are those after each token of the response",
    file: `${evaluation}/frontier/policy-kl.ts`,
    ...kl,
    find: "[prompt.at(-1)!, ...response.slice(0, -1)]",
    replace: "response",
    property: "policyKl() > has the KL of whole sequences as its mean, both ways",
  },
  {
    id: "choices-by-mass-alone",
    what: "Probabilities of answers are summed as they are",
    file: `${evaluation}/multiple-choice/multiple-choice.ts`,
    ...choices,
    find: "Math.exp(logp - largest)",
    replace: "Math.exp(logp)",
    property: "scoreChoices() > does not see a common factor, however small",
  },
  {
    id: "choices-without-the-prompt",
    what: "Continuations are scored without their prompt",
    file: `${evaluation}/multiple-choice/choice-logps.ts`,
    ...choices,
    find: "sequence: policy.fork(begun), tokens",
    replace: "sequence: policy.open(controls), tokens",
    property: "tokenChoices() and choiceLogps() > have the log-probabilities of a table",
  },
  {
    id: "bleu-unclipped",
    what: "A word of the reference is matched as often as it is said",
    file: `${evaluation}/overlap/bleu.ts`,
    ...overlap,
    find: "overlap += Math.min(count, second.get(ngram) ?? 0);",
    replace: "overlap += second.has(ngram) ? count : 0;",
    property: "rouge() > is what is counted by hand",
  },
  {
    id: "two-grades-a-question",
    what: "Every question counts as two grades, however many it has",
    file: `${evaluation}/mt-bench/score.ts`,
    test: `${evaluation}/mt-bench/mt-bench.test.ts`,
    find: "        count += clusters[row]!.count;",
    replace: "        count += 2;",
    property: "mtBenchScore() > is the mean over all grades that were parsed, in each turn and category",
  },
  {
    id: "n-grams-across-responses",
    what: "N-grams run on from one response into the next",
    file: `${evaluation}/diversity/diversity.ts`,
    test: `${evaluation}/diversity/diversity.test.ts`,
    find: "countNgrams(tokenised, n)",
    replace: "countNgrams([tokenised.flat()], n)",
    property: "diversityOf() > is what is counted by hand",
  },
  {
    id: "embeddings-of-the-batch",
    what: "Vectors of a batch are means over all its texts' tokens",
    file: `${evaluation}/coherence/hidden-state-embedder.ts`,
    test: `${evaluation}/coherence/coherence.test.ts`,
    find: "for (let row = from; row < to; row++)",
    replace: "for (let row = 0; row < to; row++)",
    property: "createHiddenStateEmbedder() > gives the mean of a backbone's hidden states, alone as among others",
  },
];
