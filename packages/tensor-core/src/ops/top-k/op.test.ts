// The laws of topK with ties and far from zero, exact order on every device, and what has no place.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkClose, extent, opLaws, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { topK, topKOp } from "./op.ts";

const logit = fc.oneof(
  fc.integer({ min: -4, max: 4 }),
  fc.double({ min: -9, max: 9, noNaN: true }).map((value) => Math.fround(value)),
);

opLaws(topKOp, {
  cases: fc
    .tuple(extent(7), fc.oneof(extent(9), fc.integer({ min: 250, max: 600 })), fc.constantFrom(0, 512, -512))
    .chain(([rowCount, width, shift]) =>
      fc.record({
        inputs: fc.tuple(
          fc
            .array(logit, { minLength: rowCount * width, maxLength: rowCount * width })
            .map((values) => ({ shape: [rowCount, width], values: values.map((z) => Math.fround(z + shift)) })),
        ),
        attrs: fc.record({ count: fc.integer({ min: 1, max: Math.min(width, 50) }) }),
      }),
    ),
  runCount: 25,
});

describe("topK()", () => {
  it.each(testDeviceNames)("sums relative to the largest on %s, whether logits rise or fall", async (name) => {
    const device = await sharedDevice(name);
    const width = 1031;
    const rising = Array.from({ length: width }, (_, token) => token / 64);
    const results = device.scope(() => topK(device.tensor([...rising, ...rising.toReversed()], [2, width]), 2));
    const [values, ids, totals] = await Promise.all([results.values, results.ids, results.totals].map((t) => t.read()));
    expect([...values!]).toEqual([1030, 1029, 1030, 1029].map((token) => token / 64));
    expect([...ids!]).toEqual([1030, 1029, 0, 1]);
    const total = (1 - Math.exp(-width / 64)) / (1 - Math.exp(-1 / 64));
    checkClose("totals", totals!, [total, total], 2e-6);
    for (const tensor of [results.values, results.ids, results.totals]) tensor.dispose();
  });

  it("gives excluded tokens no place, and no finite total where a logit is not a number", async () => {
    const device = await sharedDevice("cpu");
    const values = [-Infinity, 3, -Infinity, 5, -Infinity, 1, 2, 7, Number.NaN, 1];
    const { values: top, ids, totals } = device.scope(() => topK(device.tensor(values, [2, 5]), 3));
    expect([...(await top.read()).slice(0, 3)]).toEqual([5, 3, -Infinity]);
    expect([...(await ids.read()).slice(0, 2)]).toEqual([3, 1]);
    const found = await totals.read();
    expect(found[0]).toBeCloseTo(1 + Math.exp(-2), 6);
    expect(found[1]).toBeNaN();
    for (const tensor of [top, ids, totals]) tensor.dispose();
  });

  it("refuses a count that is none", async () => {
    const device = await sharedDevice("cpu");
    using z = device.tensor([1, 2], [1, 2]);
    for (const count of [0, 3, 1.5]) expect(() => topK(z, count)).toThrow("an integer from 1 to 2");
  });
});
