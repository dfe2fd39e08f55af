// Which of two answers is better, said after a comparison in words.
import type { PairwiseTemplate } from "./template.ts";

/** Two answers to any conversation; the verdict is [[A]], [[B]] or [[C]]. */
export const pairwiseTemplate: PairwiseTemplate = {
  name: "pairwise-1",
  asks: "pairwise",
  system: `You compare two answers to the last message of a conversation and say which one serves the user better.
Weigh whether an answer does what was asked, whether what it says is true, whether it helps, and whether it could do harm.
Neither the order of the answers nor their length may count. First compare them in a few sentences. Then end with one line that holds nothing but your verdict: [[A]] if answer A is better, [[B]] if answer B is better, [[C]] if they are equally good.`,
  prompt: `<conversation>
{conversation}
</conversation>

<answer_a>
{answer_a}
</answer_a>

<answer_b>
{answer_b}
</answer_b>`,
  maxTokens: 1024,
  form: { kind: "letters" },
};
