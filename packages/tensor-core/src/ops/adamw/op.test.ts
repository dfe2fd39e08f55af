// The laws of adamw, and its values against the published update written out for one number.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floats, opLaws, positives, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { adamw, adamwOp } from "./op.ts";

opLaws(adamwOp, {
  cases: fc.record({
    inputs: fc.tuple(floats([5, 7]), floats([5, 7]), positives([5, 7]), floats([5, 7]), positives([], 1)),
    attrs: fc.record({
      learningRate: fc.constantFrom(1e-3, 0.1),
      beta1: fc.constant(0.9),
      beta2: fc.constantFrom(0.99, 0.999),
      epsilon: fc.constant(1e-8),
      weightDecay: fc.constantFrom(0, 0.01),
      step: fc.constantFrom(1, 2, 1000),
    }),
  }),
});

describe.each(testDeviceNames)("adamw() on %s", (deviceName) => {
  it("takes three steps on one number as the formula says", async () => {
    const device = await sharedDevice(deviceName);
    const [learningRate, beta1, beta2, epsilon, weightDecay] = [0.1, 0.9, 0.999, 1e-8, 0.01];
    const scale = device.tensor([0.5], []);
    let state = { parameter: device.tensor([2], [1]), m: device.tensor([0], [1]), v: device.tensor([0], [1]) };
    let [w, m, v] = [2, 0, 0];
    for (const [index, raw] of [3, -1, 0.25].entries()) {
      const step = index + 1;
      state = adamw(state, device.tensor([raw], [1]), scale, {
        learningRate,
        beta1,
        beta2,
        epsilon,
        weightDecay,
        step,
      });
      const gradient = raw * 0.5;
      m = beta1 * m + (1 - beta1) * gradient;
      v = beta2 * v + (1 - beta2) * gradient * gradient;
      w -= learningRate * (m / (1 - beta1 ** step) / (Math.sqrt(v / (1 - beta2 ** step)) + epsilon) + weightDecay * w);
    }
    expect((await state.parameter.read())[0]).toBeCloseTo(w, 5);
    expect((await state.m.read())[0]).toBeCloseTo(m, 6);
    expect((await state.v.read())[0]).toBeCloseTo(v, 6);
  });
});
