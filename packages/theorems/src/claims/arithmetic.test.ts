// Differences and quotients that the paper states and that its own tables give.
import { describe, expect, it } from "vitest";

/** Latency in seconds and printed speed-up. */
const efficiency = {
  ARGS: [12.4, 1.0],
  GenARM: [8.7, 1.4],
  "Dual-Head": [7.2, 1.7],
  DPO: [6.8, 1.8],
  SimPO: [6.9, 1.8],
};

/**
 * @section Experiments
 * @claim +8.0, +5.7 and +3.5 points in the ablation, +.31 and +.29 over GenARM, speed-ups of 1.4 to 1.8.
 * @verdict the arithmetic checks
 * @statement The differences and quotients follow from the printed tables. The tables themselves have no public evidence.
 */
describe("differences and speed-ups follow from the printed tables", () => {
  it.each([
    ["fixed gating", 64.8, 56.8, 8.0],
    ["no regularisation", 64.8, 59.1, 5.7],
    ["one attention head", 64.8, 61.3, 3.5],
    ["helpfulness over GenARM", 2.18, 1.87, 0.31],
    ["harmlessness over GenARM", 2.21, 1.92, 0.29],
  ])("%s", (_, own, other, difference) => {
    expect(own - other).toBeCloseTo(difference, 9);
  });

  it.each(Object.entries(efficiency))("speed-up of %s", (_, [seconds, speedup]) => {
    expect(Math.round((10 * efficiency.ARGS[0]!) / seconds!) / 10).toBe(speedup);
  });
});
