// Rows to be imitated: a prompt with its response, a list of messages that ends in one, or a text by itself.
import { parseBoolean } from "../fields.ts";
import { parseMessages, renderAnswer, renderPrompt } from "../messages.ts";
import { type DropReason, type SftExample, splitTurns } from "../preference-pair.ts";
import { malformedRow, type Row } from "../row.ts";

function judgeExample(example: SftExample): SftExample | DropReason {
  return example.response.trim() === "" ? "empty-answer" : example;
}

/**
 * Reads a row of one of these forms: texts `prompt` and `response` (or `completion`), used as they are; `messages` or
 * `conversations`, whose last message is the response; `text`, which is imitated whole. Where a row has a `label`, as
 * the unpaired preferences of KTO have, only what is labelled true is an example.
 *
 * @throws DataError where the row has none of these forms
 */
export function readSftRow(row: Row): SftExample | DropReason {
  const { prompt, response, completion, messages, conversations, text, label } = row.fields;
  if (label !== undefined && !parseBoolean(row, "label")) return "undesirable";
  const answer = response ?? completion;
  if (typeof prompt === "string" && typeof answer === "string") {
    return judgeExample({ prompt: splitTurns(prompt), response: answer });
  }
  const list = messages ?? conversations;
  if (list !== undefined) {
    const parsed = parseMessages(list, row, messages === undefined ? "conversations" : "messages");
    const last = renderAnswer(parsed.at(-1));
    if (typeof last === "string") return last;
    const turns = renderPrompt(parsed.slice(0, -1));
    return typeof turns === "string" ? turns : judgeExample({ prompt: turns, response: last.text });
  }
  if (typeof text === "string") return judgeExample({ prompt: [], response: text });
  throw malformedRow(row, "a row must have prompt and response, messages, or text");
}
