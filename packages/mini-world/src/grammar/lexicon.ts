// Every phrase of every topic by its meaning, and meanings by phrase. Knows no sentence around them.
import { topics } from "../topics/index.ts";
import { normalise } from "./synonyms.ts";
import type { PhraseRole, Unit } from "./unit.ts";

/** A phrase and what it means. */
export interface Entry {
  readonly unit: Unit;
  /** As the tables spell it. */
  readonly phrase: string;
}

/** All phrases of the world. */
export const entries: readonly Entry[] = topics.flatMap(({ tasks, facts, hazards }, topic) => {
  const entry = (role: PhraseRole, item: number, phrase: string, index = 0): Entry => ({
    unit: { role, topic, item, index },
    phrase,
  });
  return [
    ...tasks.flatMap(({ goal, needs, steps, mistake }, item) => [
      entry("goal", item, goal),
      entry("needs", item, needs),
      ...steps.map((step, index) => entry("step", item, step, index)),
      entry("mistake", item, mistake),
    ]),
    ...facts.flatMap(({ about, truth, myth, because }, item) => [
      entry("about", item, about),
      entry("truth", item, truth),
      entry("myth", item, myth),
      entry("because", item, because),
    ]),
    ...hazards.flatMap(({ wish, careless, careful, harm }, item) => [
      entry("wish", item, wish),
      ...careless.map((phrase, index) => entry("careless", item, phrase, index)),
      ...careful.map((phrase, index) => entry("careful", item, phrase, index)),
      entry("harm", item, harm),
    ]),
  ];
});

/** A text as the lexicon compares it: synonyms made equal, the first letter small. */
export function keyOf(text: string): string {
  const normal = normalise(text);
  return normal.slice(0, 1).toLowerCase() + normal.slice(1);
}

const unitByPhrase = new Map(entries.map(({ unit, phrase }) => [keyOf(phrase), unit]));
const phraseByUnit = new Map(entries.map(({ unit, phrase }) => [nameOf(unit), phrase]));

/** The meaning of a phrase whose synonyms are made equal already, or null where the world has no such phrase. */
export function unitOf(phrase: string): Unit | null {
  return unitByPhrase.get(phrase.slice(0, 1).toLowerCase() + phrase.slice(1)) ?? null;
}

/** How the tables spell a meaning. */
export function phraseOf(unit: Unit): string {
  const phrase = phraseByUnit.get(nameOf(unit));
  if (phrase === undefined) throw new RangeError(`Cannot put ${nameOf(unit)} into words: the world has no such phrase`);
  return phrase;
}

/** A name of a meaning that no other has. */
export function nameOf({ role, topic, item, index }: Unit): string {
  return `${role} ${topic}.${item}.${index}`;
}
