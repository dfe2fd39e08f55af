// Generators of conversations and of what is said in them. They know no judge.
import type { Message } from "@dual-head/data";
import fc from "fast-check";
import type { Comparison, Exchange } from "../judges/judge.ts";

const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom("", "{question}", "[[A]]", "two\nlines", "\n\nHuman: and now?", '"quoted" \\ and \u2028'),
);

/** Conversations of one to three human turns with answers between, now and then after a system message. */
export const conversationArbitrary: fc.Arbitrary<readonly Message[]> = fc
  .tuple(fc.option(text), fc.array(text, { maxLength: 4 }), text)
  .map(([system, turns, last]) => {
    const earlier = turns.slice(0, turns.length - (turns.length % 2));
    return [
      ...(system === null ? [] : [{ role: "system" as const, content: system }]),
      ...earlier.map((content, at) => ({ role: at % 2 === 0 ? ("human" as const) : ("assistant" as const), content })),
      { role: "human", content: last },
    ];
  });

/** Comparisons, now and then of answers that are equal. */
export const comparisonArbitrary: fc.Arbitrary<Comparison> = fc
  .tuple(conversationArbitrary, text, text, fc.boolean())
  .map(([conversation, first, other, isSame]) => ({ conversation, first, second: isSame ? first : other }));

/** Single answers to such conversations. */
export const exchangeArbitrary: fc.Arbitrary<Exchange> = fc
  .tuple(conversationArbitrary, text)
  .map(([conversation, answer]) => ({ conversation, answer }));
