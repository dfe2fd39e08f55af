// Finds stop strings in streamed text, across any boundaries, holding back what may yet become one.
// Works on text alone; knows no tokens.

/** What became certain with a piece of text. */
export interface StopResult {
  /** Text that can be shown now. */
  readonly text: string;
  /** Whether a stop string is complete; nothing after its beginning is ever returned. */
  readonly stopped: boolean;
}

/** Watches a stream of text for stop strings. */
export interface StopMatcher {
  /** Takes the next piece; once stopped, further pieces are swallowed. */
  push(piece: string): StopResult;
  /** Returns what was held back; the stream has ended. */
  flush(): string;
}

/**
 * Creates a matcher. The stop string that is complete first wins, the longest of those complete at once; so the result does
 * not depend on how the stream is cut into pieces.
 *
 * @param stopStrings none of them empty
 */
export function createStopMatcher(stopStrings: readonly string[]): StopMatcher {
  const longest = Math.max(0, ...stopStrings.map((stop) => stop.length));
  let held = "";
  let stopped = false;

  /** The length of the longest end of `text` that begins some stop string. */
  function heldLength(text: string): number {
    for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
      const end = text.slice(-length);
      if (stopStrings.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }

  return {
    push(piece) {
      if (stopped) return { text: "", stopped };
      const text = held + piece;
      let first = { start: text.length, end: Infinity };
      for (const stop of stopStrings) {
        const start = text.indexOf(stop);
        const end = start + stop.length;
        if (start >= 0 && (end < first.end || (end === first.end && start < first.start))) first = { start, end };
      }
      stopped = first.end < Infinity;
      const shown = stopped ? first.start : text.length - heldLength(text);
      held = stopped ? "" : text.slice(shown);
      return { text: text.slice(0, shown), stopped };
    },
    flush() {
      const rest = held;
      held = "";
      return rest;
    },
  };
}
