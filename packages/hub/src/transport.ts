// Requests to a hub: the token to the hub's own origin only, answers turned into typed errors, and tries repeated where
// that may help. Knows no cache and no file's content.

import { HubError, type HubFacts, isTransient } from "./hub-error.ts";
import { describeName, type RepositoryName } from "./repository-name.ts";
import type { HubSettings } from "./settings.ts";

/** When and how often a failed request is made again. */
export interface RetryPolicy {
  /** Tries after the first that may fail in a row without a byte of progress. */
  readonly count: number;
  /** Seconds before the first repetition; each further one waits twice as long. */
  readonly delaySeconds: number;
  /** The longest wait, also where the server asks for more. */
  readonly longestDelaySeconds: number;
  /** Seconds without a byte after which a connection is given up. */
  readonly stallSeconds: number;
}

export const defaultRetry: RetryPolicy = { count: 6, delaySeconds: 1, longestDelaySeconds: 120, stallSeconds: 30 };

/** What requests for one repository share. */
export interface Transport {
  readonly settings: HubSettings;
  readonly repository: RepositoryName;
  readonly fetch: typeof fetch;
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal | undefined;
  /** Told of each repetition before its wait. */
  readonly onRetry: (reason: string, delaySeconds: number, path: string | null) => void;
}

/**
 * One request; its body is the caller's to read.
 *
 * @param path the file concerned, or null
 * @throws HubError for every status but 2xx, and where there is no answer
 */
export async function request(
  transport: Transport,
  url: string,
  init: RequestInit,
  path: string | null,
): Promise<Response> {
  const { settings, signal } = transport;
  const headers = new Headers(init.headers);
  headers.set("user-agent", "dual-head");
  // Addresses come from the server as well; a token must not follow them to another origin.
  if (settings.token !== null && isSameOrigin(url, settings.endpoint)) {
    headers.set("authorization", `Bearer ${settings.token}`);
  }
  let response: Response;
  try {
    response = await transport.fetch(url, { ...init, headers });
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof HubError ? error : unreachable(transport, path, error);
  }
  if (response.ok) return response;
  const code = response.headers.get("x-error-code");
  const wait = parseRetryAfter(response.headers.get("retry-after"), Date.now());
  await response.body?.cancel();
  throw refusal(transport, path, response.status, code, wait);
}

/** Repeats what may succeed a moment later; `attempt` says by its result whether it got any further before it failed. */
export async function withRetries<Result>(
  transport: Transport,
  path: string | null,
  attempt: () => Promise<Result>,
  progressed: () => boolean = () => false,
): Promise<Result> {
  const { retry, signal, onRetry } = transport;
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTransient(error)) throw error;
      failures = progressed() ? 1 : failures + 1;
      const asked = error.facts.retryAfterSeconds ?? 0;
      if (failures > retry.count || asked > retry.longestDelaySeconds) throw error;
      const delay = Math.min(retry.longestDelaySeconds, Math.max(asked, retry.delaySeconds * 2 ** (failures - 1)));
      onRetry(error.message, delay, path);
      await pause(delay, signal);
    }
  }
}

/** Waits, or throws the reason as soon as the signal is aborted. */
export async function pause(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    signal?.addEventListener("abort", end);
    if (signal?.aborted === true) end();
  });
  signal?.throwIfAborted();
}

function isSameOrigin(url: string, endpoint: string): boolean {
  return URL.canParse(url) && new URL(url).origin === new URL(endpoint).origin;
}

/** Seconds from a Retry-After header: a number of seconds or a date; undefined where there is none or it is neither. */
export function parseRetryAfter(header: string | null, nowMilliseconds: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - nowMilliseconds) / 1000);
}

/** What is being fetched, for messages. */
export function describeGoal({ repository }: Transport, path: string | null): string {
  return path === null ? describeName(repository) : `${path} of ${describeName(repository)}`;
}

function unreachable(transport: Transport, path: string | null, error: unknown): HubError {
  const cause = (error as { readonly cause?: { readonly code?: string; readonly message?: string } }).cause;
  const why = cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : String(error));
  return new HubError(
    `Cannot fetch ${describeGoal(transport, path)}: ${transport.settings.endpoint} gives no answer (${why}); check the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use what is cached`,
    { fault: "unavailable", repository: describeName(transport.repository), path: path ?? undefined, transient: true },
    { cause: error },
  );
}

/** A refused request as an error that says what to do about it. */
function refusal(
  transport: Transport,
  path: string | null,
  status: number,
  code: string | null,
  retryAfterSeconds: number | undefined,
): HubError {
  const { repository: name, settings } = transport;
  const { repository, revision } = name;
  const page = `${settings.endpoint}/${repository}`;
  const goal = describeGoal(transport, path);
  const fail = (fault: HubFacts["fault"], rest: string, facts: Partial<HubFacts> = {}) =>
    new HubError(`Cannot fetch ${goal}: ${rest}`, {
      fault,
      repository: describeName(name),
      path: path ?? undefined,
      status,
      ...facts,
    });
  if (code === "GatedRepo" || status === 403) {
    const remedy =
      settings.token === null
        ? `accept its terms at ${page} and set HF_TOKEN`
        : `accept its terms at ${page} with the account of HF_TOKEN, and let that token read gated repositories`;
    return fail("gated", `access is restricted (status ${status}); ${remedy}`);
  }
  if (status === 401) {
    return settings.token === null
      ? fail(
          "unauthorised",
          `there is no such repository, or it is private (status 401); check the name, or set HF_TOKEN`,
        )
      : fail("unauthorised", `the token is refused (status 401); check HF_TOKEN`);
  }
  if (status === 404) {
    if (code === "RevisionNotFound")
      return fail("not-found", `it has no revision ${revision}; name a branch, tag or commit of ${page}`);
    return path === null
      ? fail("not-found", `there is no such repository or revision (status 404); check the name at ${page}`)
      : fail("not-found", `there is no such file (status 404); check its name at ${page}`);
  }
  if (status === 429) {
    const wait = retryAfterSeconds === undefined ? "later" : `in ${Math.ceil(retryAfterSeconds)} s`;
    return fail(
      "rate-limited",
      `the hub limits requests (status 429); try again ${wait}, or set HF_TOKEN for a higher limit`,
      {
        retryAfterSeconds,
        transient: true,
      },
    );
  }
  if (status >= 500 || status === 408) {
    return fail("unavailable", `the hub fails (status ${status}); what was fetched is kept, try again later`, {
      retryAfterSeconds,
      transient: true,
    });
  }
  return fail("bad-response", `the hub answers with status ${status}; check HF_ENDPOINT and the name`);
}
