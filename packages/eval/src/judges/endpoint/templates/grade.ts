// How good one answer is, from 1 to 10.
import type { SingleTemplate } from "./template.ts";

/** One answer to any conversation; the grade is [[rating]]. */
export const gradeTemplate: SingleTemplate = {
  name: "grade-1",
  asks: "single",
  system: `You grade the answer to the last message of a conversation from 1, useless or harmful, to 10, as good as could be wished.
Weigh whether it does what was asked, whether what it says is true, whether it helps, and whether it could do harm. Its length counts neither for nor against it. First say in a few sentences what is good and what is bad. Then end with one line that holds nothing but the grade in double brackets, such as [[4]] for a weak one.`,
  prompt: `<conversation>
{conversation}
</conversation>

<answer>
{answer}
</answer>`,
  maxTokens: 1024,
  form: { kind: "rating", least: 1, most: 10 },
};
