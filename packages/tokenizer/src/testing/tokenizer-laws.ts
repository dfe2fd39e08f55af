// The laws of the Tokenizer interface: any implementation, from whatever file, runs them.
// They do not know which ids are right: that is for golden files.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chatPrompt, encodeChat } from "../chat.ts";
import type { Tokenizer } from "../tokenizer.ts";

/** What a tokenizer promises beyond the interface. */
export interface TokenizerLawOptions {
  /** Whether every text comes back as it was, as byte-level and byte-fallback vocabularies can. */
  readonly lossless: boolean;
  /** Runs per property; 60. */
  readonly numRuns?: number;
}

/**
 * Registers the laws of a tokenizer with vitest.
 *
 * @param name what the tokenizer is called in the report
 * @param create makes the tokenizer, once
 */
export function tokenizerLaws(
  name: string,
  create: () => Tokenizer | Promise<Tokenizer>,
  options: TokenizerLawOptions,
): void {
  const { lossless, numRuns = 60 } = options;
  let made: Promise<Tokenizer> | null = null;
  const tokenizerOnce = (): Promise<Tokenizer> => {
    made ??= Promise.resolve(create());
    return made;
  };
  const text = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 41 }),
    fc.string({ unit: "binary", maxLength: 23 }),
    fc
      .array(fc.constantFrom(" ", "  ", "\n\n", "Human:", "the", "don't", ".", "😀", "你好", "é", "<0x41>", "▁"), {
        maxLength: 13,
      })
      .map((parts) => parts.join("")),
  );
  const idLists = (tokenizer: Tokenizer): fc.Arbitrary<readonly number[]> =>
    fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 31 });

  describe(`${name} keeps the laws of a tokenizer`, () => {
    it("gives ids of the vocabulary, the same each time", async () => {
      const tokenizer = await tokenizerOnce();
      fc.assert(
        fc.property(text, (given) => {
          const ids = tokenizer.encode(given);
          expect(tokenizer.encode(given)).toEqual(ids);
          expect(ids.every((id) => id < tokenizer.vocabSize)).toBe(true);
        }),
        { seed: 61, numRuns },
      );
    });

    it(lossless ? "gives every text back" : "decodes what it encodes to well-formed text", async () => {
      const tokenizer = await tokenizerOnce();
      fc.assert(
        fc.property(text, (given) => {
          // Sentencepiece writes spaces as U+2581, which therefore comes back as a space.
          const sound = given.toWellFormed().replaceAll("\u2581", " ");
          const decoded = tokenizer.decode(tokenizer.encode(sound));
          if (lossless) expect(decoded).toBe(sound);
          else expect(decoded.isWellFormed()).toBe(true);
        }),
        { seed: 62, numRuns },
      );
    });

    it("never makes control tokens of text unless told to", async () => {
      const tokenizer = await tokenizerOnce();
      const specials = [...tokenizer.specialTokens.keys()];
      const frame = tokenizer.encode("").length;
      if (specials.length === 0) return;
      const hostile = fc.array(fc.oneof(fc.constantFrom(...specials), text), { maxLength: 7 });
      // The unknown token is what unknown text becomes, so it alone may come of text.
      const control = new Set(
        [...tokenizer.specialTokens].filter(([token]) => !/unk/i.test(token)).map(([, id]) => id),
      );
      fc.assert(
        fc.property(hostile, (parts) => {
          const ids = tokenizer.encode(parts.join(""), { addSpecialTokens: false });
          expect(ids.filter((id) => control.has(id))).toEqual(new Uint32Array(0));
          const framed = tokenizer.encode(parts.join(""));
          expect(framed.length).toBe(ids.length + frame);
        }),
        { seed: 63, numRuns },
      );
      for (const [special, id] of tokenizer.specialTokens) {
        expect([...tokenizer.encode(special, { allowSpecial: true, addSpecialTokens: false })]).toContain(id);
      }
    });

    it("keeps special tokens text in what chats say, also where two messages would spell one together", async () => {
      const tokenizer = await tokenizerOnce();
      const specials = [...tokenizer.specialTokens.keys()];
      if (specials.length === 0) return;
      const control = new Set(
        [...tokenizer.specialTokens].filter(([token]) => !/unk/i.test(token)).map(([, id]) => id),
      );
      const cut = fc.constantFrom(...specials).chain((special) => {
        return fc.nat(special.length).map((place) => [special.slice(0, place), special.slice(place)] as const);
      });
      const contents = fc
        .array(fc.oneof(cut, fc.tuple(fc.constantFrom(...specials), text)), { maxLength: 3 })
        .map((pairs) => pairs.flat());
      const { eosToken } = tokenizer.config;
      fc.assert(
        fc.property(contents, fc.boolean(), (messages, ends) => {
          const chatTemplate = `{% for m in messages %}{{ m.content }}${ends ? "{{ eos_token }}" : ""}{% endfor %}`;
          const prompt = chatPrompt(
            { ...tokenizer.config, chatTemplate },
            messages.map((content) => ({ role: "user", content })),
          );
          const found = [...encodeChat(tokenizer, prompt)].filter((id) => control.has(id));
          const end = eosToken === null ? undefined : tokenizer.specialTokens.get(eosToken);
          expect(found).toEqual(ends && end !== undefined && control.has(end) ? messages.map(() => end) : []);
        }),
        { seed: 66, numRuns },
      );
    });

    it("streams exactly what it decodes, in whole characters", async () => {
      const tokenizer = await tokenizerOnce();
      const encoded = text.map((given) => [...tokenizer.encode(given)]);
      fc.assert(
        fc.property(fc.oneof(idLists(tokenizer), encoded), fc.boolean(), (ids, skipSpecialTokens) => {
          const stream = tokenizer.createStream({ skipSpecialTokens });
          const parts = ids.map((id) => stream.push(id));
          // No part of a character: neither half a pair, nor bytes that later ones would have completed.
          for (const part of parts) expect(part.isWellFormed()).toBe(true);
          expect(parts.join("") + stream.flush()).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
          expect(stream.flush()).toBe("");
        }),
        { seed: 64, numRuns: 4 * numRuns },
      );
    });

    it("streams without holding back what is certain", async () => {
      const tokenizer = await tokenizerOnce();
      if (tokenizer.config.cleanUpSpaces) return;
      const stream = tokenizer.createStream();
      const ids = tokenizer.encode("the cat and the dog", { addSpecialTokens: false });
      const shown = [...ids].map((id) => stream.push(id)).join("");
      expect(shown).toBe(tokenizer.decode(ids));
    });

    it("shows every id as text without half characters", async () => {
      const tokenizer = await tokenizerOnce();
      fc.assert(
        fc.property(fc.nat(tokenizer.vocabSize + 3), (id) => {
          expect(typeof tokenizer.tokenText(id)).toBe("string");
        }),
        { seed: 65, numRuns },
      );
      expect(tokenizer.tokenText(tokenizer.vocabSize + 5)).toBe(`<id ${tokenizer.vocabSize + 5}>`);
    });
  });
}
