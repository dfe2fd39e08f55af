// Mistakes in judges: sides, verdicts, memory on disk, limits, keys. A table: nothing here runs.
import type { Mutation } from "../mutation.ts";

const judges = "packages/eval/src/judges";
const swap = { file: `${judges}/swap/swap.ts`, test: `${judges}/swap/swap.test.ts` };
const endpoint = `${judges}/endpoint`;
const requests = { test: `${endpoint}/endpoint.test.ts` };
const limits = { test: `${endpoint}/limits.test.ts` };
const forms = { test: `${endpoint}/verdicts/verdicts.test.ts` };
const memory = { test: `${judges}/cache/cached-judge.test.ts` };

/** Judges and what is kept of them. */
export const judgeMutations: readonly Mutation[] = [
  {
    id: "exchanged-winner-kept",
    what: "A verdict of exchanged answers is not turned back",
    ...swap,
    find: 'winner === "first" ? "second" : winner === "second" ? "first" : winner',
    replace: "winner",
    property: "preferBothOrders() > agrees with itself where the judge has no favourite side",
  },
  {
    id: "exchanged-preference-kept",
    what: "The preference between exchanged answers is not turned back",
    ...swap,
    find: "preference: 3 - preference",
    replace: "preference",
    property: "preferBothOrders() > agrees with itself where the judge has no favourite side",
  },
  {
    id: "exchanged-without-conversation",
    what: "Exchanged answers go on from one another's conversations",
    ...swap,
    find: "    conversation: secondConversation,\n    first: second,\n    second: first,\n    secondConversation: conversation,",
    replace: "    conversation,\n    first: second,\n    second: first,\n    secondConversation,",
    property: "move each conversation with its answer",
  },
  {
    id: "told-before-written",
    what: "A verdict is told before it is on disk",
    file: `${judges}/cache/cached-judge.ts`,
    ...memory,
    find: "            keep(keys[wanted[at]![0]!]!, said);\n            for (const index of wanted[at]!) onSaid?.(index, said);",
    replace:
      "            for (const index of wanted[at]!) onSaid?.(index, said);\n            keep(keys[wanted[at]![0]!]!, said);",
    property: "has written what it tells",
  },
  {
    id: "torn-line-continued",
    what: "A record is written behind a line that a killed process left unfinished",
    file: `${judges}/cache/verdict-file.ts`,
    ...memory,
    find: "encode(isTorn ? ",
    replace: "encode(isTorn === null ? ",
    property: "keeps what is written behind a line that was torn",
  },
  {
    id: "verdicts-by-name-alone",
    what: "Judges of one name and other parameters share their verdicts",
    file: `${judges}/key.ts`,
    ...memory,
    find: 'keyOf(["judge", identity])',
    replace: 'keyOf(["judge", name, identity === null])',
    property: "keeps judges of other identities apart",
  },
  {
    id: "first-verdict-counts",
    what: "A judge that repeats the form it was told is taken at that",
    file: `${endpoint}/verdicts/letters.ts`,
    ...forms,
    find: ".at(-1)",
    replace: ".at(0)",
    property: "parseLetters() > reads the last verdict",
  },
  {
    id: "preference-of-the-first",
    what: "The preference is the likelihood of the first name instead of the second",
    file: `${endpoint}/verdicts/one-token.ts`,
    ...forms,
    find: "return 1 + sum(ofSecond)",
    replace: "return 1 + sum(ofFirst)",
    property: "one token > prefers as likelihoods say",
  },
  {
    id: "turns-left-out",
    what: "A template for one turn is used for two, and the first is never shown",
    file: `${endpoint}/endpoint-judge.ts`,
    test: `${endpoint}/templates/templates.test.ts`,
    find: 'const showsAll = turns === "any" || (turns === shown.turnCount && !shown.needsConversation);',
    replace: "const showsAll = turns !== 0;",
    property: "which template fits > is none, and said before anything is asked",
  },
  {
    id: "key-in-messages",
    what: "What a server says of a request is quoted with the key in it",
    file: `${endpoint}/attempt.ts`,
    ...requests,
    find: 'text.replaceAll(key, "[key]")',
    replace: "text",
    property: "what cannot go better is an error at once that says what to do > 400",
  },
  {
    id: "retry-after-ignored",
    what: "Retry-After is not waited for",
    file: `${endpoint}/retry.ts`,
    ...limits,
    find: "askedSeconds === undefined ? ownDelay : ",
    replace: "askedSeconds !== null ? ownDelay : ",
    property: "waits half to all of a doubling delay, never less than is asked",
  },
  {
    id: "retry-after-for-one-alone",
    what: "Retry-After holds back the request that was told, and no other",
    file: `${endpoint}/rate-limit.ts`,
    ...requests,
    find: "let time = Math.max(now, heldUntil);",
    replace: "let time = now;",
    property: "Retry-After > holds back others as well",
  },
  {
    id: "window-of-requests-only",
    what: "Tokens of the last minute are not counted",
    file: `${endpoint}/rate-limit.ts`,
    ...limits,
    find: "held + tokens <= tokensPerMinute",
    replace: "tokens <= tokensPerMinute",
    property: "keeps every minute within both limits",
  },
  {
    id: "spending-of-the-settled-only",
    what: "Requests under way are not counted against the spending limit",
    file: `${endpoint}/spending.ts`,
    ...limits,
    find: "if (spent + reserved + cost <= limit) break;",
    replace: "if (spent + cost <= limit) break;",
    property: "createPurse() > is never overdrawn",
  },
  {
    id: "untold-usage-free",
    what: "Requests whose tokens nobody told cost nothing",
    file: `${endpoint}/spending.ts`,
    ...limits,
    find: "counts.uncounted++;\n      spent += cost;",
    replace: "counts.uncounted++;",
    property: "createPurse() > is never overdrawn",
  },
  {
    id: "reward-of-another-label",
    what: "A reward model's first label is read whichever is asked for",
    file: `${judges}/reward-model/reward-scorer.ts`,
    test: `${judges}/reward-model/reward-scorer.test.ts`,
    find: "values[index * labelCount + label]!",
    replace: "values[index * labelCount]!",
    property: "createRewardScorer() > reads the label that is asked for",
  },
];
