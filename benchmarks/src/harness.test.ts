// The arithmetic of the harness on times that are given, and its order of runs; nothing here is timed.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { measure, quantileOf, ratesOf, type Samples, speedups, summarise } from "./harness.ts";
import { counted, formatNumber, formatTable, type Row } from "./row.ts";

const times: Samples = new Map([
  ["slow", [4, 8, 12]],
  ["fast", [1, 4, 3]],
]);
const anyValues = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 23 });

describe("quantileOf()", () => {
  it("gives the middle value, or the middle of two", () => {
    expect(quantileOf([7, 1, 5], 0.5)).toBe(5);
    expect(quantileOf([7, 1, 5, 2], 0.5)).toBe(3.5);
    expect(quantileOf([3], 0.25)).toBe(3);
    expect(quantileOf([1, 2, 3, 4, 5], 0.25)).toBe(2);
  });
  it("agrees with counting: no more than half lies below or above the median", () => {
    fc.assert(
      fc.property(anyValues, (values) => {
        const median = quantileOf(values, 0.5);
        expect(values.filter((value) => value < median).length).toBeLessThanOrEqual(values.length / 2);
        expect(values.filter((value) => value > median).length).toBeLessThanOrEqual(values.length / 2);
      }),
      { seed: 1, numRuns: 50 },
    );
  });
  it("throws on no values", () => {
    expect(() => quantileOf([], 0.5)).toThrow(RangeError);
  });
});

describe("summarise()", () => {
  it("orders quartiles and counts samples", () => {
    fc.assert(
      fc.property(anyValues, (values) => {
        const { low, value, high, sampleCount } = summarise(values);
        expect(low).toBeLessThanOrEqual(value);
        expect(value).toBeLessThanOrEqual(high);
        expect(sampleCount).toBe(values.length);
      }),
      { seed: 2, numRuns: 50 },
    );
  });
});

describe("rates and ratios", () => {
  it("ratesOf() divides work by seconds", () => {
    expect(ratesOf(times, "slow", 2)).toEqual([500, 250, 2000 / 12]);
  });
  it("speedups() pairs the times of one round, so that 2 in every round is 2 whatever the rounds cost", () => {
    expect(speedups(times, "fast", "slow")).toEqual([4, 2, 4]);
    expect(summarise(speedups(times, "fast", "slow")).value).toBe(4);
    // The ratio of the medians would be 8 / 3.
    expect(summarise(speedups(times, "slow", "fast")).value).toBe(0.25);
  });
  it("throws on a name that was not measured", () => {
    expect(() => ratesOf(times, "other", 1)).toThrow("other was not measured");
  });
});

describe("measure()", () => {
  const recorder = () => {
    const runs: string[] = [];
    return { runs, alternatives: ["a", "b", "c"].map((name) => ({ name, run: () => runs.push(name) })) };
  };
  it("runs each alternative once a round, forwards and backwards in turn, and drops the warm-up", async () => {
    const { runs, alternatives } = recorder();
    const samples = await measure(alternatives, { warmupRounds: 1, rounds: 3 });
    expect(runs.join("")).toBe("cba" + "abc" + "cba" + "abc");
    expect([...samples.values()].map((each) => each.length)).toEqual([3, 3, 3]);
    for (const each of [...samples.values()].flat()) expect(each).toBeGreaterThanOrEqual(0);
  });
  it("waits for an asynchronous run before the next begins", async () => {
    let running = 0;
    let most = 0;
    const run = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    await measure(
      [
        { name: "a", run },
        { name: "b", run },
      ],
      { warmupRounds: 0, rounds: 3 },
    );
    expect(most).toBe(1);
  });
  it("passes on what an alternative throws, and refuses two of one name and no rounds", async () => {
    const failing = {
      name: "failing",
      run: () => {
        throw new Error("broken work");
      },
    };
    const plan = { warmupRounds: 0, rounds: 1 };
    await expect(measure([failing], plan)).rejects.toThrow("broken work");
    const { alternatives } = recorder();
    await expect(measure([alternatives[0]!, alternatives[0]!], plan)).rejects.toThrow(RangeError);
    await expect(measure(alternatives, { warmupRounds: 1, rounds: 0 })).rejects.toThrow(RangeError);
  });
});

describe("formatTable()", () => {
  const row = (shape: string, value: number, sampleCount: number): Row => ({
    ...{ bench: "ops", shape, variant: "GEMM", unit: "ms", value, low: value / 2, high: value * 2, sampleCount },
    ...{ device: "cpu", kernels: "simd", threads: 2, runtime: "Node 20", commit: null },
  });
  it("aligns columns and leaves out quartiles of a counted value", () => {
    const lines = formatTable([row("7×5", 1234.5, 11), row("13×11×17", 0.0123, 1)]).split("\n");
    expect(lines).toHaveLength(3);
    const places = lines.map((line) => line.indexOf("GEMM"));
    expect(places[1]).toBe(places[2]);
    expect(places[1]).toBe(lines[0]!.indexOf("variant"));
    expect(lines[1]).toContain("617 – 2469");
    expect(lines[2]).not.toContain("–");
  });
  it("formatNumber() keeps three digits", () => {
    expect([1234.5, 12.345, 0.012345, 0, 99.96].map(formatNumber)).toEqual(["1235", "12.3", "0.0123", "0", "100.0"]);
    expect(counted(3)).toEqual({ value: 3, low: 3, high: 3, sampleCount: 1 });
  });
});
