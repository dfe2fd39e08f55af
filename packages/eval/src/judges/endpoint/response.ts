// The body of a chat completion and of an error, checked: what is not needed may be missing or be anything. Knows no
// network.
import * as v from "valibot";
import type { TokenUsage } from "./spending.ts";

/** A token that could have been said, with its log-probability (nats). */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
}

/** What a model said. */
export interface Completion {
  readonly text: string;
  /** Why it ended there, such as `stop` or `length`, or null. */
  readonly finishReason: string | null;
  /** The likeliest first tokens, or null where the endpoint does not say. */
  readonly topLogprobs: readonly TokenLogprob[] | null;
  /** Null where the endpoint does not count. */
  readonly usage: TokenUsage | null;
}

/** What is wrong with the body of an answer, and whether another try may be better. */
export interface BodyFault {
  readonly problem: string;
  readonly remedy: string;
  readonly transient: boolean;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const usageSchema = v.object({ prompt_tokens: count, completion_tokens: count });
const logprobSchema = v.object({
  content: v.pipe(
    v.array(v.object({ top_logprobs: v.array(v.object({ token: v.string(), logprob: v.number() })) })),
    v.minLength(1),
  ),
});
const choiceSchema = v.object({
  message: v.object({ content: v.nullish(v.string()) }),
  finish_reason: v.nullish(v.string()),
  // Endpoints without them leave them out, or say something of their own.
  logprobs: v.fallback(v.nullish(logprobSchema), null),
});
const completionSchema = v.object({ choices: v.array(choiceSchema), usage: v.fallback(v.nullish(usageSchema), null) });
const errorSchema = v.object({
  error: v.object({
    message: v.fallback(v.nullish(v.string()), null),
    code: v.fallback(v.nullish(v.string()), null),
    type: v.fallback(v.nullish(v.string()), null),
  }),
});

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const baseUrlRemedy = "check the base URL, which usually ends in /v1";

/** The completion in a body, or what is wrong with it. */
export function parseCompletion(body: string): Completion | BodyFault {
  const value = parse(body);
  if (value === undefined) {
    return /^\s*</.test(body)
      ? { problem: "it answered with a web page", remedy: baseUrlRemedy, transient: false }
      : { problem: "its answer is not whole JSON", remedy: "try again later, or see its own log", transient: true };
  }
  const parsed = v.safeParse(completionSchema, value);
  if (!parsed.success) {
    // Some gateways say with status 200 that they failed.
    const error = parseErrorBody(body);
    if (error !== null) {
      return { problem: `it answered with an error (${error.said})`, remedy: "see to that", transient: false };
    }
    const [issue] = parsed.issues;
    const place = v.getDotPath(issue) ?? "the answer";
    return {
      problem: `${place} of its answer is ${shorten(issue.received)} and must be ${issue.expected}`,
      remedy: `it must give chat completions of OpenAI's form; ${baseUrlRemedy}`,
      transient: false,
    };
  }
  const { choices, usage } = parsed.output;
  const [choice] = choices;
  if (choice === undefined) {
    return { problem: "its answer has no choices", remedy: "try again later, or see its own log", transient: true };
  }
  const { message, finish_reason: finishReason, logprobs } = choice;
  return {
    text: message.content ?? "",
    finishReason: finishReason ?? null,
    topLogprobs: logprobs?.content[0]?.top_logprobs ?? null,
    usage: usage ? { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens } : null,
  };
}

/** What an error's body says, and its code or type, or null where it says nothing. */
export function parseErrorBody(body: string): { readonly said: string; readonly code: string } | null {
  const parsed = v.safeParse(errorSchema, parse(body));
  if (!parsed.success) return null;
  const { message, code, type } = parsed.output.error;
  const said = message ?? code ?? type;
  return said === null || said === undefined ? null : { said: shorten(said), code: code ?? type ?? "" };
}

/** Text of a line's length, without line ends. */
export function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const characters = Array.from(line);
  return characters.length <= 200 ? line : `${characters.slice(0, 199).join("")}…`;
}
