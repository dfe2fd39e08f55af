// A clock that tests need not wait for: time passes when everybody sleeps. Knows no endpoint.
import type { Clock } from "../judges/endpoint/clock.ts";

/** A clock that jumps to the end of the shortest sleep as soon as nothing else happens. */
export interface TestClock extends Clock {
  /** The sleeps so far, in milliseconds, in the order in which they began. */
  readonly slept: readonly number[];
}

/** Creates a clock at 0. */
export function createTestClock(): TestClock {
  const slept: number[] = [];
  const sleepers = new Set<{ readonly time: number; readonly wake: () => void }>();
  let now = 0;
  let isPumping = false;

  function pump(): void {
    const [first] = [...sleepers].sort((a, b) => a.time - b.time);
    isPumping = first !== undefined;
    if (first === undefined) return;
    now = Math.max(now, first.time);
    sleepers.delete(first);
    first.wake();
    setImmediate(pump);
  }

  return {
    slept,
    now: () => now,
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      slept.push(milliseconds);
      await new Promise<void>((resolve) => {
        const sleeper = {
          time: now + milliseconds,
          wake() {
            signal?.removeEventListener("abort", sleeper.wake);
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", sleeper.wake);
        if (!isPumping) {
          isPumping = true;
          setImmediate(pump);
        }
      });
      signal?.throwIfAborted();
    },
  };
}
