// How good one answer is, given a right one: for mathematics, reasoning and code.
import type { SingleTemplate } from "./template.ts";

/** One answer beside a sound one; the grade is [[rating]]. */
export const gradeReferenceTemplate: SingleTemplate = {
  name: "grade-reference-1",
  asks: "single",
  system: `You grade the answer to the last message of a conversation from 1, wrong and of no use, to 10, right and well explained, beside an answer that is known to be right.
What counts first is whether it comes to a right result by sound steps; another way than the known one is as good. First name its mistakes in a few sentences. Then end with one line that holds nothing but the grade in double brackets, such as [[4]] for a weak one.`,
  prompt: `<conversation>
{conversation}
</conversation>

<known_answer>
{reference}
</known_answer>

<answer>
{answer}
</answer>`,
  maxTokens: 1024,
  form: { kind: "rating", least: 1, most: 10 },
};
