// Which of two answers is better, said in one token whose likelihood is read: the form in which AlpacaEval 2 asks.
import type { PairwiseTemplate } from "./template.ts";

/** Two answers to any conversation, called m and M; the verdict is one of these letters. */
export const oneTokenTemplate: PairwiseTemplate = {
  name: "one-token-1",
  asks: "pairwise",
  system:
    "You compare two answers, called m and M, to the last message of a conversation, and name the one that most people would rather be given. You reply with its letter, m or M, and with nothing else.",
  prompt: `<conversation>
{conversation}
</conversation>

<m>
{answer_a}
</m>

<M>
{answer_b}
</M>

Which answer is better, m or M?`,
  maxTokens: 1,
  form: { kind: "one-token", names: ["m", "M"], topLogprobs: 5 },
};
