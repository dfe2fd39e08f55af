// What templates show of a comparison or an exchange. Knows no template.
import type { Message } from "@dual-head/data";
import type { Comparison, Exchange } from "../../judge.ts";
import type { Places } from "./template.ts";

/** A comparison or an exchange as a judge is shown it. */
export interface Shown {
  readonly places: Places;
  /** Turns of the human. */
  readonly turnCount: number;
  /** Whether the conversation has what only `{conversation}` shows. */
  readonly needsConversation: boolean;
  readonly hasReferences: boolean;
}

const speakers: Readonly<Record<Message["role"], string>> = {
  system: "System",
  human: "User",
  assistant: "Assistant",
  other: "Other",
};

/** A conversation as text, each turn after who speaks. */
export function renderConversation(conversation: readonly Message[]): string {
  return conversation.map(({ role, content }) => `${speakers[role]}: ${content}`).join("\n\n");
}

const contentsOf = (conversation: readonly Message[], role: Message["role"]): readonly string[] =>
  conversation.filter((message) => message.role === role).map(({ content }) => content);

function numbered(name: string, texts: readonly string[]): Places {
  return Object.fromEntries(texts.map((text, index) => [`${name}_${index + 1}`, text]));
}

function shown(conversation: readonly Message[], references: readonly string[], others: Places): Shown {
  const questions = contentsOf(conversation, "human");
  return {
    places: {
      question: questions.at(-1) ?? "",
      ...numbered("question", questions),
      ...(references.length === 0 ? {} : { reference: references.at(-1)!, ...numbered("ref_answer", references) }),
      ...others,
    },
    turnCount: questions.length,
    needsConversation: conversation.some(({ role }) => role === "system" || role === "other"),
    hasReferences: references.length > 0,
  };
}

/** The places of a comparison; `{conversation}` only where both answers go on from the same. */
export function showComparison(comparison: Comparison): Shown {
  const { conversation, first, second, secondConversation, references = [] } = comparison;
  const answers = (given: readonly Message[], last: string) => [...contentsOf(given, "assistant"), last];
  return shown(conversation, references, {
    ...(secondConversation === undefined ? { conversation: renderConversation(conversation) } : {}),
    answer_a: first,
    answer_b: second,
    ...numbered("answer_a", answers(conversation, first)),
    ...numbered("answer_b", answers(secondConversation ?? conversation, second)),
  });
}

/** The places of an exchange. */
export function showExchange({ conversation, answer, references = [] }: Exchange): Shown {
  return shown(conversation, references, {
    conversation: renderConversation(conversation),
    answer,
    ...numbered("answer", [...contentsOf(conversation, "assistant"), answer]),
  });
}
