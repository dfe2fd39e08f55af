// Text from tokens as they come: whole characters only, and in sum exactly the text of all of them at once.
// It does not know ids or special tokens: it is given pieces and a function that joins pieces to text.

/** Turns ids into text as they come. */
export interface Detokenizer {
  /** Adds one token; answers with the text that is now certain, perhaps none. */
  push(id: number): string;
  /** Ends the stream; answers with what was held back. The next push begins another. */
  flush(): string;
}

/** What decoding removes before punctuation, in this order, where a tokenizer's config asks for it. */
const cleanUps: readonly (readonly [string, string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Removes spaces before punctuation and contractions as `clean_up_tokenization_spaces` does. */
export function cleanUpSpaces(text: string): string {
  return cleanUps.reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

/** The last place between whole characters that no clean-up reaches across: their pair stands inside none. */
function lastSafePlace(text: string): number {
  for (let place = text.length - 1; place > 0; place--) {
    const pair = text.slice(place - 1, place + 1);
    if (!/[ '\ud800-\udbff]/.test(pair[0]!) && !/[ ']/.test(pair[1]!) && pair !== "ve" && pair !== "re") return place;
  }
  return 0;
}

/**
 * A stream over pieces.
 *
 * @param pieceOf the piece of an id, or null for an id that gives no text
 * @param join the text of a list of pieces, as a whole
 * @param cleanUp whether spaces before punctuation are removed
 */
export function createDetokenizer(
  pieceOf: (id: number) => string | null,
  join: (pieces: readonly string[]) => string,
  cleanUp: boolean,
): Detokenizer {
  let all: string[] = [];
  let emittedLength = 0;
  // Pieces already emitted, kept in front: decoders treat the first piece of a list specially.
  let anchor: readonly string[] = [];
  let anchorText = "";
  let pending: string[] = [];
  let uncleaned = "";

  const clean = (text: string, last: boolean): string => {
    if (!cleanUp) return text;
    uncleaned += text;
    const place = last ? uncleaned.length : lastSafePlace(uncleaned);
    const safe = uncleaned.slice(0, place);
    uncleaned = uncleaned.slice(place);
    return cleanUpSpaces(safe);
  };

  return {
    push(id) {
      const piece = pieceOf(id);
      if (piece === null) return "";
      all.push(piece);
      pending.push(piece);
      const text = join([...anchor, ...pending]);
      // A replacement character at the end may be the first bytes of one that is still coming.
      if (text.endsWith("\ufffd") || !text.startsWith(anchorText)) return "";
      const fresh = text.slice(anchorText.length);
      anchor = fresh === "" ? [...anchor, ...pending] : pending;
      anchorText = join(anchor);
      pending = [];
      emittedLength += fresh.length;
      return clean(fresh, false);
    },
    flush() {
      const rest = clean(join(all).slice(emittedLength), true);
      all = [];
      emittedLength = 0;
      anchor = [];
      anchorText = "";
      pending = [];
      uncleaned = "";
      return rest;
    },
  };
}
