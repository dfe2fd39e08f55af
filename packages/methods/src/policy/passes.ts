// How entries are cut into passes of bounded size, and what of them is read from the prefix cache instead of computed.
// Knows tokens and lengths only.
import type { Page } from "@dual-head/tensor-core";

/** Tokens from `start` on of entry `entry`, in one pass. */
export interface Piece {
  readonly entry: number;
  readonly start: number;
  readonly tokens: readonly number[];
  /** Where the pass reads them: one page for each pageSize tokens. */
  readonly pages: readonly Page[];
}

/** Pieces of distinct entries that run at once, all computed or all read. */
export interface Pass {
  readonly isRead: boolean;
  readonly pieces: readonly Piece[];
}

/** Tokens of one entry; `pages` hold the first of them. */
export interface PassEntry {
  readonly tokens: readonly number[];
  readonly pages: readonly Page[];
}

/**
 * Passes in order: what is held first, then the rest, each of at most `chunkSize` tokens, or of one a sequence where
 * there are more sequences than that. Entries keep their order within a pass, and tokens theirs over all passes.
 */
export function passesOf(entries: readonly PassEntry[], chunkSize: number, pageSize: number): readonly Pass[] {
  const heldOf = ({ pages }: PassEntry) => pages.length * pageSize;
  const readSize = Math.max(1, Math.floor(chunkSize / pageSize)) * pageSize;
  const read = cut(entries, () => 0, heldOf, readSize, pageSize);
  const computed = cut(entries, heldOf, ({ tokens }) => tokens.length, chunkSize, 1);
  return [
    ...read.map((pieces) => ({
      isRead: true,
      pieces: pieces.map((piece) => {
        const [first, count] = [piece.start / pageSize, piece.tokens.length / pageSize];
        return { ...piece, pages: entries[piece.entry]!.pages.slice(first, first + count) };
      }),
    })),
    ...computed.map((pieces) => ({ isRead: false, pieces })),
  ];
}

/** Pieces of tokens from `from` to `to` of each entry, in groups of at most `size` tokens but one `unit` an entry. */
function cut(
  entries: readonly PassEntry[],
  from: (entry: PassEntry) => number,
  to: (entry: PassEntry) => number,
  size: number,
  unit: number,
): readonly (readonly Piece[])[] {
  const groups: Piece[][] = [];
  let left = entries.map((each, entry) => ({ entry, start: from(each), end: to(each) }));
  left = left.filter(({ start, end }) => start < end);
  while (left.length > 0) {
    // Every sequence moves in every pass, so that the shortest are not held up by the longest.
    let room = Math.max(0, size - unit * left.length);
    groups.push(
      left.map((part) => {
        const more = Math.min(part.end - part.start - unit, Math.floor(room / unit) * unit);
        room -= more;
        const start = part.start;
        part.start += unit + more;
        return { entry: part.entry, start, tokens: entries[part.entry]!.tokens.slice(start, part.start), pages: [] };
      }),
    );
    left = left.filter(({ start, end }) => start < end);
  }
  return groups;
}
