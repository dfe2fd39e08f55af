// The world's tokenizer.json: byte-level BPE as GPT-2 has it, with merges learnt from transcripts. Knows no model.
import { learnBpe } from "./learn-bpe.ts";

/** Begin of a text (id 0) and end of an answer (id 1). */
export const specialTokens = { begin: "<s>", end: "</s>" } as const;

/** How GPT-2 cuts text before merging. */
const pieces = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** A conversation in HH-RLHF's form. */
const chatTemplate =
  "{% for message in messages %}{{ '\\n\\n' + ('Human' if message['role'] == 'user' else 'Assistant') + ': ' + message['content'] }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '\\n\\nAssistant:' }}{% endif %}";

/**
 * Learns `vocabSize` tokens, special ones and bytes included, from texts; fewer where these have no more. Ids are 0, 1,
 * 2, … without a gap, since no two merges spell the same.
 */
export function createTokenizerJson(texts: Iterable<string>, vocabSize: number): Record<string, unknown> {
  const alphabet = byteAlphabet();
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [piece] of text.matchAll(pieces)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  const words = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, count]) => ({
      symbols: [...new TextEncoder().encode(word)].map((byte) => alphabet.get(byte)!),
      count,
    }));
  const base = [specialTokens.begin, specialTokens.end, ...alphabet.values()];
  const merges = learnBpe(words, vocabSize - base.length);
  const tokens = [...base, ...merges.map((pair) => pair.join(""))];
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [special(0, specialTokens.begin), special(1, specialTokens.end)],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: "TemplateProcessing",
      single: [begins, { Sequence: { id: "A", type_id: 0 } }],
      pair: [begins, { Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
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

/** The tokenizer_config.json beside it. */
export function tokenizerConfigJson(maxTokens: number): Record<string, unknown> {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: specialTokens.begin,
    eos_token: specialTokens.end,
    clean_up_tokenization_spaces: false,
    model_max_length: maxTokens,
    chat_template: chatTemplate,
  };
}

const begins = { SpecialToken: { id: specialTokens.begin, type_id: 0 } };

function special(id: number, content: string): Record<string, unknown> {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/** GPT-2's bytes-to-characters table: printable bytes stand for themselves, the others for characters from 256 on. */
function byteAlphabet(): ReadonlyMap<number, string> {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [byte, String.fromCodePoint(printable(byte) ? byte : next++)] as const),
  );
}
