// What sentencepiece does to a text before it is cut: replaces characters, tidies and escapes spaces.
// It does not know pieces, except that those of users must come through as they are.
import type { PieceTrie } from "../algorithms/piece-trie.ts";
import type { Charsmap } from "./charsmap.ts";
import type { NormalizerSpec } from "./parse-model.ts";

const escaped = "\u2581";

/** How many bytes a character of well-formed UTF-8 has, by its first. */
function characterLength(first: number): number {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** Cuts a text into what each character, run of characters or piece of a user becomes. */
function* replaceParts(text: string, charsmap: Charsmap | null, userPieces: PieceTrie | null): Generator<string> {
  const bytes = charsmap === null ? null : new TextEncoder().encode(text);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for (let place = 0, byte = 0; place < text.length; ) {
    const user = userPieces?.longest(text, place) ?? null;
    let end = user?.end ?? place;
    let part: string | null = user === null ? null : text.slice(place, end);
    let byteEnd = byte;
    if (bytes !== null) {
      const found = user === null ? charsmap!.find(bytes, byte) : null;
      if (found !== null) {
        part = found.text;
        byteEnd += found.length;
        // A damaged map may end inside a character; the rest of it is then replaced too.
        while (byteEnd < bytes.length && (bytes[byteEnd]! & 0xc0) === 0x80) byteEnd++;
        end = place + decoder.decode(bytes.subarray(byte, byteEnd)).length;
      } else if (user !== null) {
        while (byteEnd < bytes.length && decoder.decode(bytes.subarray(byte, byteEnd)).length < end - place) {
          byteEnd += characterLength(bytes[byteEnd]!);
        }
      } else byteEnd += characterLength(bytes[byte]!);
    }
    if (end === place) end += text.codePointAt(place)! > 0xffff ? 2 : 1;
    yield part ?? text.slice(place, end);
    place = end;
    byte = byteEnd;
  }
}

/** Makes the normaliser of a model; an empty text stays empty. */
export function createNormalizer(
  spec: NormalizerSpec,
  charsmap: Charsmap | null,
  userPieces: PieceTrie | null,
  whitespaceAsSuffix: boolean,
): (text: string) => string {
  const { addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces } = spec;
  const space = escapeWhitespaces ? escaped : " ";
  const trailing = new RegExp(`${space}+$`);
  return (text) => {
    let result = "";
    let begun = !removeExtraWhitespaces;
    let afterSpace = removeExtraWhitespaces;
    for (let part of replaceParts(text, charsmap, userPieces)) {
      // Spaces that begin the text, as parts of their own, do not count as text.
      if (!begun && part === " ") continue;
      begun = true;
      if (afterSpace) part = part.replace(/^ +/, "");
      if (part !== "") {
        result += escapeWhitespaces ? part.replaceAll(" ", escaped) : part;
        afterSpace = part.endsWith(" ");
      }
      if (!removeExtraWhitespaces) afterSpace = false;
    }
    if (!begun || text === "") return "";
    if (addDummyPrefix && !whitespaceAsSuffix) result = space + result;
    if (removeExtraWhitespaces) result = result.replace(trailing, "");
    return addDummyPrefix && whitespaceAsSuffix ? result + space : result;
  };
}
