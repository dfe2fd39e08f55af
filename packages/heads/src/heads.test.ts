// Tests of both heads: the shared laws, initialisations, and what is refused.
import { createRandom, type Device, type Projection } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { createHead, foldConstant, HeadError, linearHead, lowRankHead, residualHead } from "./index.ts";
import { rewardHeadLaws } from "./testing/index.ts";

rewardHeadLaws("linearHead()", linearHead(), { startsAsBase: true });
rewardHeadLaws("linearHead({ bias: false })", linearHead({ bias: false, initialise: "random" }), {
  startsAsBase: false,
});
rewardHeadLaws("lowRankHead()", lowRankHead({ rank: 2 }), { startsAsBase: true });
rewardHeadLaws("lowRankHead({ bias })", lowRankHead({ rank: 3, bias: true }), { startsAsBase: true });

rewardHeadLaws("residualHead()", residualHead({ width: 4 }), { startsAsBase: true, folds: false });
rewardHeadLaws("residualHead({ bias })", residualHead({ width: 3, bias: true }), { startsAsBase: true, folds: false });

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

describe("createHead()", () => {
  it("rebuilds a head from its configuration", () => {
    for (const head of [
      linearHead({ bias: false }),
      lowRankHead({ rank: 3, bias: true }),
      residualHead({ width: 5 }),
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
