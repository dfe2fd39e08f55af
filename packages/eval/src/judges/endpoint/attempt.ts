// One request and its answer, or a typed error that says whether to try again and whether it may have been charged.
// Knows no retries and no limits.
import { EndpointError, type EndpointFacts, type EndpointFault } from "./endpoint-error.ts";
import { type Completion, parseCompletion, parseErrorBody, shorten } from "./response.ts";
import { parseRetryAfter } from "./retry.ts";
import type { EndpointSettings } from "./settings.ts";

/** How a try ended. */
export type Outcome =
  | { readonly completion: Completion }
  | { readonly error: EndpointError; readonly charge: "unknown" | "nothing" };

// Where the connection was never made, nothing was asked.
const neverConnected: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * Makes one request.
 *
 * @throws the reason of a signal that is aborted meanwhile
 */
export async function attempt(settings: EndpointSettings, body: string, signal?: AbortSignal): Promise<Outcome> {
  const { key, timeoutSeconds } = settings;
  // Combined by hand: combined timeout signals were lost to the collector in some versions of Node.
  const ends = new AbortController();
  const abort = () => ends.abort();
  signal?.addEventListener("abort", abort);
  let isLate = false;
  const timer = setTimeout(
    () => {
      isLate = true;
      ends.abort();
    },
    Math.min(2 ** 31 - 1, timeoutSeconds * 1000),
  );
  try {
    signal?.throwIfAborted();
    const response = await settings.fetch(settings.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        "user-agent": "dual-head",
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      },
      body,
      signal: ends.signal,
      // Followed, a POST may become a GET, and the key go elsewhere.
      redirect: "manual",
    });
    const text = await response.text();
    return response.ok ? understand(settings, response.status, text) : refusal(settings, response, text);
  } catch (error) {
    signal?.throwIfAborted();
    if (isLate) {
      const problem = `no whole answer came within ${timeoutSeconds} s`;
      const remedy = "it must answer sooner, or timeoutSeconds be more";
      return failure(settings, "timeout", problem, remedy, { transient: true }, "unknown");
    }
    return unreachable(settings, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

function failure(
  settings: EndpointSettings,
  fault: EndpointFault,
  problem: string,
  remedy: string,
  facts: Partial<EndpointFacts> = {},
  charge: "unknown" | "nothing" = "nothing",
): Outcome {
  const { endpoint, model } = settings;
  return {
    error: new EndpointError(withoutKey(settings, problem), remedy, { fault, endpoint, model, ...facts }),
    charge,
  };
}

/** Whatever a server says may repeat what it was sent. */
function withoutKey({ key }: EndpointSettings, text: string): string {
  return key === null ? text : text.replaceAll(key, "[key]");
}

function understand(settings: EndpointSettings, status: number, body: string): Outcome {
  const parsed = parseCompletion(body);
  if ("text" in parsed) return { completion: parsed };
  const { problem, remedy, transient } = parsed;
  return failure(settings, "bad-response", problem, remedy, { status, transient }, "unknown");
}

function unreachable(settings: EndpointSettings, error: unknown): Outcome {
  const { cause } = error as { readonly cause?: { readonly code?: unknown; readonly message?: unknown } };
  const code = typeof cause?.code === "string" ? cause.code : "";
  const why = code || (typeof cause?.message === "string" ? cause.message : String(error));
  return failure(
    settings,
    "unreachable",
    `the connection fails (${shorten(why)})`,
    "the endpoint must be running and the network let it be reached; check the base URL",
    { transient: true },
    neverConnected.has(code) ? "nothing" : "unknown",
  );
}

/** An answer that is not a success as an error that says what to do about it. */
function refusal(settings: EndpointSettings, response: Response, body: string): Outcome {
  const { status, headers } = response;
  const { model, keyVariable } = settings;
  const error = parseErrorBody(body);
  const said = error === null ? undefined : withoutKey(settings, error.said);
  const because = said === undefined ? `(status ${status})` : `(status ${status}: ${said})`;
  const code = error?.code ?? "";
  const fail = (fault: EndpointFault, problem: string, remedy: string, facts: Partial<EndpointFacts> = {}) =>
    failure(settings, fault, problem, remedy, { status, said, ...facts });
  const retryAfterSeconds = parseRetryAfter(headers.get("retry-after"), Date.now());

  if (status === 401 || status === 403) {
    // What is said here often repeats parts of the key.
    const problem =
      keyVariable === null ? `it wants a key (status ${status})` : `the key is refused (status ${status})`;
    const remedy =
      keyVariable === null
        ? "name its variable by keyVariable"
        : `set ${keyVariable} to a key of this endpoint that may use ${model}`;
    return fail("unauthorised", problem, remedy, { said: undefined });
  }
  if (code === "insufficient_quota" || status === 402) {
    return fail("quota", `the account has nothing left ${because}`, "add to it, or use another key");
  }
  if (status === 429) {
    const wait = retryAfterSeconds === undefined ? "" : `, and asks for ${Math.ceil(retryAfterSeconds)} s of peace`;
    return fail(
      "rate-limited",
      `it takes no more requests now ${because}${wait}`,
      "ask less at once by concurrency, requestsPerMinute or tokensPerMinute",
      { retryAfterSeconds, transient: true },
    );
  }
  if (status >= 500 || status === 408 || status === 425) {
    return fail("unavailable", `it fails ${because}`, "it must work; try again later, or see its own log", {
      retryAfterSeconds,
      transient: status !== 501 && status !== 505,
    });
  }
  if (status >= 300 && status < 400) {
    return fail("bad-response", `it sends elsewhere (status ${status})`, "give the base URL where it sends to");
  }
  if (status === 404) {
    return fail(
      "not-found",
      `there is no such model or path ${because}`,
      "check model and base URL, which usually ends in /v1",
    );
  }
  if (/content_?(filter|policy)/i.test(`${code} ${said ?? ""}`)) {
    return fail(
      "content-filter",
      `its filter refuses the text ${because}`,
      "leave the text out, or use a judge without such a filter",
    );
  }
  return fail(
    "refused",
    `it refuses the request ${because}`,
    "see to what it says; model, templates and parameters make the request",
  );
}
