// Short names of what was judged and by whom: equal where all that matters is equal. Knows no file.
import { type JsonValue, memorySource, sha256 } from "@dual-head/bytes";
import type { Message } from "@dual-head/data";
import type { Comparison, Exchange, Judge } from "./judge.ts";

// 128 bits: two of a billion verdicts share one with probability 1e-21.
const digits = 32;

/** The first 32 hexadecimal digits of SHA-256 over a JSON text whose keys are in order. */
export async function keyOf(value: JsonValue): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(ordered(value)));
  return (await sha256(memorySource(bytes, "key"))).slice(0, digits);
}

/** The name of a comparison: its texts, roles, order and references. */
export function comparisonKey(comparison: Comparison): Promise<string> {
  const { conversation, first, second, secondConversation, references } = comparison;
  const other = secondConversation === undefined ? null : turnsOf(secondConversation);
  return keyOf(["comparison", turnsOf(conversation), first, second, other, references ?? null]);
}

/** The name of an exchange: its texts, roles and references. */
export function exchangeKey({ conversation, answer, references }: Exchange): Promise<string> {
  return keyOf(["exchange", turnsOf(conversation), answer, references ?? null]);
}

/** The name of all that a judge's verdicts depend on. */
export function judgeKey({ name, identity = name }: Pick<Judge, "name" | "identity">): Promise<string> {
  return keyOf(["judge", identity]);
}

function turnsOf(conversation: readonly Message[]): JsonValue {
  return conversation.map(({ role, content }) => [role, content]);
}

function ordered(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, each]): [string, JsonValue] => [key, ordered(each)]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
