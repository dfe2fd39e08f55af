// Prompts that fit a backbone: longer ones lose turns at their beginning, never the last. Knows no model.
import { splitTurns } from "@dual-head/data";

/** A prompt as tokens, and whether its beginning was left out. */
export interface FittedPrompt {
  readonly tokens: readonly number[];
  readonly isCut: boolean;
}

/** Tokens a prompt may have beside an answer: what the answer leaves, and half of all where it leaves less. */
export function promptRoom(maxTokens: number, maxNewTokens: number): number {
  return Math.max(maxTokens - maxNewTokens, maxTokens >> 1);
}

/**
 * Tokens of a prompt, at most `room`: it begins with the earliest turn of the human from which on it fits; of a last turn that
 * is too long by itself, or a text without turns, the last tokens are left.
 */
export function fitPrompt(encode: (text: string) => ArrayLike<number>, text: string, room: number): FittedPrompt {
  const whole = Array.from(encode(text));
  if (whole.length <= room) return { tokens: whole, isCut: false };
  const turns = splitTurns(text);
  let shortest = whole;
  for (const [start, turn] of turns.entries()) {
    if (start === 0 || !turn.startsWith("\n\nHuman:")) continue;
    shortest = Array.from(encode(turns.slice(start).join("")));
    if (shortest.length <= room) return { tokens: shortest, isCut: true };
  }
  return { tokens: shortest.slice(-room), isCut: true };
}
