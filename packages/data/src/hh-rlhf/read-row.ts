// HH-RLHF: two transcripts a row, `chosen` and `rejected`, which share all but the assistant's last turn.
import { assistantMark, type DropReason, judgePair, type PreferencePair, splitTurns } from "../preference-pair.ts";
import { malformedRow, type Row } from "../row.ts";

/** Whether a row has the form of HH-RLHF. */
export function isHhRow(fields: Readonly<Record<string, unknown>>): boolean {
  return typeof fields.chosen === "string" && typeof fields.rejected === "string" && fields.prompt === undefined;
}

/**
 * Reads a row: the prompt runs through the last `\n\nAssistant:` of each transcript and must be the same in both.
 *
 * @throws DataError where the row has not two transcripts
 */
export function readHhRow(row: Row): PreferencePair | DropReason {
  const { chosen, rejected } = row.fields;
  if (typeof chosen !== "string" || typeof rejected !== "string") {
    throw malformedRow(row, "a row of hh-rlhf must have the texts chosen and rejected");
  }
  const place = chosen.lastIndexOf(assistantMark);
  const otherPlace = rejected.lastIndexOf(assistantMark);
  if (place < 0 || otherPlace < 0) return "no-assistant-turn";
  const prompt = chosen.slice(0, place + assistantMark.length);
  if (prompt !== rejected.slice(0, otherPlace + assistantMark.length)) return "prefixes-differ";
  return judgePair({
    prompt: splitTurns(prompt),
    chosen: chosen.slice(prompt.length),
    rejected: rejected.slice(prompt.length),
  });
}
