// Conversations in HH-RLHF's transcript form, which its reward models and oracles read. Knows no judge.
import { type Message, renderPrompt } from "@dual-head/data";
import { JudgeError } from "../judge-error.ts";

/**
 * A conversation as a transcript, up to and with the `\n\nAssistant:` that the answer follows after a space.
 *
 * @throws JudgeError ("no-place") where the form has no place for it: another role, or no human turn at the end
 */
export function hhPrompt(conversation: readonly Message[]): string {
  const turns = renderPrompt(conversation);
  if (typeof turns !== "string") return turns.join("");
  const problem =
    turns === "no-question" ? "the conversation does not end with the human" : "it has a turn of a strange role";
  throw new JudgeError(
    "hh",
    "no-place",
    `Cannot write a transcript: ${problem}; it must alternate and end with the human`,
  );
}
