// Tests of both gates: the shared laws, the printed equations, initial values, and what is refused.
import { affine, segmentsOf, sumTo, type Tensor, valueAndGrad } from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AttentionGateParams,
  attentionGate,
  constantGate,
  createGate,
  GatingError,
  printedGateLogits,
} from "./index.ts";
import { gateLaws, randomGateParams, randomTensor } from "./testing/index.ts";

/** The witness of fixed fusion inside the gate: W_g = 0 and b_g = logit α, whatever the rest. */
const constantAt = (params: AttentionGateParams, alpha: number): AttentionGateParams => ({
  ...params,
  weight: affine(params.weight, 0, 0),
  bias: params.bias.device.tensor([Math.log(alpha / (1 - alpha))], [1]),
});

for (const [label, options] of [
  ["attentionGate()", { hiddenSize: 5, width: 6, headCount: 3 }],
  ["attentionGate({ width above D })", { hiddenSize: 3, width: 14, headCount: 2 }],
] as const) {
  const { hiddenSize, headCount } = options;
  gateLaws(
    label,
    { gate: attentionGate(options), hiddenSize },
    {
      attendsToSets: true,
      affineOnConstantHistories: true,
      unfolded: (params, ...rows) => printedGateLogits(params as AttentionGateParams, headCount, ...rows),
      constantAt: (params, alpha) => constantAt(params as AttentionGateParams, alpha),
    },
  );
}
for (const alpha of [0, 0.3, 1]) {
  gateLaws(
    `constantGate(${alpha})`,
    { gate: constantGate({ alpha }), hiddenSize: 2 },
    { attendsToSets: true, affineOnConstantHistories: true },
  );
}

describe("attentionGate()", () => {
  const [hiddenSize, headCount] = [7, 3];
  const gate = attentionGate({ hiddenSize, width: 6, headCount });

  for (const name of testDeviceNames) {
    it(`computes the printed equations, with their gradients, on ${name}`, async () => {
      const device = await sharedDevice(name);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(),
          fc.array(fc.constantFrom(1, 2, 5), { minLength: 1, maxLength: 3 }),
          async (seed, lengths) => {
            const segments = segmentsOf(lengths);
            const hidden = randomTensor(device, seed, [segments.offsets.at(-1)!, hiddenSize]);
            const params = randomGateParams(device, gate, seed) as AttentionGateParams;
            const rows = Uint32Array.of(0, segments.offsets.at(-1)! - 1);
            const folded = valueAndGrad((p: AttentionGateParams) => sumTo(gate.logits(p, hidden, segments, rows), []))(
              params,
            );
            const printed = valueAndGrad((p: AttentionGateParams) =>
              sumTo(printedGateLogits(p, headCount, hidden, segments, rows), []),
            )(params);
            checkClose("Σu", await folded.value.read(), await printed.value.read(), 2e-5);
            for (const leaf of Object.keys(params) as (keyof AttentionGateParams)[]) {
              checkClose(`gradient of ${leaf}`, await folded.grad[leaf].read(), await printed.grad[leaf].read(), 2e-5);
            }
          },
        ),
        { seed: 5, numRuns: 5 },
      );
    });
  }

  it("equals a scalar reference written from E5 to E8", async () => {
    const device = await sharedDevice("reference");
    const length = 5;
    const hidden = randomTensor(device, 1, [length, hiddenSize]);
    const params = randomGateParams(device, gate, 2) as AttentionGateParams;
    const h = await hidden.read();
    const p = Object.fromEntries(
      await Promise.all(Object.entries(params).map(async ([key, tensor]) => [key, await (tensor as Tensor).read()])),
    ) as Record<keyof AttentionGateParams, Float64Array>;
    const row = (t: number) => [...h.slice(t * hiddenSize, (t + 1) * hiddenSize)];
    const times = (matrix: Float64Array, at: number, x: number[]) =>
      x.reduce((sum, value, k) => sum + matrix[at * x.length + k]! * value, 0);
    const expected = Array.from({ length }, (_, t) => {
      const concatenated = [0, 1, 2].flatMap((head) => {
        const block = [2 * head, 2 * head + 1];
        const scores = Array.from(
          { length: t + 1 },
          (_, s) =>
            block.reduce((sum, at) => sum + times(p.query, at, row(t)) * times(p.key, at, row(s)), 0) / Math.sqrt(2),
        );
        const weights = scores.map((score) => Math.exp(score));
        const total = weights.reduce((a, b) => a + b, 0);
        return block.map((at) =>
          weights.reduce((sum, weight, s) => sum + (weight / total) * times(p.value, at, row(s)), 0),
        );
      });
      const output = Array.from({ length: hiddenSize }, (_, d) => times(p.output, d, concatenated));
      return times(p.weight, 0, output) + p.bias[0]!;
    });
    checkClose("u", await gate.logits(params, hidden, segmentsOf([length])).read(), expected, 1e-12);
  });

  it("starts at initialAlpha in every context, and still learns", async () => {
    const device = await sharedDevice("reference");
    const start = attentionGate({ hiddenSize, width: 6, headCount, initialAlpha: 0.2 });
    const hidden = randomTensor(device, 3, [5, hiddenSize]);
    const params = start.init(device, 7);
    const u = await start.logits(params, hidden, segmentsOf([2, 3])).read();
    for (const value of u) expect(1 / (1 + Math.exp(-value))).toBeCloseTo(0.2, 12);
    const { grad } = valueAndGrad((p: AttentionGateParams) => sumTo(start.logits(p, hidden, segmentsOf([5])), []))(
      params as AttentionGateParams,
    );
    expect(Math.max(...(await grad.weight.read()).map(Math.abs))).toBeGreaterThan(1e-2);
  });

  it("counts its parameters as the audit does", () => {
    const count = (width: number) => attentionGate({ hiddenSize: 4096, width, headCount: 8 }).parameterCount / 1e6;
    expect(count(4096)).toBeCloseTo(67.1, 1);
    expect(count(320)).toBeCloseTo(5.247, 3);
    const shapes = Object.values(gate.parameterShapes).map((shape) => shape.reduce((a, b) => a * b, 1));
    expect(gate.parameterCount).toBe(shapes.reduce((a, b) => a + b, 0));
  });

  it("keeps r + h numbers per position", async () => {
    const device = await sharedDevice("cpu");
    const before = device.stats.bytes;
    using _history = gate.createHistory(device, { slotCount: 2, capacity: 11 });
    expect(device.stats.bytes - before).toBe(2 * 11 * (6 + 3) * 4);
  });

  it("refuses widths that do not divide and alphas at the ends", () => {
    expect(() => attentionGate({ hiddenSize: 8, width: 7, headCount: 2 })).toThrow(/multiple of the 2 heads/);
    for (const initialAlpha of [0, 1, Number.NaN]) {
      expect(() => attentionGate({ hiddenSize: 8, width: 4, headCount: 2, initialAlpha })).toThrow(GatingError);
    }
    expect(() => attentionGate({ hiddenSize: 0, width: 4, headCount: 2 })).toThrow(GatingError);
  });
});

describe("createGate()", () => {
  it("rebuilds a gate from its configuration", () => {
    for (const gate of [attentionGate({ hiddenSize: 5, width: 4, headCount: 2 }), constantGate({ alpha: 0.5 })]) {
      expect(createGate(JSON.parse(JSON.stringify(gate.config))).config).toEqual(gate.config);
    }
    for (const alpha of [-0.1, 1.5, Number.NaN]) expect(() => constantGate({ alpha })).toThrow(GatingError);
  });
});
