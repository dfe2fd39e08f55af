// Options of an endpoint, checked, with the key from the environment. Knows no request.
import type { JsonValue } from "@dual-head/bytes";
import { createRandom, type Random } from "@dual-head/sampler";
import { type Clock, systemClock } from "./clock.ts";
import { EndpointError, type EndpointFault } from "./endpoint-error.ts";
import type { RateLimits } from "./rate-limit.ts";
import { defaultRetry, type RetryPolicy } from "./retry.ts";
import type { TokenPrice } from "./spending.ts";

/** Where and how a model is asked. */
export interface EndpointOptions extends RateLimits {
  /** Such as `https://api.openai.com/v1`; `/chat/completions` is appended. */
  readonly baseUrl: string;
  readonly model: string;
  /** The environment variable that holds the key; null for an endpoint without. Default `OPENAI_API_KEY`. */
  readonly keyVariable?: string | null | undefined;
  /** Requests under way at once; default 4. */
  readonly concurrency?: number | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
  /** For one try, from the request to the last byte of the answer; default 120. */
  readonly timeoutSeconds?: number | undefined;
  readonly price?: TokenPrice | undefined;
  /** In the price's currency; no request is made that could pass it. */
  readonly spendingLimit?: number | undefined;
  /** What was spent before, in the price's currency; counts towards the limit. Default 0. */
  readonly spentBefore?: number | undefined;
  /** What else goes into every request's body, such as `seed`. */
  readonly parameters?: Readonly<Record<string, JsonValue>> | undefined;
  /** The body's name for the most tokens of an answer; newer models of OpenAI want the other. Default `max_tokens`. */
  readonly maxTokensName?: "max_tokens" | "max_completion_tokens" | undefined;
  /** Told of each repetition before its wait; the reason is without the key. */
  readonly onRetry?: ((reason: string, delaySeconds: number) => void) | undefined;
  /** For tests; the platform's by default. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Checked options. */
export interface EndpointSettings {
  readonly url: string;
  /** The base URL without query, user and password, for messages and records. */
  readonly endpoint: string;
  readonly model: string;
  readonly key: string | null;
  readonly keyVariable: string | null;
  readonly concurrency: number;
  readonly retry: RetryPolicy;
  readonly timeoutSeconds: number;
  readonly limits: RateLimits;
  readonly price: TokenPrice | null;
  readonly spendingLimit: number;
  readonly spentBefore: number;
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly maxTokensName: string;
  readonly onRetry: (reason: string, delaySeconds: number) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: typeof globalThis.fetch;
}

/**
 * Checks options and reads the key.
 *
 * @throws EndpointError ("bad-options", "no-key")
 */
export function checkSettings(options: EndpointOptions): EndpointSettings {
  const { baseUrl, model, keyVariable = "OPENAI_API_KEY", concurrency = 4, timeoutSeconds = 120 } = options;
  const { requestsPerMinute, tokensPerMinute, price, spendingLimit = Infinity, spentBefore = 0 } = options;
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  const endpoint = url === null ? "the endpoint" : `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  const refuse = (fault: EndpointFault, problem: string, remedy: string): never => {
    throw new EndpointError(problem, remedy, { fault, endpoint, model });
  };
  const checkNumber = (name: string, value: number, least: number, kind: "number" | "integer"): void => {
    const isSound = value >= least && (value === Infinity || kind === "number" || Number.isSafeInteger(value));
    if (!isSound)
      refuse(
        "bad-options",
        `${name} is ${value}`,
        `give ${kind === "number" ? "a number" : "an integer"} of at least ${least}`,
      );
  };

  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return refuse(
      "bad-options",
      "baseUrl is no address of http or https",
      "give one such as https://api.openai.com/v1",
    );
  }
  if (url.username !== "" || url.password !== "") {
    return refuse("bad-options", "baseUrl holds a user or password", "give the key by an environment variable");
  }
  if (model === "") return refuse("bad-options", "model is empty", "name a model that the endpoint has");
  checkNumber("concurrency", concurrency, 1, "integer");
  checkNumber("timeoutSeconds", timeoutSeconds, 0.001, "number");
  checkNumber("requestsPerMinute", requestsPerMinute ?? Infinity, 1, "integer");
  checkNumber("tokensPerMinute", tokensPerMinute ?? Infinity, 1, "integer");
  checkNumber("spendingLimit", spendingLimit, 0, "number");
  checkNumber("spentBefore", spentBefore, 0, "number");
  checkNumber("price.promptPerMillion", price?.promptPerMillion ?? 0, 0, "number");
  checkNumber("price.completionPerMillion", price?.completionPerMillion ?? 0, 0, "number");
  if (spendingLimit < Infinity && price === undefined) {
    return refuse("bad-options", "there is a spendingLimit but no price", "give the price of a million tokens");
  }
  const retry = { ...defaultRetry, ...options.retry };
  checkNumber("retry.count", retry.count, 0, "integer");
  checkNumber("retry.delaySeconds", retry.delaySeconds, 0, "number");
  checkNumber("retry.longestDelaySeconds", retry.longestDelaySeconds, 0, "number");

  const environment = options.environment ?? globalThis.process?.env ?? {};
  const key = keyVariable === null ? null : (environment[keyVariable]?.trim() ?? "");
  if (key === "") {
    return refuse(
      "no-key",
      `the environment has no ${keyVariable}`,
      "set it, or say that no key is needed by keyVariable null",
    );
  }
  // Whatever a header cannot carry would be quoted by the platform's own error.
  if (key !== null && !/^[\x21-\x7e]+$/.test(key)) {
    return refuse(
      "no-key",
      `${keyVariable} holds what no key has (spaces, line ends or letters beyond ASCII)`,
      "set it to the key alone",
    );
  }
  const path = `${url.pathname.replace(/\/+$/, "")}/chat/completions`;
  return {
    url: `${url.origin}${path}${url.search}`,
    endpoint,
    model,
    key,
    keyVariable,
    concurrency,
    retry,
    timeoutSeconds,
    limits: { requestsPerMinute, tokensPerMinute },
    price: price ?? null,
    spendingLimit,
    spentBefore,
    parameters: options.parameters ?? {},
    maxTokensName: options.maxTokensName ?? "max_tokens",
    onRetry: options.onRetry ?? (() => undefined),
    clock: options.clock ?? systemClock,
    random: options.random ?? createRandom(Math.floor(Math.random() * 2 ** 32)),
    fetch: options.fetch ?? globalThis.fetch,
  };
}
