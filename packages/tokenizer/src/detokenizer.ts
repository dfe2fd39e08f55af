// Text from tokens as they come: whole characters only, and in sum exactly the text of all of them at once.
// It does not know vocabularies: it is given what each id stands for, or a function that joins pieces to text.

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

/** A stream whose text is cleaned up as {@link cleanUpSpaces} cleans the whole. */
export function createCleanStream(stream: Detokenizer): Detokenizer {
  let held = "";
  return {
    push(id) {
      held += stream.push(id);
      const place = lastSafePlace(held);
      const safe = held.slice(0, place);
      held = held.slice(place);
      return cleanUpSpaces(safe);
    },
    flush() {
      const rest = cleanUpSpaces(held + stream.flush());
      held = "";
      return rest;
    },
  };
}

/**
 * A stream over pieces that only a function for whole lists can join: all text comes at the end.
 *
 * @param pieceOf the piece of an id, or null for an id that gives no text
 * @param join the text of a list of pieces, as a whole
 */
export function createJoinStream(
  pieceOf: (id: number) => string | null,
  join: (pieces: readonly string[]) => string,
): Detokenizer {
  let all: string[] = [];
  return {
    push(id) {
      const piece = pieceOf(id);
      if (piece !== null) all.push(piece);
      return "";
    },
    flush() {
      const text = join(all);
      all = [];
      return text;
    },
  };
}

/** What an id stands for: text, bytes that may be a part of a character, or nothing. */
export type Surface = string | Uint8Array | null;

/** Which spaces at the very beginning are left out: none, one, all, or all of the first token. */
export type SpaceStrip = "none" | "one" | "all" | "first";

/**
 * A stream over ids that stand for text or bytes each by itself; bytes become text by the WHATWG rule, one replacement
 * character for each broken sequence.
 *
 * @param surfaceOf what an id stands for
 * @param strip which spaces at the very beginning are left out
 * @param mayStrip whether the space that an id's text begins with may be left out
 */
export function createSurfaceStream(
  surfaceOf: (id: number) => Surface,
  strip: SpaceStrip = "none",
  mayStrip: (id: number) => boolean = () => true,
): Detokenizer {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let begun = strip === "none";
  let bytesPending = false;
  const end = (): string => {
    if (!bytesPending) return "";
    bytesPending = false;
    return decoder.decode();
  };
  return {
    push(id) {
      const surface = surfaceOf(id);
      if (surface === null) return "";
      if (typeof surface !== "string") {
        begun = true;
        bytesPending = true;
        return decoder.decode(surface, { stream: true });
      }
      let text = surface;
      if (!begun && strip === "first") {
        if (mayStrip(id)) text = text.replaceAll(" ", "");
        begun = true;
      } else if (!begun && text.startsWith(" ") && mayStrip(id)) {
        text = text.slice(1);
        begun = strip === "one" || text !== "";
      } else begun ||= text !== "";
      return end() + text;
    },
    flush() {
      begun = strip === "none";
      return end();
    },
  };
}
