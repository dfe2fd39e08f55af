// The pre-tokenizers of tokenizer.json, which cut a text into words: ours, since the library's differ from the authors'.
// It does not know vocabularies; patterns come translated from the library.
import { byteCharacters } from "../algorithms/byte-pieces.ts";
import { malformed } from "../tokenizer-error.ts";
import { compilePattern } from "./library.ts";

/** A word, and whether it begins the whole text. */
interface Word {
  readonly text: string;
  readonly first: boolean;
}

/** Cuts a text into words; `first` says whether it begins the whole text. */
export type PreTokenizer = (text: string, first: boolean) => readonly string[];

type Step = (word: Word) => readonly Word[];
type Config = Readonly<Record<string, unknown>>;

interface Stretch {
  readonly text: string;
  readonly matches: boolean;
}

/** What becomes of the stretches that match: the behaviours of the format. */
const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
type Behavior = (typeof behaviors)[number];

function findStretches(text: string, pattern: RegExp): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) stretches.push({ text: text.slice(end, match.index), matches: false });
    if (match[0] !== "") stretches.push({ text: match[0], matches: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) stretches.push({ text: text.slice(end), matches: false });
  return stretches;
}

/** Puts matches together with what stands before them, each match but the first of a run by itself. */
function mergeWithPrevious(stretches: readonly Stretch[]): readonly string[] {
  const words: string[] = [];
  let wasMatch = false;
  for (const { text, matches } of stretches) {
    if (matches && !wasMatch && words.length > 0) words[words.length - 1] += text;
    else words.push(text);
    wasMatch = matches;
  }
  return words;
}

function mergeWithNext(stretches: readonly Stretch[]): readonly string[] {
  const words: string[] = [];
  let wasMatch = false;
  for (const { text, matches } of [...stretches].reverse()) {
    if (matches && !wasMatch && words.length > 0) words[words.length - 1] = text + words.at(-1)!;
    else words.push(text);
    wasMatch = matches;
  }
  return words.reverse();
}

function mergeAlike(stretches: readonly Stretch[]): readonly string[] {
  const words: string[] = [];
  let wasMatch = false;
  for (const { text, matches } of stretches) {
    if (matches === wasMatch && words.length > 0) words[words.length - 1] += text;
    else words.push(text);
    wasMatch = matches;
  }
  return words;
}

/** A step that cuts by a pattern; with `invert`, what does not match counts as matching. */
function createSplit(pattern: RegExp, behavior: Behavior, invert = false): Step {
  return ({ text, first }) => {
    const found = findStretches(text, pattern);
    const stretches = invert ? found.map((each) => ({ ...each, matches: !each.matches })) : found;
    if (behavior === "Removed") {
      return stretches.flatMap((stretch, index) =>
        stretch.matches ? [] : [{ text: stretch.text, first: first && index === 0 }],
      );
    }
    const words =
      behavior === "Isolated"
        ? stretches.map((stretch) => stretch.text)
        : behavior === "MergedWithPrevious"
          ? mergeWithPrevious(stretches)
          : behavior === "MergedWithNext"
            ? mergeWithNext(stretches)
            : mergeAlike(stretches);
    return words.map((word, index) => ({ text: word, first: first && index === 0 }));
  };
}

/** What GPT-2 calls a word. */
const gpt2Words =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const wordCharacters = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
const punctuation = /[\p{P}!-/:-@[-`{-~]/gu;

function toBytes(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => byteCharacters[byte]).join("");
}

function createByteLevel(config: Config): Step {
  const addSpace = config.add_prefix_space !== false;
  const split = config.use_regex === false ? null : createSplit(gpt2Words, "Isolated");
  return ({ text, first }) => {
    const word = { text: addSpace && !text.startsWith(" ") ? ` ${text}` : text, first };
    const words = split === null ? [word] : split(word);
    return words.map((each) => ({ ...each, text: toBytes(each.text) }));
  };
}

function createMetaspace(config: Config, path: string, field: string): Step {
  const replacement = config.replacement ?? "\u2581";
  if (typeof replacement !== "string" || [...replacement].length !== 1) {
    throw malformed(path, `${field}.replacement`, "one character");
  }
  const schemes: readonly unknown[] = ["always", "first", "never"];
  const scheme = config.add_prefix_space === false ? "never" : (config.prepend_scheme ?? "always");
  if (!schemes.includes(scheme)) throw malformed(path, `${field}.prepend_scheme`, "always, first or never");
  const escaped = replacement.replace(/[\\^$.*+?()[\]{}|/-]/u, "\\$&");
  const split = config.split === false ? null : createSplit(new RegExp(escaped, "gu"), "MergedWithNext");
  return ({ text, first }) => {
    const spaced = text.replaceAll(" ", replacement);
    const prepends = scheme === "always" || (scheme === "first" && first);
    const word = { text: prepends && !spaced.startsWith(replacement) ? replacement + spaced : spaced, first };
    return split === null ? [word] : split(word);
  };
}

function parseBehavior(value: unknown, fallback: Behavior, path: string, field: string): Behavior {
  const behavior = value ?? fallback;
  const found = behaviors.find((each) => each === behavior);
  if (found === undefined) throw malformed(path, `${field}.behavior`, `one of ${behaviors.join(", ")}`);
  return found;
}

function createStep(config: Config, path: string, field: string): Step {
  switch (config.type) {
    case "Sequence": {
      const children = (config.pretokenizers ?? []) as readonly Config[];
      const steps = children.map((child, index) => createStep(child, path, `${field}.pretokenizers[${index}]`));
      return (word) => steps.reduce((words: readonly Word[], step) => words.flatMap(step), [word]);
    }
    case "ByteLevel":
      return createByteLevel(config);
    case "Metaspace":
      return createMetaspace(config, path, field);
    case "Split":
      return createSplit(
        compilePattern(config.pattern, path, `${field}.pattern`),
        parseBehavior(config.behavior, "Isolated", path, field),
        config.invert === true,
      );
    case "Punctuation":
      return createSplit(punctuation, parseBehavior(config.behavior, "Isolated", path, field));
    case "Digits":
      return createSplit(/\p{N}/gu, config.individual_digits === true ? "Isolated" : "Contiguous");
    case "Whitespace":
      return createSplit(
        new RegExp(`[${wordCharacters}]+|[^${wordCharacters}\\p{White_Space}]+`, "gu"),
        "Removed",
        true,
      );
    case "WhitespaceSplit":
      return createSplit(/\p{White_Space}/gu, "Removed");
    case "BertPreTokenizer": {
      const [spaces, marks] = [createSplit(/\p{White_Space}/gu, "Removed"), createSplit(punctuation, "Isolated")];
      return (word) => spaces(word).flatMap(marks);
    }
    case "CharDelimiterSplit": {
      const { delimiter } = config;
      if (typeof delimiter !== "string" || [...delimiter].length !== 1) {
        throw malformed(path, `${field}.delimiter`, "one character");
      }
      return createSplit(compilePattern({ String: delimiter }, path, field), "Removed");
    }
    case "FixedLength": {
      const length = config.length as number;
      return ({ text, first }) => {
        const characters = [...text];
        const words: Word[] = [];
        for (let at = 0; at < characters.length; at += length) {
          words.push({ text: characters.slice(at, at + length).join(""), first: first && at === 0 });
        }
        return words;
      };
    }
    default:
      throw malformed(path, `${field}.type`, `a known pre-tokenizer, not ${JSON.stringify(config.type)}`);
  }
}

/**
 * Makes the pre-tokenizer that a checked part of tokenizer.json describes.
 *
 * @throws TokenizerError that names the field that it cannot use
 */
export function createPreTokenizer(config: Config | null, path: string): PreTokenizer {
  if (config === null) return (text) => [text];
  const step = createStep(config, path, "pre_tokenizer");
  return (text, first) => step({ text, first }).flatMap((word) => (word.text === "" ? [] : [word.text]));
}
