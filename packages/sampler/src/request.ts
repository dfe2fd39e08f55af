// What a caller asks of a generator and what comes back, with the checks of a request.
// Text appears only through an injected detokeniser.
import { InvalidRequestError } from "./errors.ts";
import type { Controls, DecodePolicy } from "./policy.ts";
import type { WarpSettings } from "./warps/warp.ts";

/** Turns ids into text piece by piece; it may hold bytes back until they make a character. */
export interface Detokenizer {
  /** The text that became certain with this token. */
  push(id: number): string;
  /** What is left at the end. */
  flush(): string;
}

/** One generation. Warps that are left out change nothing: plain sampling at temperature 1. */
export interface GenerateRequest extends WarpSettings {
  /** Token ids, at least one. */
  readonly prompt: readonly number[];
  /** Knobs of the sequence; the policy's defaults where left out. */
  readonly controls?: Controls | undefined;
  /** At least 1. */
  readonly maxNewTokens: number;
  /** Stop tokens are excluded before so many new tokens; stop strings still stop. */
  readonly minNewTokens?: number | undefined;
  /** An integer in [0, 2⁵³), 0 by default: the same seed over the same logits gives the same tokens. */
  readonly seed?: number | undefined;
  /** Generation ends with any of these; the stop token itself is yielded, without text. */
  readonly stopTokens?: readonly number[] | undefined;
  /** Generation ends before any of these in the text; needs `createDetokenizer`. */
  readonly stopStrings?: readonly string[] | undefined;
  /** A fresh detokeniser that continues the prompt. Without one all text is empty. */
  readonly createDetokenizer?: (() => Detokenizer) | undefined;
  /** Ends the generation at the next step, with reason `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Why a generation ended: a stop token, a stop string, `maxNewTokens` (`length`), the policy's `maxTokens` (`context`), or
 * the caller's signal.
 */
export type EndReason = "stop-token" | "stop-string" | "length" | "context" | "aborted";

/** One new token. */
export interface TokenEvent {
  readonly type: "token";
  readonly token: number;
  /** Nats under the policy's own distribution: temperature 1, before every warp. */
  readonly logp: number;
  /** α of the distribution the token was drawn from, or null for a policy without a gate. */
  readonly alpha: number | null;
  /** Text that became certain; empty while it could be the beginning of a stop string or of a character. */
  readonly text: string;
}

/** The last event. */
export interface EndEvent {
  readonly type: "end";
  readonly reason: EndReason;
  /** Text held back until now. */
  readonly text: string;
}

/** What a generation yields: any number of tokens, then one end. */
export type GenerateEvent = TokenEvent | EndEvent;

/** Anything that answers a request with a stream of tokens. */
export interface Generator {
  /**
   * Streams one generation. An abort is an ordinary end, so that what was held back still arrives.
   *
   * @throws InvalidRequestError at once, before anything is computed
   */
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>;
}

/** One rule of a request: whether a value is allowed, and what to give instead. */
interface Rule {
  readonly allows: (value: number) => boolean;
  readonly remedy: string;
}

const finiteAbove = (value: number): boolean => value > 0 && value < Infinity;
const rules: Readonly<Partial<Record<keyof GenerateRequest, Rule>>> = {
  maxNewTokens: { allows: (value) => Number.isInteger(value) && value >= 1, remedy: "give an integer of at least 1" },
  minNewTokens: { allows: (value) => Number.isInteger(value) && value >= 0, remedy: "give an integer of at least 0" },
  temperature: { allows: (value) => value === 0 || finiteAbove(value), remedy: "give 0 (greedy) or a number above 0" },
  topK: { allows: (value) => Number.isInteger(value) && value >= 0, remedy: "give 0 (off) or an integer above 0" },
  topP: { allows: (value) => value > 0 && value <= 1, remedy: "give a number in (0, 1]" },
  minP: { allows: (value) => value >= 0 && value <= 1, remedy: "give a number in [0, 1]" },
  repetitionPenalty: { allows: finiteAbove, remedy: "give a number above 0, where 1 changes nothing" },
  seed: { allows: (value) => Number.isSafeInteger(value) && value >= 0, remedy: "give an integer in [0, 2^53)" },
};

/** Checks token ids of one field. */
function checkTokens(option: string, tokens: Iterable<number>, vocabSize: number): void {
  for (const token of tokens) {
    if (!Number.isInteger(token) || token < 0 || token >= vocabSize) {
      throw new InvalidRequestError(option, token, `give token ids in [0, ${vocabSize})`);
    }
  }
}

/**
 * Checks a request against a policy. Controls are checked by the policy when the sequence is opened.
 *
 * @throws InvalidRequestError naming the field, its value and what it may be
 */
export function checkRequest(policy: Pick<DecodePolicy, "vocabSize" | "maxTokens">, request: GenerateRequest): void {
  for (const [option, { allows, remedy }] of Object.entries(rules)) {
    const value = request[option as keyof GenerateRequest];
    if (value === undefined && option !== "maxNewTokens") continue;
    if (typeof value !== "number" || !allows(value)) throw new InvalidRequestError(option, value, remedy);
  }
  const { prompt, stopTokens = [], stopStrings = [], logitBias = new Map<number, number>() } = request;
  if (prompt.length === 0)
    throw new InvalidRequestError("prompt", "empty", "give at least one token, such as the begin-of-text token");
  if (prompt.length > policy.maxTokens) {
    throw new InvalidRequestError("prompt", `${prompt.length} tokens long`, `cut it to ${policy.maxTokens}`);
  }
  checkTokens("prompt", prompt, policy.vocabSize);
  checkTokens("stopTokens", stopTokens, policy.vocabSize);
  checkTokens("logitBias", logitBias.keys(), policy.vocabSize);
  for (const value of logitBias.values()) {
    if (Number.isNaN(value) || value === Infinity) {
      throw new InvalidRequestError("logitBias", value, "give finite numbers, or -Infinity to exclude a token");
    }
  }
  if (stopStrings.includes("")) throw new InvalidRequestError("stopStrings", '["", …]', "leave the empty string out");
  if (stopStrings.length > 0 && request.createDetokenizer === undefined) {
    throw new InvalidRequestError("createDetokenizer", undefined, "give one, stop strings need text");
  }
}
