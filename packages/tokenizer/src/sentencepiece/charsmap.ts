// Sentencepiece's compiled replacements of characters (nmt_nfkc and others): a double-array trie and a pool of texts.
// It does not know which replacements a name stands for: the file holds them.
import { malformed } from "../tokenizer-error.ts";

/** What some bytes at a place of a text are replaced by. */
export interface Replacement {
  /** How many bytes of the text are replaced. */
  readonly length: number;
  readonly text: string;
}

/** Finds replacements in text as UTF-8. */
export interface Charsmap {
  /** The replacement of the longest stretch at a place, or of the shortest where asked so, or null. */
  find(bytes: Uint8Array, place: number, which?: "longest" | "shortest"): Replacement | null;
}

/** A unit of the trie: its offset, its label, and whether a value stands behind it. */
function offsetOf(unit: number): number {
  return ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
}

/**
 * Parses a compiled charsmap; null where it is empty.
 *
 * @param blob four bytes of length, the trie, and texts that each end with a zero
 * @throws TokenizerError where it is cut short or not UTF-8
 */
export function parseCharsmap(blob: Uint8Array, path: string): Charsmap | null {
  const field = "precompiled_charsmap";
  if (blob.length === 0) return null;
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const trieSize = blob.length < 4 ? 0 : view.getUint32(0, true);
  if (blob.length < 4 || trieSize === 0 || trieSize % 4 !== 0 || 4 + trieSize > blob.length) {
    throw malformed(path, field, `a length, a trie of that length and texts, in ${blob.length} bytes`);
  }
  const unitCount = trieSize / 4;
  const unitAt = (index: number): number => view.getUint32(4 + 4 * index, true);
  const pool = blob.subarray(4 + trieSize);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const texts = new Map<number, string>();
  const textAt = (start: number): string => {
    let text = texts.get(start);
    if (text === undefined) {
      const end = pool.indexOf(0, start);
      if (start >= pool.length || end < 0)
        throw malformed(path, field, `texts that reach byte ${start} and end with a zero`);
      try {
        text = decoder.decode(pool.subarray(start, end));
      } catch (cause) {
        throw malformed(path, field, `text in UTF-8 at byte ${start} of its texts`, cause);
      }
      texts.set(start, text);
    }
    return text;
  };
  return {
    find(bytes, place, which = "longest") {
      let node = offsetOf(unitAt(0));
      let best: Replacement | null = null;
      for (let at = place; at < bytes.length; at++) {
        const byte = bytes[at]!;
        node = (node ^ byte) >>> 0;
        if (node >= unitCount) break;
        const unit = unitAt(node);
        // The highest bit is set in values alone, so that a value is never taken for a label.
        if ((unit & 0x800000ff) >>> 0 !== byte) break;
        node = (node ^ offsetOf(unit)) >>> 0;
        if (node >= unitCount) break;
        if ((unit & 0x100) !== 0) {
          best = { length: at + 1 - place, text: textAt(unitAt(node) & 0x7fffffff) };
          if (which === "shortest") break;
        }
      }
      return best;
    },
  };
}
