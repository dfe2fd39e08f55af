// A tokenizer small enough to write down, for tests that need one and no files.
// Its form is that of LLaMA: sentencepiece spaces, byte fallback, a beginning-of-text token.

const space = "\u2581";

/** A fresh tokenizer.json of a tiny LLaMA-like vocabulary with byte fallback; callers may change it. */
export function tinyTokenizerJson(): Record<string, unknown> {
  const merges = [
    [space, "t"],
    ["h", "e"],
    [`${space}t`, "he"],
    ["a", "n"],
    ["an", "d"],
    [space, "and"],
    [space, "c"],
    [`${space}c`, "a"],
    [`${space}ca`, "t"],
  ];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const letters = [space, ..."abcdefghijklmnopqrstuvwxyz<>/"];
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...letters, ...merges.map((pair) => pair.join(""))];
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  return {
    version: "1.0",
    added_tokens: [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: space },
        { type: "Replace", pattern: { String: " " }, content: space },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: space }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
