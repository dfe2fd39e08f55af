// Chats as lists of messages, in the spellings of TRL and ShareGPT, rendered in HH-RLHF's transcript form.
// It does not know which messages are a prompt and which an answer.
import type { DropReason } from "./preference-pair.ts";
import { assistantMark } from "./preference-pair.ts";
import { isObject, malformedRow, type Row } from "./row.ts";

/** One message, whoever spelled it. */
export interface Message {
  readonly role: "system" | "human" | "assistant" | "other";
  readonly content: string;
}

const roles: Readonly<Record<string, Message["role"]>> = {
  system: "system",
  user: "human",
  human: "human",
  assistant: "assistant",
  gpt: "assistant",
  model: "assistant",
};

function parseContent(value: unknown, row: Row, field: string): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((part) => isObject(part) && typeof part.text === "string")) {
    return value.map((part) => part.text).join("");
  }
  throw malformedRow(row, `${field} must have a message with a text`);
}

/**
 * Parses one message: `{ role, content }`, or `{ from, value }`.
 *
 * @throws DataError where it is neither
 */
export function parseMessage(value: unknown, row: Row, field: string): Message {
  if (!isObject(value)) throw malformedRow(row, `${field} must hold messages`);
  const role = value.role ?? value.from;
  if (typeof role !== "string") throw malformedRow(row, `${field} must have messages with a role`);
  const known = Object.hasOwn(roles, role) ? roles[role]! : "other";
  return { role: known, content: parseContent(value.content ?? value.value, row, field) };
}

/**
 * Parses a list of messages.
 *
 * @throws DataError where it is none
 */
export function parseMessages(value: unknown, row: Row, field: string): readonly Message[] {
  if (!Array.isArray(value)) throw malformedRow(row, `${field} must be a list of messages`);
  return value.map((each) => parseMessage(each, row, field));
}

/** A prompt of messages in turns, ready for an answer; or why it is none. The system speaks before the next human. */
export function renderPrompt(messages: readonly Message[]): readonly string[] | DropReason {
  const turns: string[] = [];
  let system = "";
  for (const { role, content } of messages) {
    if (role === "other") return "unsupported-role";
    if (role === "system") {
      system += `${content}\n\n`;
      continue;
    }
    if (role === "assistant" && system !== "") turns.push(`\n\nHuman: ${system.trimEnd()}`);
    turns.push(role === "human" ? `\n\nHuman: ${system}${content}` : `${assistantMark} ${content}`);
    system = "";
  }
  if (messages.at(-1)?.role !== "human") return "no-question";
  turns.push(turns.pop()! + assistantMark);
  return turns;
}

/** The text of an answer as it follows a rendered prompt; or why it is none. */
export function renderAnswer(message: Message | undefined): { readonly text: string } | DropReason {
  if (message === undefined) return "no-answer";
  if (message.role === "other") return "unsupported-role";
  return message.role === "assistant" ? { text: ` ${message.content}` } : "no-answer";
}

/** Whether two lists say the same. */
export function equalMessages(a: readonly Message[], b: readonly Message[]): boolean {
  return (
    a.length === b.length &&
    a.every((each, index) => each.role === b[index]!.role && each.content === b[index]!.content)
  );
}
