// Tests of all heads: the shared laws, initialisations, and what is refused.
import { createRandom, type Device, type Projection, segmentsOf, type Tensor } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import {
  type BlockHeadParams,
  blockHead,
  createHead,
  foldConstant,
  HeadError,
  linearHead,
  lowRankHead,
  residualHead,
} from "./index.ts";
import { rewardHeadLaws } from "./testing/index.ts";

rewardHeadLaws("linearHead()", linearHead(), { startsAsBase: true });
rewardHeadLaws("linearHead({ bias: false })", linearHead({ bias: false, initialise: "random" }), {
  startsAsBase: false,
});
rewardHeadLaws("lowRankHead()", lowRankHead({ rank: 2 }), { startsAsBase: true });
rewardHeadLaws("lowRankHead({ bias })", lowRankHead({ rank: 3, bias: true }), { startsAsBase: true });

const encoded = { startsAsBase: true, folds: false, encodes: true };
rewardHeadLaws("residualHead()", residualHead({ width: 4 }), encoded);
rewardHeadLaws("residualHead({ bias })", residualHead({ width: 3, bias: true }), encoded);
rewardHeadLaws("blockHead()", blockHead({ width: 4, headCount: 2, feedForwardSize: 7 }), encoded);
rewardHeadLaws("blockHead({ bias })", blockHead({ width: 3, headCount: 1, feedForwardSize: 5, bias: true }), encoded);

function lmHead(device: Device): Projection {
  const random = createRandom(1);
  return {
    kind: "linear",
    weight: device.tensor(
      Array.from({ length: 33 }, () => random.normal()),
      [11, 3],
    ),
    bias: null,
  };
}

describe("linearHead()", () => {
  it("starts at zero where asked, and at a spread of 1/sqrt(D) at random", async () => {
    const device = await sharedDevice("reference");
    const zero = linearHead({ initialise: "zero" }).init(device, 1, lmHead(device));
    expect(new Set(await zero.weight.read())).toEqual(new Set([0]));
    const wide: Projection = {
      kind: "linear",
      weight: device.tensor(new Array(101 * 37).fill(0), [101, 37]),
      bias: null,
    };
    const values = [...(await linearHead({ initialise: "random" }).init(device, 1, wide).weight.read())];
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance * 37).toBeGreaterThan(0.9);
    expect(variance * 37).toBeLessThan(1.1);
  });

  it("has the paper's parameter counts for the 7B, 13B and 30B backbones", () => {
    const counts = [4096, 5120, 6656].map((size) => linearHead({ bias: false }).parameterCount(size, 32000) / 1e6);
    expect(counts.map(Math.round)).toEqual([131, 164, 213]);
    expect(6.7e3 / counts[0]!).toBeCloseTo(51.1, 1);
  });
});

describe("lowRankHead()", () => {
  it("refuses a rank that is no positive integer", () => {
    for (const rank of [0, -1, 1.5, Number.NaN]) expect(() => lowRankHead({ rank })).toThrow(HeadError);
  });
  it("refuses a base that is not linear", async () => {
    const device = await sharedDevice("reference");
    const base = lmHead(device);
    const head = lowRankHead({ rank: 2 });
    const delta = head.projection(head.init(device, 1, base), base);
    expect(() => head.init(device, 1, delta)).toThrow(/must be linear/);
  });
});

describe("residualHead()", () => {
  it("refuses a width that is no positive integer", () => {
    for (const width of [0, -1, 1.5, Number.NaN]) expect(() => residualHead({ width })).toThrow(HeadError);
  });
  it("has parameters in proportion to the hidden size, whatever the vocabulary", () => {
    expect(residualHead({ width: 1024 }).parameterCount(4096, 32000) / 1e6).toBeCloseTo(8.4, 1);
  });
});

describe("blockHead()", () => {
  const config = { width: 8, headCount: 2, feedForwardSize: 12 };
  it("refuses widths that are no positive integers, and a width that its heads do not divide", () => {
    for (const name of Object.keys(config)) {
      for (const value of [0, -1, 1.5, Number.NaN]) {
        expect(() => blockHead({ ...config, [name]: value })).toThrow(/must be a positive integer/);
      }
    }
    expect(() => blockHead({ ...config, headCount: 3 })).toThrow(/width 8 is no multiple of its 3 heads/);
  });
  it("agrees with plain loops over the printed equations", async () => {
    const device = await sharedDevice("reference");
    const [hiddenSize, rowCount] = [3, 5];
    const { width, headCount, feedForwardSize } = config;
    const head = blockHead(config);
    const random = createRandom(11, "block-head loops");
    const shapes = head.parameterShapes(hiddenSize, 11);
    const arrays = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      ]),
    );
    const params = { bias: null } as Record<string, Tensor | null>;
    for (const [name, shape] of Object.entries(shapes)) params[name] = device.tensor(arrays[name]!, shape);
    const h = Array.from({ length: rowCount }, () => Array.from({ length: hiddenSize }, () => random.normal()));

    const norm = (x: readonly number[], weight: readonly number[]) => {
      const scale = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + 1e-6);
      return x.map((value, at) => (value / scale) * weight[at]!);
    };
    const map = (weight: readonly number[], x: readonly number[]) =>
      Array.from({ length: weight.length / x.length }, (_, out) =>
        x.reduce((sum, value, at) => sum + weight[out * x.length + at]! * value, 0),
      );
    const plus = (a: readonly number[], b: readonly number[]) => a.map((value, at) => value + b[at]!);
    const normed = h.map((row) => norm(row, arrays.attentionNorm!));
    const [q, k, v] = [arrays.query!, arrays.key!, arrays.value!].map((weight) =>
      normed.map((row) => map(weight, row)),
    );
    const size = width / headCount;
    const expected = h.map((row, t) => {
      const attended = Array.from({ length: width }, (_, at) => {
        const first = Math.floor(at / size) * size;
        const weights = Array.from({ length: t + 1 }, (_, j) => {
          let score = 0;
          for (let d = first; d < first + size; d++) score += q![t]![d]! * k![j]![d]!;
          return Math.exp(score / Math.sqrt(size));
        });
        const total = weights.reduce((sum, value) => sum + value, 0);
        return weights.reduce((sum, value, j) => sum + (value / total) * v![j]![at]!, 0);
      });
      const middle = plus(row, map(arrays.output!, attended));
      const inner = norm(middle, arrays.feedForwardNorm!);
      const [gate, up] = [map(arrays.gate!, inner), map(arrays.up!, inner)];
      const units = Array.from(
        { length: feedForwardSize },
        (_, at) => (gate[at]! / (1 + Math.exp(-gate[at]!))) * up[at]!,
      );
      return plus(middle, map(arrays.down!, units));
    });
    const read = head
      .encoding(params as BlockHeadParams)!
      .read(device.tensor(h.flat(), [rowCount, hiddenSize]), segmentsOf([rowCount]));
    checkClose("features", await read.read(), expected.flat(), 1e-12);
  });
});

describe("createHead()", () => {
  it("rebuilds a head from its configuration", () => {
    for (const head of [
      linearHead({ bias: false }),
      lowRankHead({ rank: 3, bias: true }),
      residualHead({ width: 5 }),
      blockHead({ width: 6, headCount: 3, feedForwardSize: 5 }),
    ]) {
      expect(createHead(JSON.parse(JSON.stringify(head.config))).config).toEqual(head.config);
    }
  });
});

describe("foldConstant()", () => {
  it("refuses an alpha outside [0, 1]", async () => {
    const base = lmHead(await sharedDevice("reference"));
    for (const alpha of [-0.1, 1.1, Number.NaN]) expect(() => foldConstant(base, base, alpha)).toThrow(HeadError);
  });
});
