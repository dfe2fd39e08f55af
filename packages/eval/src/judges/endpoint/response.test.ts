// Bodies: any text is a completion or a fault with a remedy; sound ones are read to the letter.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { completionBody } from "../../testing/index.ts";
import { parseCompletion, parseErrorBody, shorten } from "./response.ts";

const logprobs = fc.array(
  fc.record({ token: fc.string(), logprob: fc.double({ max: 0, noNaN: true, noDefaultInfinity: true }) }),
);

describe("parseCompletion()", () => {
  it("reads what is there", () =>
    fc.assert(
      fc.property(
        fc.option(fc.string({ unit: "binary" })),
        fc.option(fc.record({ prompt: fc.nat(), completion: fc.nat() })),
        fc.option(logprobs, { nil: undefined }),
        (content, usage, topLogprobs) => {
          expect(parseCompletion(completionBody({ content, usage, topLogprobs }))).toEqual({
            text: content ?? "",
            finishReason: "stop",
            topLogprobs: topLogprobs === undefined ? null : JSON.parse(JSON.stringify(topLogprobs)),
            usage: usage === null ? null : { promptTokens: usage.prompt, completionTokens: usage.completion },
          });
        },
      ),
      { seed: 51, numRuns: 60 },
    ));

  it("throws at nothing, and calls every cut of a body not whole", () => {
    const whole = completionBody({ content: "[[A]] é" });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.nat(whole.length - 1).map((size) => whole.slice(0, size)),
        ),
        (body) => {
          const parsed = parseCompletion(body);
          parseErrorBody(body);
          if (whole.startsWith(body)) expect(parsed).toMatchObject({ transient: true });
          if (!("text" in parsed)) expect([parsed.problem, parsed.remedy].every((each) => each.length > 0)).toBe(true);
        },
      ),
      { seed: 52, numRuns: 500 },
    );
  });

  it("names the place of what is wrong", () => {
    const faultOf = (value: unknown) => parseCompletion(JSON.stringify(value));
    expect(faultOf({ choices: [{ message: { content: 1 } }] })).toMatchObject({
      problem: expect.stringMatching(/^choices\.0\.message\.content of its answer is 1 and must be /),
    });
    expect(faultOf({})).toMatchObject({ problem: expect.stringMatching(/^choices of its answer is undefined/) });
    const long = faultOf({ choices: "x".repeat(5000) });
    expect("problem" in long && long.problem.length).toBeLessThan(300);
  });
});

describe("shorten()", () => {
  it("gives one line of at most 200 characters", () =>
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 600 }), (text) => {
        const short = shorten(text);
        expect(Array.from(short).length).toBeLessThanOrEqual(200);
        expect(short).not.toMatch(/[\n\r]/);
      }),
      { seed: 53, numRuns: 200 },
    ));
});
