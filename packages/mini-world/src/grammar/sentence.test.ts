// Every sentence that is written is understood as what was meant, in every wording; nothing else is.
import { createRandom } from "@dual-head/tensor-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { topics } from "../topics/index.ts";
import { entries, keyOf, phraseOf, unitOf } from "./lexicon.ts";
import { askQuestion, understandQuestion } from "./question.ts";
import { type Intent, intents, questionFrames } from "./questions.ts";
import { realise, sentencesOf, understand } from "./sentence.ts";
import { fixedSentences, framesOf } from "./sentences.ts";
import { normalise, paraphrase } from "./synonyms.ts";
import type { FixedRole, Move } from "./unit.ts";

const seed = 11;
const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const answerable = entries.filter(({ unit }) => framesOf[unit.role] !== undefined);
const roles = Object.keys(fixedSentences) as FixedRole[];
const moves: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ kind: fc.constant("fixed" as const), role: fc.constantFrom(...roles) }),
  fc
    .record({ entry: fc.constantFrom(...answerable), negated: fc.boolean() })
    .filter(({ entry, negated }) => !negated || framesOf[entry.unit.role]!.some((frame) => frame.negated))
    .map(({ entry, negated }) => ({ kind: "unit" as const, unit: entry.unit, negated })),
);
const places = fc.constantFrom("first", "middle", "last", "any", "tip" as const);

describe("the lexicon", () => {
  it("has each phrase once, synonyms made equal", () => {
    const keys = entries.map(({ phrase }) => keyOf(phrase));
    expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([]);
  });

  it("finds every phrase by its words and its words by its meaning", () => {
    for (const { unit, phrase } of entries) {
      expect(phraseOf(unit)).toBe(phrase);
      expect(unitOf(keyOf(phrase))).toEqual(unit);
    }
  });

  it("has plain phrases: no capital but of names, no stop, no double space", () => {
    for (const { phrase } of entries) {
      expect(phrase).toMatch(/^[A-Za-z]+( [A-Za-z]+)*$/);
      expect(phrase.replace(/Einstein|China|Tuesday|\bI\b/g, "")).toMatch(/^[a-z ]*$/);
    }
  });

  it("has topics of equal shape", () => {
    for (const { tasks, facts, hazards } of topics) {
      expect([tasks.length, facts.length, hazards.length]).toEqual([6, 5, 3]);
    }
  });
});

describe("realise() and understand()", () => {
  it("agree on every move, in every wording", () => {
    fc.assert(
      fc.property(moves, places, seeds, (move, place, draw) => {
        const sentence = realise(move, place, createRandom(draw));
        expect(sentencesOf(sentence)).toEqual([sentence]);
        expect(understand(sentence)).toEqual(move);
      }),
      { seed, numRuns: 4000 },
    );
  });

  it("understand() knows no sentence that lost a word or its capital", () => {
    fc.assert(
      fc.property(moves, seeds, fc.nat(), (move, draw, at) => {
        const sentence = realise(move, "any", createRandom(draw));
        expect(understand(sentence.slice(0, 1).toLowerCase() + sentence.slice(1))).toBeNull();
        const words = sentence.slice(0, -1).split(" ");
        const without = words.filter((_, index) => index !== at % words.length);
        const understood = understand(`${without.join(" ")}.`);
        // A word of the frame may go, as "Then"; the phrase itself must be whole.
        if (understood?.kind === "unit") expect(understood.unit).toEqual(move.kind === "unit" ? move.unit : null);
      }),
      { seed, numRuns: 2000 },
    );
  });

  it("understand() never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        for (const sentence of sentencesOf(text)) understand(sentence);
      }),
      { seed, numRuns: 2000 },
    );
  });
});

describe("synonyms", () => {
  it("normalise() undoes paraphrase()", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...entries),
        seeds,
        fc.double({ min: 0, max: 1, noNaN: true }),
        ({ phrase }, draw, share) => {
          expect(normalise(paraphrase(phrase, createRandom(draw), share))).toBe(normalise(phrase));
        },
      ),
      { seed, numRuns: 2000 },
    );
  });
});

describe("askQuestion() and understandQuestion()", () => {
  const subjects = intents.flatMap((intent: Intent) =>
    entries
      .filter(({ unit }) => questionFrames[intent].roles.includes(unit.role))
      .map(({ unit }) => ({ intent, topic: unit.topic, subject: unit })),
  );

  it("agree on what is asked; where words leave the intent open, on the subject", () => {
    fc.assert(
      fc.property(fc.constantFrom(...subjects), seeds, (question, draw) => {
        const understood = understandQuestion([askQuestion(question, createRandom(draw))]);
        expect(understood?.subject).toEqual(question.subject);
        expect(understood?.topic).toBe(question.topic);
      }),
      { seed, numRuns: 4000 },
    );
  });

  it("a question about dangers is about the topic of the turn before", () => {
    const [first] = subjects;
    const care = { intent: "follow-up" as const, topic: first!.topic, subject: null };
    const turns = [askQuestion(first!, createRandom(1)), askQuestion(care, createRandom(2))];
    expect(understandQuestion(turns)).toEqual(care);
    expect(understandQuestion(turns.slice(1))).toBeNull();
  });
});
