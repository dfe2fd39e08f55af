// Parsing of option values, fuzzed: a value comes back as meant or an error says what to give.
import { InvalidArgumentError } from "commander";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headsOption, headWeights, numberOption, tokensOption } from "./options.ts";

const seed = 41;

describe("option values", () => {
  it("numberOption() accepts exactly the numbers within its bounds", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const parse = numberOption({ min: 0, max: 1 });
        if (value >= 0 && value <= 1) expect(parse(String(value))).toBe(value + 0);
        else expect(() => parse(String(value))).toThrow("from 0 up to 1");
      }),
      { seed },
    );
    for (const text of ["", " ", "x", "1e999", "NaN", "0x", "1,5"])
      expect(() => numberOption()(text)).toThrow(InvalidArgumentError);
    expect(() => numberOption({ integer: true })("1.5")).toThrow("an integer");
  });

  it("tokensOption() reads what it prints and refuses the rest", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1 }), (ids) => {
        expect(tokensOption(ids.join(","))).toEqual(ids);
      }),
      { seed },
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(tokensOption(text).every(Number.isSafeInteger)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidArgumentError);
        }
      }),
      { seed },
    );
  });

  it("headsOption() splits off a weight and keeps odd paths whole", () => {
    expect(headsOption("a/b")).toEqual([{ directory: "a/b", weight: null }]);
    expect(headsOption("a=1/b=0.25")).toEqual([{ directory: "a=1/b", weight: 0.25 }]);
    expect(headsOption("x=1/y")).toEqual([{ directory: "x=1/y", weight: null }]);
    expect(() => headsOption("a=-1")).toThrow("weight from 0");
    expect(() => headsOption("a=")).toThrow("weight from 0");
  });

  it("headWeights() puts weights on the simplex", () => {
    expect(headWeights(headsOption("b=3", headsOption("a")))).toEqual([0.25, 0.75]);
    expect(headWeights([])).toEqual([]);
    expect(() => headWeights(headsOption("a=0"))).toThrow("all weights are 0");
  });
});
