// The demo's small world: questions about everyday things, answered kindly or brushed off, with a rule that tells which.
// Knows no model: it writes text, preference pairs and a tokenizer.
import { createRandom, type Random } from "@dual-head/tensor-core";

const tasks: readonly (readonly [string, string, string])[] = [
  ["bake a cake", "mix flour with eggs", "bake it slowly"],
  ["fix my bike", "turn it over", "oil the chain"],
  ["plant a tree", "dig a deep hole", "water it well"],
  ["write a letter", "find some paper", "say what you feel"],
  ["learn to swim", "start in shallow water", "kick with both legs"],
  ["paint a wall", "clean it first", "use a wide brush"],
  ["cook some rice", "wash it in water", "boil it gently"],
  ["draw a cat", "sketch two ears", "add a long tail"],
  ["calm my dog", "sit next to it", "speak in a low voice"],
  ["save some money", "write down each cost", "put a little away"],
  ["sleep better", "turn off the lights", "read a quiet book"],
  ["make a new friend", "smile and say hello", "ask about their day"],
  ["clean my desk", "take everything off", "wipe it with a cloth"],
  ["grow tomatoes", "find a sunny place", "water them every day"],
  ["learn a song", "listen to it twice", "sing one line at a time"],
  ["pack my bag", "make a short list", "put heavy things first"],
];

const asks = ["Can you help me", "How do I", "Please tell me how to", "I want to"];
const kindOpenings = ["Of course.", "I would love to help.", "What a good idea.", "Sure, with pleasure."];
const kindClosings = ["You can do it.", "Good luck.", "Have fun.", "Ask me again any time."];
const rudeOpenings = ["No.", "That is a silly question.", "I do not care.", "Go away."];
const rudeClosings = ["Ask someone else.", "You will never learn.", "Stop wasting my time.", "Leave me alone."];

/** A question with its two kinds of answers. */
export interface Exchange {
  /** Transcript up to and including `Assistant:`, in the form of HH-RLHF. */
  readonly prompt: string;
  readonly kind: string;
  readonly rude: string;
}

/** The verdict of the rule on an answer: how many kind and rude sentences it holds, and whether it is kind on the whole. */
export interface Verdict {
  readonly kind: number;
  readonly rude: number;
  readonly isKind: boolean;
}

/** Draws an exchange; held-out tasks are every fourth one, so that prompts of the two splits never coincide. */
export function drawExchange(random: Random, split: "train" | "held-out"): Exchange {
  const choices = tasks.filter((_, index) => (index % 4 === 3) === (split === "held-out"));
  const pick = <Item>(items: readonly Item[]): Item => items[random.integer(items.length)]!;
  const [task, first, second] = pick(choices);
  return {
    prompt: `\n\nHuman: ${pick(asks)} ${task}.\n\nAssistant:`,
    kind: ` ${pick(kindOpenings)} First ${first}, then ${second}. ${pick(kindClosings)}`,
    rude: ` ${pick(rudeOpenings)} I will not say how to ${task}. ${pick(rudeClosings)}`,
  };
}

/** The rule: an answer is kind where it holds a kind sentence and no rude one. */
export function judge(answer: string): Verdict {
  const count = (phrases: readonly string[]) => phrases.filter((phrase) => answer.includes(phrase)).length;
  const kind = count([...kindOpenings, ...kindClosings]);
  const rude = count([...rudeOpenings, ...rudeClosings]);
  return { kind, rude, isKind: kind > 0 && rude === 0 };
}

/** `count` transcripts, kind and rude answers in equal parts: what the demo's backbone learns from. */
export function drawCorpus(seed: number, count: number): readonly string[] {
  const random = createRandom(seed, "corpus");
  return Array.from({ length: count }, (_, index) => {
    // The backbone knows every task; only the preferences leave some out.
    const exchange = drawExchange(random, index % 4 === 0 ? "held-out" : "train");
    return exchange.prompt + (random.uniform() < 0.5 ? exchange.kind : exchange.rude);
  });
}

/** `count` preference pairs as JSONL rows of HH-RLHF; one in twenty is labelled the wrong way round, as people do. */
export function drawPreferences(seed: number, count: number): string {
  const random = createRandom(seed, "preferences");
  const rows = Array.from({ length: count }, () => {
    const { prompt, kind, rude } = drawExchange(random, "train");
    const [chosen, rejected] = random.uniform() < 0.05 ? [rude, kind] : [kind, rude];
    return JSON.stringify({ chosen: prompt + chosen, rejected: prompt + rejected });
  });
  return `${rows.join("\n")}\n`;
}

/** `count` prompts about tasks no preference was given on. */
export function drawPrompts(seed: number, count: number): readonly string[] {
  const random = createRandom(seed, "prompts");
  return Array.from({ length: count }, () => drawExchange(random, "held-out").prompt);
}

/** Special tokens of the demo's vocabulary, ids 0 and 1. */
export const specialTokens = { begin: "<s>", end: "</s>" } as const;

/**
 * A byte-level BPE tokenizer.json in which every word of the world, with the space before it, is one token: merges grow
 * each word from its first letter, so no two words compete. Other text falls back to bytes.
 */
export function createTokenizerJson(): Record<string, unknown> {
  const alphabet = byteAlphabet();
  const tokens = [specialTokens.begin, specialTokens.end, ...alphabet.values()];
  const merges: [string, string][] = [];
  const known = new Set(tokens);
  for (const word of vocabularyWords()) {
    const letters = [...new TextEncoder().encode(word)].map((byte) => alphabet.get(byte)!);
    let prefix = letters[0]!;
    for (const letter of letters.slice(1)) {
      const grown = prefix + letter;
      if (!known.has(grown)) {
        known.add(grown);
        tokens.push(grown);
        merges.push([prefix, letter]);
      }
      prefix = grown;
    }
  }
  const special = (id: number, content: string) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const template = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [special(0, specialTokens.begin), special(1, specialTokens.end)],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: "TemplateProcessing",
      single: [template(specialTokens.begin), { Sequence: { id: "A", type_id: 0 } }],
      pair: [
        template(specialTokens.begin),
        { Sequence: { id: "A", type_id: 0 } },
        { Sequence: { id: "B", type_id: 1 } },
      ],
      special_tokens: { [specialTokens.begin]: { id: specialTokens.begin, ids: [0], tokens: [specialTokens.begin] } },
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(" ")),
    },
  };
}

function vocabularyWords(): readonly string[] {
  const sentences = [
    ...asks,
    ...tasks.flat(),
    ...kindOpenings,
    ...kindClosings,
    ...rudeOpenings,
    ...rudeClosings,
    "First then I will not say how to",
  ];
  const words = sentences.flatMap((sentence) => sentence.split(/[\s.,]+/)).filter((word) => word !== "");
  return ["Human", "Assistant", ...new Set(words.map((word) => ` ${word}`))];
}

/** GPT-2's bytes-to-characters table: printable bytes stand for themselves, the others for characters from 256 on. */
function byteAlphabet(): Map<number, string> {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [byte, String.fromCodePoint(printable(byte) ? byte : next++)] as const),
  );
}
