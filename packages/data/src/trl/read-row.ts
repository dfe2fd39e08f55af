// TRL's preference rows, and ShareGPT's: texts as they are, or messages rendered in HH-RLHF's transcript form.
import { equalMessages, type Message, parseMessage, parseMessages, renderAnswer, renderPrompt } from "../messages.ts";
import { type DropReason, judgePair, type PreferencePair, splitTurns } from "../preference-pair.ts";
import { malformedRow, type Row } from "../row.ts";

/** Whether a row has one of the forms read here. */
export function isTrlRow(fields: Readonly<Record<string, unknown>>): boolean {
  const { prompt, conversations, chosen, rejected } = fields;
  if (chosen === undefined || rejected === undefined) return false;
  return prompt !== undefined || conversations !== undefined || (Array.isArray(chosen) && Array.isArray(rejected));
}

function parseAnswer(row: Row, field: "chosen" | "rejected"): readonly Message[] {
  const value = row.fields[field];
  if (typeof value === "string") return [{ role: "assistant", content: value }];
  return Array.isArray(value) ? parseMessages(value, row, field) : [parseMessage(value, row, field)];
}

function parsePrompt(row: Row): readonly Message[] {
  const { prompt, conversations } = row.fields;
  if (conversations !== undefined) return parseMessages(conversations, row, "conversations");
  if (prompt === undefined) return [];
  if (typeof prompt === "string") return [{ role: "human", content: prompt }];
  return parseMessages(prompt, row, "prompt");
}

/** The shared messages before two lists' last ones; a list that repeats an explicit prompt speaks for itself. */
function joinPrompt(
  explicit: readonly Message[],
  chosen: readonly Message[],
  rejected: readonly Message[],
): readonly Message[] | DropReason {
  const prefix = chosen.slice(0, -1);
  if (!equalMessages(prefix, rejected.slice(0, -1))) return "prefixes-differ";
  // A list with a human's message has its prompt inside; one of the assistant's alone continues the explicit one.
  return prefix.some((message) => message.role === "human") ? prefix : [...explicit, ...prefix];
}

/**
 * Reads a row of one of these forms: `prompt`, `chosen`, `rejected` as texts, used as they are; `chosen` and `rejected`
 * as lists of messages with the prompt inside, or beside as `prompt`; or `conversations` with a message each as
 * `chosen` and `rejected`.
 *
 * @throws DataError where the row has none of these forms
 */
export function readTrlRow(row: Row): PreferencePair | DropReason {
  const { prompt, chosen, rejected } = row.fields;
  if (typeof prompt === "string" && typeof chosen === "string" && typeof rejected === "string") {
    return judgePair({ prompt: splitTurns(prompt), chosen, rejected });
  }
  if (!isTrlRow(row.fields)) {
    throw malformedRow(
      row,
      "a row of trl must have chosen and rejected, and prompt, conversations or lists of messages",
    );
  }
  const chosenMessages = parseAnswer(row, "chosen");
  const rejectedMessages = parseAnswer(row, "rejected");
  const messages = joinPrompt(parsePrompt(row), chosenMessages, rejectedMessages);
  if (typeof messages === "string") return messages;
  const turns = renderPrompt(messages);
  if (typeof turns === "string") return turns;
  const chosenAnswer = renderAnswer(chosenMessages.at(-1));
  if (typeof chosenAnswer === "string") return chosenAnswer;
  const rejectedAnswer = renderAnswer(rejectedMessages.at(-1));
  if (typeof rejectedAnswer === "string") return rejectedAnswer;
  return judgePair({ prompt: turns, chosen: chosenAnswer.text, rejected: rejectedAnswer.text });
}
