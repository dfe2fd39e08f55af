// Which of two answers is better, given a right one: for mathematics, reasoning and code.
import type { PairwiseTemplate } from "./template.ts";

/** Two answers beside a sound one; the verdict is [[A]], [[B]] or [[C]]. */
export const pairwiseReferenceTemplate: PairwiseTemplate = {
  name: "pairwise-reference-1",
  asks: "pairwise",
  system: `You compare two answers to the last message of a conversation with an answer that is known to be right, and say which of the two is better.
What counts first is whether an answer comes to a right result by sound steps; then whether it helps the user to understand it. Another way to the right result than the known one is as good.
Neither the order of the answers nor their length may count. First name the mistakes of each in a few sentences. Then end with one line that holds nothing but your verdict: [[A]] if answer A is better, [[B]] if answer B is better, [[C]] if they are equally good.`,
  prompt: `<conversation>
{conversation}
</conversation>

<known_answer>
{reference}
</known_answer>

<answer_a>
{answer_a}
</answer_a>

<answer_b>
{answer_b}
</answer_b>`,
  maxTokens: 1024,
  form: { kind: "letters" },
};
