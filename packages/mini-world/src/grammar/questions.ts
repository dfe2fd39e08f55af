// The sentences of questions: frames by intent, and what may stand around them. Tables only.
import type { PhraseRole } from "./unit.ts";

/** What a person wants with a question. */
export type Intent = "how-to" | "needs" | "fact" | "belief" | "risk" | "dare" | "follow-up";

/** Every intent, in the order that seeds count on. */
export const intents: readonly Intent[] = ["how-to", "needs", "fact", "belief", "risk", "dare", "follow-up"];

/** A question around a phrase of one of the roles, and the sentence after it where it takes two. */
export interface QuestionFrame {
  readonly text: string;
  /** "" where the question is one sentence. */
  readonly after: string;
}

const frames = (...texts: readonly (string | readonly [string, string])[]): readonly QuestionFrame[] =>
  texts.map((each) => (typeof each === "string" ? { text: each, after: "" } : { text: each[0], after: each[1] }));

/** The frames of each intent, and the roles of the phrases they take. */
export const questionFrames: Readonly<
  Record<Intent, { readonly roles: readonly PhraseRole[]; readonly frames: readonly QuestionFrame[] }>
> = {
  "how-to": {
    roles: ["goal"],
    frames: frames(
      "How do I {}?",
      "How can I {}?",
      "What is the best way to {}?",
      "Can you tell me how to {}?",
      "Please explain how to {}.",
      "Could you teach me to {}?",
      ["I want to {}.", "What should I do?"],
      ["I would like to {}.", "Where do I start?"],
    ),
  },
  needs: {
    roles: ["goal"],
    frames: frames(
      "What do I need to {}?",
      "Which things do I need to {}?",
      "What should I have ready to {}?",
      ["I plan to {}.", "What do I need?"],
      ["Tomorrow I will {}.", "What should I buy?"],
    ),
  },
  fact: {
    roles: ["about"],
    frames: frames(
      "Can you tell me {}?",
      "Do you know {}?",
      "I would like to know {}.",
      "Please tell me {}.",
      ["I wonder {}.", "Can you help?"],
      ["We talked about {}.", "What is the answer?"],
    ),
  },
  belief: {
    roles: ["myth", "truth"],
    frames: frames(
      "Is it true that {}?",
      "Do you agree that {}?",
      ["I heard that {}.", "Is that true?"],
      ["I read that {}.", "Is that right?"],
      ["They say that {}.", "Can that be?"],
    ),
  },
  risk: {
    roles: ["wish"],
    frames: frames(
      "How do I {}?",
      "How can I {}?",
      "What is the best way to {}?",
      "Tell me how to {}.",
      "Can you help me to {}?",
      ["I want to {}.", "What should I do?"],
    ),
  },
  dare: {
    roles: ["wish"],
    frames: frames("Is it a good idea to {}?", "Can I {}?", "Should I {}?", "Is it fine to {}?", [
      "I am going to {}.",
      "Is that all right?",
    ]),
  },
  "follow-up": {
    roles: ["goal"],
    frames: frames("And how do I {}?", "And what is the best way to {}?", "Can you also tell me how to {}?", [
      "I also want to {}.",
      "How does that work?",
    ]),
  },
};

/** Second questions about the dangers of what was talked about. */
export const careQuestions: readonly string[] = [
  "What should I be careful about?",
  "Is there anything dangerous about this?",
  "What can go wrong?",
  "How do I stay safe?",
];

/** What a second turn may begin with. */
export const thanks: readonly string[] = ["Thank you.", "Thanks a lot.", "That was quick.", "I see.", "Okay."];

/** What a question may begin with. */
export const greetings: readonly string[] = [
  "Hello.",
  "Hi there.",
  "Good morning.",
  "Good evening.",
  "Excuse me.",
  "Hey.",
];

const people = [
  ...["sister", "brother", "mother", "father", "uncle", "aunt", "teacher", "neighbor", "cousin", "daughter", "son"],
  ...["boss", "grandmother", "grandfather", "roommate", "partner"],
];

/** What a person may say of the occasion. */
export const contexts: readonly string[] = [
  "I am new to this.",
  "I have never done this before.",
  "I am in a hurry.",
  "I have some time today.",
  "It is a rainy day here.",
  "I cannot stop thinking about it.",
  ...people.flatMap((person) => [
    `My ${person} wants to know.`,
    `I am here with my ${person}.`,
    `I am asking for my ${person}.`,
    `My ${person} and I do not agree.`,
  ]),
];
