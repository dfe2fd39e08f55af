// Scores of pieces under which sentencepiece joins as a list of merges does, or why there are none. A list joins the pair
// of the lowest rank; sentencepiece any two neighbours that make a piece, by its score, the leftmost of equals.

/** A pair of neighbours that is joined. */
export type Merge = readonly [string, string];

/**
 * Scores by piece, the highest first joined; or what stands in the way.
 *
 * Pieces whose pairs are mixed in the list can only have equal scores; whether the leftmost of equals is then the same
 * choice is tried on every text in which two pairs contend.
 *
 * @param merges pairs by rank
 * @param pieces all pieces that can be made or joined
 */
export function scoresOfMerges(
  merges: readonly Merge[],
  pieces: ReadonlySet<string>,
): { readonly scores: ReadonlyMap<string, number> } | { readonly fault: string } {
  const spans = new Map<string, { first: number; last: number }>();
  const ranks = new Map<string, number>();
  for (const [rank, [left, right]] of merges.entries()) {
    const made = left + right;
    if (!pieces.has(made) || right === "")
      return { fault: `its merge ${JSON.stringify([left, right])} makes no piece` };
    const key = keyOf(left, right);
    if (!ranks.has(key)) ranks.set(key, rank);
    const span = spans.get(made);
    if (span === undefined) spans.set(made, { first: rank, last: rank });
    else span.last = rank;
  }
  for (const piece of pieces) {
    const characters = [...piece];
    for (let cut = 1; cut < characters.length; cut++) {
      const [left, right] = [characters.slice(0, cut).join(""), characters.slice(cut).join("")];
      if (pieces.has(left) && pieces.has(right) && !ranks.has(keyOf(left, right))) {
        return { fault: `no merge makes ${JSON.stringify(piece)} of ${JSON.stringify([left, right])}` };
      }
    }
  }
  const scores = new Map<string, number>();
  const groups = groupsOf(spans);
  for (const [index, group] of groups.entries()) {
    for (const piece of group) scores.set(piece, -index);
  }
  for (const text of contested(merges, scores)) {
    if (joinByRank(text, ranks).join(" ") !== joinByScore(text, scores).join(" ")) {
      return { fault: `its merges join ${JSON.stringify(text)} as no scores would` };
    }
  }
  return { scores };
}

function keyOf(left: string, right: string): string {
  return `${left.length} ${left}${right}`;
}

/** Pieces whose spans of ranks overlap, together; in the order of the ranks. */
function groupsOf(spans: ReadonlyMap<string, { readonly first: number; readonly last: number }>): readonly string[][] {
  const groups: string[][] = [];
  let end = -1;
  for (const [piece, { first, last }] of [...spans].sort(([, a], [, b]) => a.first - b.first)) {
    if (first > end) groups.push([]);
    groups.at(-1)!.push(piece);
    end = Math.max(end, last);
  }
  return groups;
}

/**
 * Texts in which two pairs of equal score share a part and the list prefers the right one: l·m and m·r of l·m·r, where
 * sentencepiece takes the left. Pairs without a common part are both joined, whatever the order.
 */
function* contested(merges: readonly Merge[], scores: ReadonlyMap<string, number>): Generator<string, void, undefined> {
  const byLeft = new Map<string, { readonly right: string; readonly rank: number; readonly score: number }[]>();
  for (const [rank, [left, right]] of merges.entries()) {
    const entry = { right, rank, score: scores.get(left + right)! };
    const known = byLeft.get(left);
    if (known === undefined) byLeft.set(left, [entry]);
    else known.push(entry);
  }
  for (const [rank, [left, middle]] of merges.entries()) {
    const score = scores.get(left + middle)!;
    for (const other of byLeft.get(middle) ?? []) {
      if (other.score === score && other.rank < rank) yield left + middle + other.right;
    }
  }
}

/** The pieces that a list of merges makes of a text. */
export function joinByRank(text: string, ranks: ReadonlyMap<string, number>): readonly string[] {
  return join(text, (left, right) => {
    const rank = ranks.get(keyOf(left, right));
    return rank === undefined ? null : -rank;
  });
}

/** The pieces that sentencepiece makes of a text. */
export function joinByScore(text: string, scores: ReadonlyMap<string, number>): readonly string[] {
  return join(text, (left, right) => scores.get(left + right) ?? null);
}

function join(text: string, worthOf: (left: string, right: string) => number | null): readonly string[] {
  const parts = [...text];
  for (;;) {
    let best: { readonly at: number; readonly worth: number } | null = null;
    for (let at = 0; at + 1 < parts.length; at++) {
      const worth = worthOf(parts[at]!, parts[at + 1]!);
      if (worth !== null && (best === null || worth > best.worth)) best = { at, worth };
    }
    if (best === null) return parts;
    parts.splice(best.at, 2, parts[best.at]! + parts[best.at + 1]!);
  }
}
