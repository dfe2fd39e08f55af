// Byte-pair merges learnt from words by how often they occur (Sennrich et al., 2016). Knows no file and no special token.

/** A merge of two symbols into one. */
export type Merge = readonly [string, string];

/**
 * Learns merges until there are `mergeCount`, or no pair of symbols occurs twice. Ties go to the pair that sorts first, so
 * that the same counts give the same merges everywhere.
 *
 * No two merges spell the same (`a bc` and `ab c`): symbols that become one are not merged with others around them before,
 * and so merge with each other in the same order wherever they stand.
 *
 * @param words symbols of each word, one character each, and how often it occurs
 */
export function learnBpe(
  words: readonly { readonly symbols: readonly string[]; readonly count: number }[],
  mergeCount: number,
): readonly Merge[] {
  const held = words.map(({ symbols, count }) => ({ symbols: [...symbols], count }));
  const counts = new Map<string, number>();
  const holders = new Map<string, Set<number>>();
  const addPairs = (index: number, sign: 1 | -1) => {
    const { symbols, count } = held[index]!;
    for (let at = 0; at + 1 < symbols.length; at++) {
      const pair = `${symbols[at]} ${symbols[at + 1]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + sign * count);
      if (sign === 1) holders.set(pair, (holders.get(pair) ?? new Set()).add(index));
    }
  };
  for (const index of held.keys()) addPairs(index, 1);
  const merges: Merge[] = [];
  while (merges.length < mergeCount) {
    let best = "";
    let most = 1;
    for (const [pair, count] of counts) {
      if (count > most || (count === most && count > 1 && pair < best)) [best, most] = [pair, count];
    }
    if (best === "") break;
    const merge = best.split(" ") as [string, string];
    merges.push(merge);
    for (const index of holders.get(best)!) {
      addPairs(index, -1);
      held[index]!.symbols = merged(held[index]!.symbols, merge);
      addPairs(index, 1);
    }
    counts.delete(best);
  }
  return merges;
}

function merged(symbols: readonly string[], [left, right]: Merge): string[] {
  const result: string[] = [];
  for (let at = 0; at < symbols.length; at++) {
    const joins = symbols[at] === left && symbols[at + 1] === right;
    result.push(joins ? left + right : symbols[at]!);
    if (joins) at++;
  }
  return result;
}
