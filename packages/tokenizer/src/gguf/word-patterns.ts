// Which patterns cut text into words before byte-level BPE, by the names that GGUF files write in tokenizer.ggml.pre.
// It does not know vocabularies. Each pattern cuts what the one before it left, and keeps what it does not match.

const contraction = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const spaces = "\\s+(?!\\S)|\\s+";
const lines = `\\s*[\\r\\n]+|${spaces}`;
const gpt2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|${spaces}`;
const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const marks = `| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${lines}`;

/** Words of cl100k and its kin, which differ in how many digits make one. */
const cl100k = (digits: string): string =>
  `(?:${contraction})|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${lines}`;

/** Words of o200k and its kin, which end where a capital follows a small letter. */
const o200k = (ending: string, digits: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${ending}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${ending}|${digits}${marks}`;

const hanAndHangul = "[\\u4e00-\\u9fa5\\u0800-\\u4e00\\uac00-\\ud7ff]+";
const cased = "\\p{Lu}\\p{Ll}\\p{Lt}";

const patterns = {
  default: [`[\\p{P}$+<=>^~|]+`, gpt2, "\\p{N}+", "[0-9][0-9][0-9]"],
  gpt2: [gpt2],
  digits: ["\\p{N}", gpt2],
  cl100k: [cl100k("\\p{N}{1,3}")],
  qwen2: [cl100k("\\p{N}")],
  qwen35: [
    `(?:${contraction})|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${lines}`,
  ],
  o200k: [o200k(`(?:${contraction})?`, "\\p{N}{1,3}")],
  tekken: [o200k("", "\\p{N}")],
  falcon: ["[\\p{P}$+<=>^~|`]+", gpt2, "[0-9][0-9][0-9]"],
  deepseekLlm: [
    "[\\r\\n]",
    `\\s?[${cased}]+`,
    "\\s?[!-/:-~\\uff01-\\uff0f\\uff1a-\\uff5e\\u2018-\\u201f\\u3000-\\u3002]+",
    "\\s+$",
    hanAndHangul,
    "\\p{N}+",
  ],
  deepseekCoder: ["[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", hanAndHangul, "\\p{N}"],
  deepseek3: [
    "\\p{N}{1,3}",
    "[\\u4e00-\\u9fa5\\u3040-\\u309f\\u30a0-\\u30ff]+",
    `[!"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_\`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${lines}`,
  ],
  bloom: [" ?[^(\\s|.,!?\\u2026\\u3002\\uff0c\\u3001\\u0964\\u06d4\\u060c)]+"],
  viking: [" ?[^(\\s|.,!?\\u2026\\u3002\\uff0c\\u3001\\u0964\\u06d4\\u060c)]+", "\\p{N}"],
  seedCoder: [`(?:${contraction})|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${lines}`],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** How a named vocabulary reads text. */
export interface WordRules {
  readonly patterns: readonly RegExp[];
  /** Whether a word that is a token is taken whole, whatever the merges. */
  readonly wholeWords: boolean;
  /** Whether texts begin with bos where the file does not say. */
  readonly addBos: boolean;
}

type Kind = keyof typeof patterns;

const names: Readonly<Record<Kind, string>> = {
  default: "default",
  gpt2: "gpt-2 phi-2 mpt olmo jais trillion granite-docling jina-es jina-de jina-v1-en jina-v2-es jina-v2-de mellum gigachat exaone4 a.x-4.0 modern-bert roberta-bpe",
  digits: "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2",
  cl100k: "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 dbrx smaug-bpe glm4 chatglm-bpe",
  qwen2: "qwen2 stablelm2 hunyuan megrez deepseek-r1-qwen solar-open grok-2 kormo",
  qwen35: "qwen35",
  o200k: "gpt-4o llama4",
  tekken: "tekken",
  falcon: "falcon",
  deepseekLlm: "deepseek-llm",
  deepseekCoder: "deepseek-coder",
  deepseek3: "deepseek-v3 hunyuan-dense",
  bloom: "bloom poro-chat gpt3-finnish",
  viking: "viking",
  seedCoder: "seed-coder",
};

const kinds: ReadonlyMap<string, Kind> = new Map(
  (Object.keys(names) as Kind[]).flatMap((kind) => names[kind].split(" ").map((name) => [name, kind] as const)),
);

/** Families that take words whole and begin texts with bos: LLaMA 3's and tekken. */
const wholeWordNames: readonly string[] =
  "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 tekken".split(" ");

/** The names that {@link findWordRules} knows. */
export const wordRuleNames: readonly string[] = [...kinds.keys()];

/** The rules of a name, or null where it is not known. */
export function findWordRules(name: string): WordRules | null {
  const kind = kinds.get(name);
  if (kind === undefined) return null;
  const wholeWords = wholeWordNames.includes(name);
  return {
    // The white space of these patterns is Unicode's, which is not quite JavaScript's.
    patterns: patterns[kind].map((pattern) => {
      return new RegExp(pattern.replaceAll("\\s", "\\p{White_Space}").replaceAll("\\S", "\\P{White_Space}"), "gu");
    }),
    wholeWords,
    addBos: wholeWords,
  };
}

/** Cuts a text by one pattern after the other. */
export function cutWords(text: string, patterns: readonly RegExp[]): readonly string[] {
  let words: readonly string[] = [text];
  for (const pattern of patterns) {
    words = words.flatMap((word) => {
      const cut: string[] = [];
      let end = 0;
      for (const match of word.matchAll(pattern)) {
        if (match.index > end) cut.push(word.slice(end, match.index));
        if (match[0] !== "") cut.push(match[0]);
        end = match.index + match[0].length;
      }
      if (end < word.length) cut.push(word.slice(end));
      return cut;
    });
  }
  return words;
}
