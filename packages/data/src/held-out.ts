// A split that never tests on what was trained: decided by conversation, from a hash, the same on every machine.
import { assistantMark, type PreferencePair, splitTurns } from "./preference-pair.ts";

/** Pairs for training and pairs for measuring, each in their original order. */
export interface HeldOutSplit<Pair extends PreferencePair = PreferencePair> {
  readonly train: readonly Pair[];
  readonly heldOut: readonly Pair[];
}

/** FNV-1a over UTF-16 code units, started by the seed, with the finalizer of MurmurHash3 to spread the last bits. */
function hashText(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * What a conversation is known by: the first turn of its prompt, or of its response where there is no prompt.
 *
 * The mark of the assistant that ends a prompt of one turn does not count: where the conversation goes on, the same
 * question stands without it.
 */
export function openingOf({
  prompt,
  response = "",
}: {
  readonly prompt: readonly string[];
  readonly response?: string;
}): string {
  const first = prompt[0] ?? splitTurns(response)[0] ?? "";
  return first.endsWith(assistantMark) ? first.slice(0, -assistantMark.length) : first;
}

/**
 * Splits pairs by the opening turn of their prompts: pairs that share it, and so all pairs of one prompt or of one
 * conversation cut at different turns, lie on one side.
 *
 * Openings are ordered by hash and held out until at least `fraction` of the pairs are; where the fraction is not zero
 * and there are two openings or more, neither side is empty. The order of the pairs does not matter.
 *
 * @param fraction part to hold out, at least 0 and below 1
 * @param seed an integer; another seed gives another split
 * @throws RangeError where the fraction is not in [0, 1) or the seed is no integer
 */
export function splitHeldOut<Pair extends PreferencePair>(
  pairs: readonly Pair[],
  fraction: number,
  seed: number,
): HeldOutSplit<Pair> {
  if (!(fraction >= 0 && fraction < 1)) {
    throw new RangeError(`Cannot split the data: the fraction is ${fraction} but must be at least 0 and below 1`);
  }
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot split the data: the seed is ${seed} but must be an integer`);
  }
  const counts = new Map<string, number>();
  for (const pair of pairs) counts.set(openingOf(pair), (counts.get(openingOf(pair)) ?? 0) + 1);
  const openings = [...counts.keys()]
    .map((opening) => ({ opening, hash: hashText(opening, seed) }))
    .sort((a, b) => a.hash - b.hash || (a.opening < b.opening ? -1 : 1));
  const held = new Set<string>();
  let heldCount = 0;
  // The last opening stays for training.
  for (const { opening } of openings.slice(0, -1)) {
    if (heldCount >= fraction * pairs.length) break;
    held.add(opening);
    heldCount += counts.get(opening)!;
  }
  const isHeld = (pair: Pair): boolean => held.has(openingOf(pair));
  return { train: pairs.filter((pair) => !isHeld(pair)), heldOut: pairs.filter(isHeld) };
}
