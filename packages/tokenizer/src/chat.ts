// Chats as prompts: the model's own Jinja template, or the transcript form of HH-RLHF where it has none.
// Control tokens come from the template alone: those that a user writes in a message stay text.
import { Template } from "@huggingface/jinja";
import type { TextRange } from "./special-tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { TokenizerConfig } from "./tokenizer-config.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** One message of a chat. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** A stretch of a prompt. */
export interface ChatPiece {
  readonly text: string;
  /** Whether special tokens written in it are control tokens. */
  readonly control: boolean;
}

/** A rendered chat; `encodeChat` turns it into ids. */
export interface ChatPrompt {
  /** The whole text. */
  readonly text: string;
  /** The text in stretches; several only where a message spells a special token, or a part of one at its edge. */
  readonly pieces: readonly ChatPiece[];
  /** Whether encoding adds the tokens that begin a text; a template writes its own, so then not. */
  readonly addSpecialTokens: boolean;
}

/** How a chat is rendered. */
export interface ChatOptions {
  /** Whether the prompt ends where the assistant's next turn begins; true. */
  readonly addGenerationPrompt?: boolean;
  /** Further variables of the template. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

const roleNames = { system: null, user: "Human", assistant: "Assistant" } as const;

/** HH-RLHF has no system turn: its text goes before that of the next human turn. */
function renderTranscript(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
  let text = "";
  let system = "";
  for (const { role, content } of messages) {
    if (role === "system") {
      system += `${content}\n\n`;
      continue;
    }
    if (role === "assistant" && system !== "") {
      text += `\n\nHuman: ${system.trimEnd()}`;
      system = "";
    }
    text += `\n\n${roleNames[role]}: ${system}${content}`;
    system = "";
  }
  if (system !== "") text += `\n\nHuman: ${system.trimEnd()}`;
  return addGenerationPrompt ? `${text}\n\nAssistant:` : text;
}

// Noncharacters of Unicode: a message cannot mean anything by them. They bracket the number of a hidden special token.
const opening = "\ufdd0";
const closing = "\ufdd1";
const firstDigit = 0xfde0;
const noncharacters = /[\ufdd0-\ufdef]/g;
const hiddenToken = /\ufdd0([\ufde0-\ufde9]+)\ufdd1/;

/** The longest beginning of a special token that a text ends with, unless it is nothing but space. */
function findTail(text: string, specials: readonly string[]): string {
  let tail = "";
  for (const special of specials) {
    for (let length = special.length - 1; length > tail.length; length--) {
      const start = special.slice(0, length);
      if (text.endsWith(start) && start.trim() !== "") tail = start;
    }
  }
  return tail;
}

/** The longest end of a special token that a text begins with, unless it is nothing but space. */
function findHead(text: string, specials: readonly string[]): string {
  let head = "";
  for (const special of specials) {
    for (let length = special.length - 1; length > head.length; length--) {
      const end = special.slice(-length);
      if (text.startsWith(end) && end.trim() !== "") head = end;
    }
  }
  return head;
}

/** Hides what could be a special token, or become one beside what stands next to it; `hidden` remembers it. */
function hideSpecials(content: string, specials: readonly string[], hidden: string[]): string {
  const hide = (text: string): string => {
    if (text === "") return "";
    const digits = [...String(hidden.length)].map((digit) => String.fromCharCode(firstDigit + Number(digit)));
    hidden.push(text);
    return opening + digits.join("") + closing;
  };
  const sound = content.replace(noncharacters, "\ufffd");
  const longestFirst = [...specials].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map((each) => each.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|"), "g");
  const head = findHead(sound, specials);
  const rest = sound.slice(head.length);
  const tail = findTail(rest, specials);
  const middle = rest.slice(0, rest.length - tail.length);
  return hide(head) + (specials.length === 0 ? middle : middle.replace(pattern, hide)) + hide(tail);
}

function splitHidden(text: string, hidden: readonly string[]): readonly ChatPiece[] {
  return text
    .split(hiddenToken)
    .map((part, index): ChatPiece => {
      if (index % 2 === 0) return { text: part, control: true };
      const number = Number([...part].map((digit) => digit.charCodeAt(0) - firstDigit).join(""));
      return { text: hidden[number] ?? "", control: false };
    })
    .filter((piece) => piece.text !== "");
}

/**
 * Renders a chat as a prompt, by the template of the tokenizer or else as an HH-RLHF transcript
 * (`\n\nHuman: …\n\nAssistant:`).
 *
 * @param config the tokenizer's settings, `tokenizer.config`
 * @param messages the turns in order
 * @throws TokenizerError where the template is malformed or refuses the messages
 */
export function chatPrompt(
  config: TokenizerConfig,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): ChatPrompt {
  const { addGenerationPrompt = true, variables = {} } = options;
  for (const { role } of messages) {
    if (!Object.hasOwn(roleNames, role)) {
      const message = `Cannot render the chat: a message has the role ${JSON.stringify(role)} but must have system, user or assistant`;
      throw new TokenizerError(config.path, message);
    }
  }
  if (config.chatTemplate === null) {
    const text = renderTranscript(messages, addGenerationPrompt);
    return { text, pieces: [{ text, control: false }], addSpecialTokens: true };
  }
  const specials = config.specialTokens;
  const hidden: string[] = [];
  let rendered: string;
  try {
    rendered = new Template(config.chatTemplate).render({
      bos_token: config.bosToken ?? "",
      eos_token: config.eosToken ?? "",
      ...variables,
      messages: messages.map(({ role, content }) => ({ role, content: hideSpecials(content, specials, hidden) })),
      add_generation_prompt: addGenerationPrompt,
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const message = `Cannot render the chat by the template of ${config.path}: ${detail}, change the messages or the template`;
    throw new TokenizerError(config.path, message, { field: "chat_template", cause });
  }
  const pieces = splitHidden(rendered, hidden);
  return { text: pieces.map((piece) => piece.text).join(""), pieces, addSpecialTokens: false };
}

/**
 * Encodes a rendered chat; the beginning-of-text token appears once, from the template or from the tokenizer.
 *
 * @throws TokenizerError where encoding fails
 */
export function encodeChat(tokenizer: Tokenizer, prompt: ChatPrompt): Uint32Array<ArrayBuffer> {
  const { text, pieces, addSpecialTokens } = prompt;
  const literal: TextRange[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.text.length;
    if (!piece.control) literal.push([start, end]);
    start = end;
  }
  return tokenizer.encode(text, { allowSpecial: true, literal, addSpecialTokens });
}
