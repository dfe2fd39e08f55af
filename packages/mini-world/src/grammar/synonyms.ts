// Words that may stand for one another wherever they occur; a sentence is understood after they are made equal.
// Knows no sentence.
import type { Random } from "@dual-head/tensor-core";

/** The first is how the tables spell it; the second may replace it anywhere. */
const pairs: readonly (readonly [string, string])[] = [
  ["big", "large"],
  ["somebody", "someone"],
  ["everybody", "everyone"],
  ["nobody", "no one"],
  ["each day", "every day"],
  ["each month", "every month"],
  ["choose", "pick"],
  ["look for", "search for"],
  ["talk to", "speak to"],
  ["sick", "ill"],
  ["many", "a lot of"],
  ["do not", "don't"],
  ["cannot", "can't"],
  ["it is", "it's"],
  ["that is", "that's"],
  ["I am", "I'm"],
];

const spelledBy = new Map(pairs.map(([spelled, other]) => [other.toLowerCase(), spelled]));
const otherOf = new Map(pairs.map(([spelled, other]) => [spelled.toLowerCase(), other]));

/** Any of the words, whole. */
function anyOf(words: readonly string[]): RegExp {
  return new RegExp(`(?<![A-Za-z'])(?:${words.join("|")})(?![A-Za-z'])`, "gi");
}

const others = anyOf(pairs.map(([, other]) => other));
const spelleds = anyOf(pairs.map(([spelled]) => spelled));

/** The same text with every second spelling made the first; upper and lower case of a first letter are kept. */
export function normalise(text: string): string {
  return text.replace(others, (found) => cased(spelledBy.get(found.toLowerCase())!, found));
}

/** The same text with a share of its words replaced by their second spelling. */
export function paraphrase(text: string, random: Random, share: number): string {
  return text.replace(spelleds, (found) =>
    random.uniform() < share ? cased(otherOf.get(found.toLowerCase())!, found) : found,
  );
}

function cased(words: string, like: string): string {
  const first = like[0]!;
  const isUpper = first !== first.toLowerCase();
  return (isUpper ? words[0]!.toUpperCase() : words[0]!) + words.slice(1);
}
