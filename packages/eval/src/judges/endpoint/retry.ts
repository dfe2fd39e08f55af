// When to try again. Knows no request.
import type { Random } from "@dual-head/sampler";

/** How often and when a request that failed is made again. */
export interface RetryPolicy {
  /** Tries after the first. */
  readonly count: number;
  /** Seconds before the second try; each further wait is twice as long. */
  readonly delaySeconds: number;
  /** The longest wait, also where the endpoint asks for more: then the request fails. */
  readonly longestDelaySeconds: number;
}

/** Seven tries within about a minute. */
export const defaultRetry: RetryPolicy = { count: 6, delaySeconds: 1, longestDelaySeconds: 60 };

/**
 * Seconds to wait after so many failures in a row, from 1: a random share of at least half, so that many who failed at
 * once do not come back at once. What the endpoint asks for is waited whole, and a little more.
 */
export function delayAfter(
  failures: number,
  askedSeconds: number | undefined,
  { delaySeconds, longestDelaySeconds }: RetryPolicy,
  random: Random,
): number {
  const share = random.uniform();
  const longest = Math.min(longestDelaySeconds, delaySeconds * 2 ** (failures - 1));
  const ownDelay = longest * (0.5 + 0.5 * share);
  return askedSeconds === undefined ? ownDelay : Math.max(ownDelay, askedSeconds + share * delaySeconds * 0.5);
}

/** Seconds from a Retry-After header: a number, or a date by the given time of day; undefined of anything else. */
export function parseRetryAfter(header: string | null, nowMilliseconds: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d{1,9}(\.\d{1,9})?\s*$/.test(header)) return Number(header);
  // Dates of the header's three forms begin with the name of a day; Date.parse takes much more for a date.
  const date = /^\s*(mon|tue|wed|thu|fri|sat|sun)/i.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, (date - nowMilliseconds) / 1000);
}
