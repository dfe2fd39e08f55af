// Counts the vectors of others that a test file passes, and prints one line a suite: `vectors: NAME passed/total`. The
// reporter of vitest-summary.ts repeats these lines at the end of a run. Knows no suite.
import { afterAll } from "vitest";

/** The count of one suite. */
export interface VectorCount {
  /** The cases, each of which counts as passed once the loop over them goes on. */
  each<Case>(cases: readonly Case[]): Iterable<Case>;
  /** Counts vectors that are checked together; what comes back is called once they have passed. */
  begin(count: number): () => void;
}

/**
 * Begins a count; call it where tests are collected, in the `describe` that is skipped where the vectors are absent.
 *
 * @param suite whose vectors they are, and of what
 * @example const vectors = countVectors("llama.cpp's texts"); it("…", () => { for (const each of vectors.each(cases)) … });
 */
export function countVectors(suite: string): VectorCount {
  let [passed, total] = [0, 0];
  afterAll(() => {
    if (total > 0) console.log(vectorLine(suite, passed, total));
  });
  return {
    *each(cases) {
      total += cases.length;
      for (const each of cases) {
        yield each;
        passed++;
      }
    },
    begin(count) {
      total += count;
      return () => {
        passed += count;
      };
    },
  };
}

/** The line of a suite. */
export function vectorLine(suite: string, passed: number, total: number): string {
  return `vectors: ${suite} ${passed}/${total}`;
}
