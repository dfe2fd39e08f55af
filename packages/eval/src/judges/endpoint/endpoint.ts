// A model behind any endpoint of OpenAI's chat form: retries, limits and costs in one place. Knows no judge and no prompt.
import type { JsonValue } from "@dual-head/bytes";
import pLimit from "p-limit";
import { attempt } from "./attempt.ts";
import { EndpointError } from "./endpoint-error.ts";
import { createRateLimit, sleepFor } from "./rate-limit.ts";
import type { Completion } from "./response.ts";
import { delayAfter } from "./retry.ts";
import { checkSettings, type EndpointOptions, type EndpointSettings } from "./settings.ts";
import { createPurse, type Reservation, type Spending, type TokenUsage } from "./spending.ts";

/** What a model is asked. */
export interface ChatRequest {
  readonly messages: readonly { readonly role: "system" | "user" | "assistant"; readonly content: string }[];
  /** The most tokens of an answer. */
  readonly maxTokens: number;
  readonly temperature: number;
  /** How many of the likeliest first tokens to tell; none by default. */
  readonly topLogprobs?: number | undefined;
}

/** How a request may be ended. */
export interface ChatOptions {
  /** Ends at once, also a request under way, which may have been charged; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Lets a try under way end, and begins no other; its reason is thrown where none was begun. */
  readonly lastTry?: AbortSignal | undefined;
}

/** A model that can be asked. */
export interface Endpoint {
  readonly model: string;
  /** All that its answers depend on beside the request; never the key. */
  readonly identity: JsonValue;
  /** So far. */
  readonly spending: Spending;
  /**
   * Asks, waiting for its turn, and again where that may help.
   *
   * @throws EndpointError where no answer can be had, or one more could pass the spending limit; reasons of signals
   */
  complete(request: ChatRequest, options?: ChatOptions): Promise<Completion>;
}

/**
 * Creates an endpoint; nothing is sent yet. The key is read now, kept in memory and sent to this endpoint only.
 *
 * @throws EndpointError ("bad-options", "no-key")
 */
export function createEndpoint(options: EndpointOptions): Endpoint {
  const settings = checkSettings(options);
  const { endpoint, model, clock, price, spendingLimit, retry, parameters } = settings;
  const limit = pLimit(settings.concurrency);
  const gate = createRateLimit(settings.limits, clock);
  const purse = createPurse(price, spendingLimit, settings.spentBefore);

  async function reserve(most: TokenUsage): Promise<Reservation> {
    const reservation = await purse.reserve(most);
    if (reservation !== null) return reservation;
    const { cost } = purse.spending;
    throw new EndpointError(
      `${cost} is spent and one more request could pass the limit of ${spendingLimit}`,
      "raise spendingLimit, or ask less",
      { fault: "spending-limit", endpoint, model },
    );
  }

  /** One try with its place in all limits. */
  async function tryOnce(request: ChatRequest, body: string, signals: readonly (AbortSignal | undefined)[]) {
    const [promptBytes, most] = sizesOf(request);
    const reservation = await reserve(most);
    try {
      const entry = await gate.enter(Math.ceil(promptBytes / bytesPerToken) + request.maxTokens, signals);
      // From here on it may be charged.
      let used: TokenUsage | "unknown" | "nothing" = "unknown";
      try {
        const outcome = await attempt(settings, body, signals[0]);
        used = "completion" in outcome ? (outcome.completion.usage ?? "unknown") : outcome.charge;
        if (used === "nothing") entry.tokens = 0;
        else if (used !== "unknown") entry.tokens = used.promptTokens + used.completionTokens;
        return outcome;
      } finally {
        reservation.settle(used);
      }
    } finally {
      reservation.settle("nothing");
    }
  }

  async function complete(request: ChatRequest, { signal, lastTry }: ChatOptions): Promise<Completion> {
    const body = bodyOf(settings, request);
    let failed: EndpointError | null = null;
    for (let failures = 0; ; ) {
      signal?.throwIfAborted();
      if (lastTry?.aborted) throw failed ?? lastTry.reason;
      const outcome = await tryOnce(request, body, [signal, lastTry]);
      if ("completion" in outcome) return outcome.completion;
      failures++;
      const { error } = outcome;
      const { transient, retryAfterSeconds } = error.facts;
      failed = error.after(failures);
      const asksTooMuch = (retryAfterSeconds ?? 0) > retry.longestDelaySeconds;
      if (transient !== true || failures > retry.count || asksTooMuch) throw failed;
      const delaySeconds = delayAfter(failures, retryAfterSeconds, retry, settings.random);
      if (retryAfterSeconds !== undefined) gate.hold(retryAfterSeconds * 1000);
      settings.onRetry(failed.message, delaySeconds);
      try {
        await sleepFor(clock, delaySeconds * 1000, [signal, lastTry]);
      } catch (reason) {
        throw lastTry?.aborted && !signal?.aborted ? failed : reason;
      }
    }
  }

  return {
    model,
    identity: { endpoint, model, ...(Object.keys(parameters).length === 0 ? {} : { parameters }) },
    get spending() {
      return purse.spending;
    },
    complete: (request, given = {}) => limit(complete, request, given),
  };
}

// What a token of text takes on average, for limits that are set per minute.
const bytesPerToken = 4;
// What templates put around a message, and around a chat, at most.
const messageOverhead = 32;
const chatOverhead = 128;

/** Bytes of the prompt, and the most tokens that a request can take: no tokenizer makes more tokens than bytes. */
function sizesOf({ messages, maxTokens }: ChatRequest): readonly [bytes: number, most: TokenUsage] {
  const bytes = messages.reduce((sum, { content }) => sum + new TextEncoder().encode(content).length, 0);
  const promptTokens = bytes + messages.length * messageOverhead + chatOverhead;
  return [bytes, { promptTokens, completionTokens: maxTokens }];
}

function bodyOf({ model, parameters, maxTokensName }: EndpointSettings, request: ChatRequest): string {
  const { messages, maxTokens, temperature, topLogprobs } = request;
  return JSON.stringify({
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    temperature,
    [maxTokensName]: maxTokens,
    ...(topLogprobs === undefined ? {} : { logprobs: true, top_logprobs: topLogprobs }),
    ...parameters,
  });
}
