// What every training tells people alike. Knows no method.
import type { HeldOutFigures, PreparedEvent } from "@dual-head/train";
import type { Io } from "../io.ts";

/** Notes how many pairs there are, and what was dropped and cut; warns where most are gone. */
export function notePrepared(
  {
    pairCount,
    heldOutCount,
    cutCount,
    dropped,
  }: Pick<PreparedEvent, "pairCount" | "heldOutCount" | "cutCount" | "dropped">,
  io: Io,
): void {
  const counts = Object.entries(dropped) as [string, number][];
  const droppedText = counts.length > 0 ? `; dropped ${listCounts(counts)}` : "";
  io.note(`${pairCount} pairs to train on, ${heldOutCount} held out, ${cutCount} cut at a turn${droppedText}\n`);
  const droppedCount = counts.reduce((sum, [, count]) => sum + count, 0);
  if (droppedCount > pairCount + heldOutCount) {
    io.note("warning: most pairs were dropped; use a model that reads longer texts, or shorter data\n");
  }
}

/** Counts by reason. */
export function listCounts(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([reason, count]) => `${count} ${reason}`).join(", ");
}

/** The held-out accuracy beside what it is measured against. */
export function describeHeldOut(heldOut: HeldOutFigures | null, subject: "head" | "model"): string {
  if (heldOut === null) return "nothing was held out";
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const { accuracy, low, high, pairs, untrained, shorterWins } = heldOut;
  return `held-out accuracy ${percent(accuracy)} [${percent(low)}, ${percent(high)}] on ${pairs} pairs; untrained ${subject} ${percent(untrained)}, shorter wins ${percent(shorterWins)}`;
}
