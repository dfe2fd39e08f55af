// Tests of the stop matcher: however the text is cut, the result is that of a scan of the whole.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStopMatcher } from "./stop-strings.ts";

const word = (maxLength: number) =>
  fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength }).map((chars) => chars.join(""));

/** Scans for the first place where a stop string is complete and returns the text before the longest that ends there. */
function scan(text: string, stops: readonly string[]): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const ended = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    if (ended.length > 0) {
      return { text: text.slice(0, end - Math.max(...ended.map((stop) => stop.length))), stopped: true };
    }
  }
  return { text, stopped: false };
}

describe("createStopMatcher()", () => {
  it("equals a scan of the whole text, for any cut into pieces", () => {
    fc.assert(
      fc.property(fc.array(word(4), { maxLength: 9 }), fc.array(word(4), { maxLength: 3 }), (pieces, stops) => {
        const matcher = createStopMatcher(stops);
        let text = "";
        let stopped = false;
        for (const piece of pieces) {
          const result = matcher.push(piece);
          text += result.text;
          stopped = result.stopped;
        }
        text += matcher.flush();
        const expected = scan(pieces.join(""), stops);
        expect({ text, stopped }).toEqual(expected);
      }),
      { seed: 41, numRuns: 1000 },
    );
  });

  it("shows at once whatever cannot be the beginning of a stop string", () => {
    const matcher = createStopMatcher(["\n\nHuman:"]);
    expect(matcher.push("Hello.\n")).toEqual({ text: "Hello.", stopped: false });
    expect(matcher.push("\nHu")).toEqual({ text: "", stopped: false });
    expect(matcher.push("bert")).toEqual({ text: "\n\nHubert", stopped: false });
    expect(matcher.push("\n\nHuman: hi")).toEqual({ text: "", stopped: true });
    expect(matcher.push("more")).toEqual({ text: "", stopped: true });
    expect(matcher.flush()).toBe("");
  });

  it("passes everything through without stop strings", () => {
    expect(createStopMatcher([]).push("abc")).toEqual({ text: "abc", stopped: false });
  });
});
