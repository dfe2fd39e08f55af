// PKU-SafeRLHF: a prompt with two answers and two labels, which of them is more helpful and which is safer.
import { parseBoolean, parseInteger, parseText } from "../fields.ts";
import { assistantMark, type DropReason, judgePair, type PreferencePair } from "../preference-pair.ts";
import type { Row } from "../row.ts";

/** Which label of PKU-SafeRLHF chooses: the more helpful answer (`better`), or the more harmless one (`safer`). */
export type PreferenceLabel = "better" | "safer";

/** The form a prompt of PKU-SafeRLHF is given: HH-RLHF's transcript, or the dataset's own template. */
export type PromptTemplate = "hh-rlhf" | "pku-saferlhf";

/** Whether a row has the form of PKU-SafeRLHF. */
export function isPkuRow(fields: Readonly<Record<string, unknown>>): boolean {
  const { prompt, response_0, response_1, better_response_id, safer_response_id } = fields;
  const labelled = better_response_id !== undefined || safer_response_id !== undefined;
  return prompt !== undefined && response_0 !== undefined && response_1 !== undefined && labelled;
}

/**
 * Reads a row; only the label that chooses must be there, the other one and the two of safety are checked where they are.
 *
 * In the dataset's own template the answer follows `ASSISTANT:` without a space, as its authors tokenize it.
 *
 * @throws DataError where a field is missing or of another type
 */
export function readPkuRow(row: Row, label: PreferenceLabel, template: PromptTemplate): PreferencePair | DropReason {
  const prompt = parseText(row, "prompt");
  const responses = [parseText(row, "response_0"), parseText(row, "response_1")] as const;
  for (const field of ["is_response_0_safe", "is_response_1_safe"]) {
    if (row.fields[field] !== undefined) parseBoolean(row, field);
  }
  for (const field of ["better_response_id", "safer_response_id"]) {
    if (row.fields[field] !== undefined) parseInteger(row, field, 0, 1);
  }
  const chosenId = parseInteger(row, `${label}_response_id`, 0, 1);
  if (prompt.trim() === "") return "no-question";
  const [chosen, rejected] = chosenId === 0 ? responses : [responses[1], responses[0]];
  if (template === "pku-saferlhf") {
    return judgePair({ prompt: [`BEGINNING OF CONVERSATION: USER: ${prompt} ASSISTANT:`], chosen, rejected });
  }
  const turn = `\n\nHuman: ${prompt}${assistantMark}`;
  return judgePair({ prompt: [turn], chosen: ` ${chosen}`, rejected: ` ${rejected}` });
}
