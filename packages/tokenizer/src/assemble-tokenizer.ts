// What all tokenizers do alike: control tokens cut out or kept as text, the frame of a text, checked ids, clean-up.
// It does not know a format or a model: those are the parts it is given.
import { cleanUpSpaces, createCleanStream, type Detokenizer } from "./detokenizer.ts";
import { createSpecialSplitter, type SpecialToken, type TextPart } from "./special-tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { TokenizerConfig } from "./tokenizer-config.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** What a format knows of its tokenizer. */
export interface TokenizerParts {
  readonly config: TokenizerConfig;
  readonly sha256: string;
  readonly description: string;
  readonly vocabSize: number;
  readonly special: readonly SpecialToken[];
  readonly bosToken: number | null;
  readonly eosTokens: readonly number[];
  /** The ids put before and after a text. */
  readonly frame: { readonly before: readonly number[]; readonly after: readonly number[] };
  /**
   * Ids of text that is not empty, is well-formed and in which nothing is a control token; an entry that is no id says
   * that a part of the text has none.
   *
   * @param first whether it begins the text, with not even a control token before it
   */
  encodeText(text: string, first: boolean): readonly (number | undefined)[];
  /** A stream over the ids that are shown. */
  createStream(isShown: (id: number) => boolean): Detokenizer;
  /** The text of ids at once, where there is a quicker way than a stream. */
  decode?(ids: readonly number[]): string;
  /** The text of an id that is no control token. */
  tokenText(id: number): string;
}

/** Puts a tokenizer together. */
export function assembleTokenizer(parts: TokenizerParts): Tokenizer {
  const { config, vocabSize, special, frame } = parts;
  const { path, cleanUpSpaces: cleanUp } = config;
  const specialTokens = new Map(special.map(({ content, id }) => [content, id] as const));
  const specialTexts = new Map(special.map(({ content, id }) => [id, content] as const));
  let split: ReturnType<typeof createSpecialSplitter> | null = null;

  const checkId = (id: number): void => {
    if (Number.isSafeInteger(id) && id >= 0) return;
    throw new TokenizerError(
      path,
      `Cannot decode token ${id}: an id must be a non-negative integer below ${vocabSize}`,
    );
  };
  const splitText = (text: string, literal: Parameters<NonNullable<typeof split>>[1]): readonly TextPart[] => {
    split ??= createSpecialSplitter(special);
    return split(text, literal);
  };

  return {
    description: parts.description,
    vocabSize,
    bosToken: parts.bosToken,
    eosTokens: parts.eosTokens,
    specialTokens,
    config: { ...config, specialTokens: [...new Set([...config.specialTokens, ...specialTokens.keys()])] },
    sha256: parts.sha256,
    encode(text, { addSpecialTokens = true, allowSpecial = false, literal = [] } = {}) {
      // Lone surrogates have no UTF-8 form.
      const sound = text.toWellFormed();
      const stretches = !allowSpecial ? [sound] : splitText(sound, literal);
      const ids: number[] = addSpecialTokens ? [...frame.before] : [];
      stretches.forEach((stretch, index) => {
        if (typeof stretch === "number") ids.push(stretch);
        else if (stretch !== "") {
          for (const id of parts.encodeText(stretch, index === 0)) {
            if (id === undefined) {
              const message = `Cannot encode with tokenizer ${path}: a part of the text has no token and there is no token for the unknown, use another text or tokenizer`;
              throw new TokenizerError(path, message, { field: "model.unk_token" });
            }
            ids.push(id);
          }
        }
      });
      if (addSpecialTokens) ids.push(...frame.after);
      return Uint32Array.from(ids);
    },
    decode(given, { skipSpecialTokens = true } = {}) {
      const ids = Array.from(given);
      for (const id of ids) checkId(id);
      const shown = skipSpecialTokens ? ids.filter((id) => !specialTexts.has(id)) : ids;
      let text = "";
      if (parts.decode !== undefined) text = parts.decode(shown);
      else {
        const stream = parts.createStream(() => true);
        for (const id of shown) text += stream.push(id);
        text += stream.flush();
      }
      return cleanUp ? cleanUpSpaces(text) : text;
    },
    tokenText(id) {
      checkId(id);
      return specialTexts.get(id) ?? parts.tokenText(id);
    },
    createStream({ skipSpecialTokens = true } = {}) {
      const stream = parts.createStream((id) => {
        checkId(id);
        return !skipSpecialTokens || !specialTexts.has(id);
      });
      return cleanUp ? createCleanStream(stream) : stream;
    },
  };
}
