// Requests and tokens of any sixty seconds stay within limits, and a server that asks for peace is left alone. Knows no
// request: whoever enters says how many tokens it will take.
import type { Clock } from "./clock.ts";

/** What an endpoint allows in any sixty seconds. */
export interface RateLimits {
  readonly requestsPerMinute?: number | undefined;
  /** Of prompts and completions together. */
  readonly tokensPerMinute?: number | undefined;
}

/** One who has entered. */
export interface Entry {
  readonly time: number;
  /** Corrects the tokens that were expected. */
  tokens: number;
}

/** A gate that opens for one at a time. */
export interface RateLimit {
  /**
   * Waits for its turn, in the order of arrival, and for room. One that alone takes more tokens than a minute's enters
   * when no other has for a minute.
   *
   * @throws the reason of a signal that is aborted meanwhile
   */
  enter(tokens: number, signals: readonly (AbortSignal | undefined)[]): Promise<Entry>;
  /** Lets nobody enter for so many milliseconds. */
  hold(milliseconds: number): void;
}

const windowMilliseconds = 60_000;

/** Creates a gate. */
export function createRateLimit(limits: RateLimits, clock: Clock): RateLimit {
  const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = limits;
  const isLimited = requestsPerMinute < Infinity || tokensPerMinute < Infinity;
  /** Those of the last minute, oldest first. */
  let entries: Entry[] = [];
  let heldUntil = Number.NEGATIVE_INFINITY;
  let turn: Promise<void> = Promise.resolve();

  /** When there is room for so many tokens, as far as is known now. */
  function openingTime(tokens: number, now: number): number {
    entries = entries.filter(({ time }) => now - time < windowMilliseconds);
    let time = Math.max(now, heldUntil);
    const excess = entries.length + 1 - requestsPerMinute;
    if (excess > 0) time = Math.max(time, entries[excess - 1]!.time + windowMilliseconds);
    let held = entries.reduce((sum, entry) => sum + entry.tokens, 0);
    for (const entry of entries) {
      if (held + tokens <= tokensPerMinute) break;
      held -= entry.tokens;
      time = Math.max(time, entry.time + windowMilliseconds);
    }
    return time;
  }

  async function waitForRoom(tokens: number, signals: readonly (AbortSignal | undefined)[]): Promise<Entry> {
    for (;;) {
      for (const signal of signals) signal?.throwIfAborted();
      const now = clock.now();
      const time = openingTime(tokens, now);
      if (time <= now) {
        const entry = { time: now, tokens };
        if (isLimited) entries.push(entry);
        return entry;
      }
      await sleepFor(clock, time - now, signals);
    }
  }

  return {
    enter(tokens, signals) {
      const entered = turn.then(() => waitForRoom(tokens, signals));
      turn = entered.then(
        () => undefined,
        () => undefined,
      );
      return entered;
    },
    hold(milliseconds) {
      heldUntil = Math.max(heldUntil, clock.now() + milliseconds);
    },
  };
}

/** Sleeps until the time has passed or the first of several signals is aborted, whose reason is thrown. */
export async function sleepFor(
  clock: Clock,
  milliseconds: number,
  signals: readonly (AbortSignal | undefined)[],
): Promise<void> {
  const ends = new AbortController();
  const given = signals.filter((signal) => signal !== undefined);
  const listeners = given.map((signal) => {
    const end = () => ends.abort(signal.reason);
    signal.addEventListener("abort", end);
    return () => signal.removeEventListener("abort", end);
  });
  try {
    for (const signal of given) signal.throwIfAborted();
    await clock.sleep(milliseconds, ends.signal);
  } finally {
    for (const remove of listeners) remove();
  }
}
