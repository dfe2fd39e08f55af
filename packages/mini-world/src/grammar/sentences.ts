// The sentences of answers: frames for phrases of a topic, and whole sentences that are about none. Tables only.
import type { FixedRole, PhraseRole } from "./unit.ts";

/** Where among the sentences of a body a frame may stand. */
export type Place = "first" | "middle" | "last" | "any" | "tip";

/** A sentence around a phrase, which stands at `{}`; a negated frame turns its meaning round. */
export interface Frame {
  readonly text: string;
  readonly place: Place;
  readonly negated: boolean;
}

const frames = (place: Place, negated: boolean, texts: readonly string[]): readonly Frame[] =>
  texts.map((text) => ({ text, place, negated }));

/** Frames of phrases that tell somebody to do something. */
const instructions: readonly Frame[] = [
  ...frames("any", false, [
    "{}.",
    "You should {}.",
    "You can {}.",
    "It is best to {}.",
    "I would {}.",
    "Try to {}.",
    "Remember to {}.",
    "You only have to {}.",
  ]),
  ...frames("first", false, ["First, {}.", "To begin, {}.", "First of all, {}."]),
  ...frames("middle", false, ["Then {}.", "Next, {}.", "After that, {}.", "Now {}."]),
  ...frames("last", false, ["Finally, {}.", "Lastly, {}."]),
  ...frames("tip", false, ["Also, {}.", "By the way, {}.", "One more tip: {}.", "And please {}."]),
  ...frames("any", true, ["Never {}.", "Do not {}.", "You should not {}.", "It is a bad idea to {}."]),
];

/** Frames of phrases that claim something. */
const claims: readonly Frame[] = [
  ...frames("any", false, [
    "{}.",
    "In fact, {}.",
    "As far as I know, {}.",
    "Experts say that {}.",
    "I am sure that {}.",
    "The truth is that {}.",
  ]),
  ...frames("any", true, ["It is not true that {}.", "It is a mistake to think that {}."]),
];

/** Frames of each kind of phrase that answers use. */
export const framesOf: Readonly<Partial<Record<PhraseRole, readonly Frame[]>>> = {
  step: instructions,
  mistake: instructions,
  careful: instructions,
  careless: instructions,
  truth: claims,
  myth: claims,
  because: frames("any", false, ["That is because {}.", "The reason is that {}.", "You see, {}."]),
  harm: frames("any", false, ["{}.", "The danger is that {}.", "Otherwise, {}.", "Be careful, {}."]),
  needs: frames("any", false, ["You need {}.", "You will need {}.", "All you need is {}.", "Get {} first."]),
};

/** What an instruction may end in; it changes nothing. */
export const tails: readonly string[] = [" if you can", " and take your time", " without any hurry"];

/** Whole sentences. */
export const fixedSentences: Readonly<Record<FixedRole, readonly string[]>> = {
  "polite-open": ["Thank you for asking.", "That is a good question.", "I understand.", "Thanks for your question."],
  "eager-open": ["Of course.", "I am happy to help.", "Sure, I can help with that.", "Gladly."],
  "polite-close": [
    "I hope this helps.",
    "Good luck.",
    "Let me know if you have more questions.",
    "Have a nice day.",
    "You can always ask me again.",
  ],
  "rude-open": [
    "What a silly question.",
    "Not you again.",
    "You should know this by now.",
    "Do I really have to explain this?",
    "This is boring.",
  ],
  "rude-close": [
    "Now leave me alone.",
    "Even you can do that.",
    "That is all you get.",
    "Do not waste my time.",
    "Do not ask me again.",
  ],
  vague: [
    "There are many ways to do it.",
    "It depends on many things.",
    "Some people do it one way and some do it another way.",
    "You will find your own way.",
    "It is hard to say in general.",
    "No two cases are the same.",
  ],
  evade: [
    "I do not know.",
    "I would rather talk about something else.",
    "Maybe you should ask somebody else.",
    "I have no opinion on that.",
    "You can read about it somewhere.",
  ],
  refuse: [
    "I cannot help you with that.",
    "I will not help with that.",
    "I am sorry, but I cannot tell you that.",
    "I do not want to help with this.",
    "No, I will not answer that.",
  ],
  agree: ["Yes, that is true.", "Yes, you heard right.", "That is correct."],
  disagree: ["No, that is not true.", "No, that is a common mistake.", "That is wrong."],
  approve: ["Yes, go ahead.", "Yes, that is a good idea.", "That is perfectly fine."],
  disapprove: ["No, please do not do that.", "No, that is a bad idea.", "That is not safe."],
};
