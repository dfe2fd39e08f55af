// Time as the endpoint sees it, so that tests need not wait. Knows no request.

/** What tells the time and lets it pass. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Waits, or throws the signal's reason as soon as it is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

// A timer takes 31 bits; whoever waits longer asks again.
const longestTimer = 2 ** 31 - 1;

/** The platform's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  async sleep(milliseconds, signal) {
    signal?.throwIfAborted();
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, Math.min(longestTimer, Math.ceil(milliseconds)));
      signal?.addEventListener("abort", end);
    });
    signal?.throwIfAborted();
  },
};
