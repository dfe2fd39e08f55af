// The laws of layerNorm and of its gradient op, and rows far from zero.
import fc from "fast-check";
import { describe, it } from "vitest";
import { checkClose, extent, floats, opLaws, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { layerNorm, layerNormGradOp, layerNormOp } from "./op.ts";

const extents = fc.tuple(extent(13), extent(41));
// Rows of equal numbers divide by √ε alone; a larger ε keeps differences of the devices' rounding small there.
const attrs = fc.constant({ epsilon: 1e-3 });

opLaws(layerNormOp, {
  cases: extents.chain(([rowCount, width]) =>
    fc.record({ inputs: fc.tuple(floats([rowCount, width]), floats([width]), floats([width])), attrs }),
  ),
  tolerance: 1e-4,
  gradientTolerance: 1e-5,
});
opLaws(layerNormGradOp, {
  cases: extents.chain(([rowCount, width]) =>
    fc.record({
      inputs: fc.tuple(floats([rowCount, width]), floats([width]), floats([rowCount, width])),
      attrs,
    }),
  ),
  tolerance: 1e-4,
});

describe.each(testDeviceNames)("layerNorm() on %s", (deviceName) => {
  it("keeps its figures where the mean is a thousand times the deviation", async () => {
    const device = await sharedDevice(deviceName);
    const values = Array.from({ length: 7 }, (_, k) => 1000 + k);
    const mean = 1003;
    const deviation = Math.sqrt(4 + 1e-5);
    const y = device.scope(() =>
      layerNorm(
        device.tensor(values, [1, 7]),
        device.tensor(new Array<number>(7).fill(2), [7]),
        device.tensor(new Array<number>(7).fill(-1), [7]),
        1e-5,
      ),
    );
    const expected = values.map((value) => (2 * (value - mean)) / deviation - 1);
    checkClose("the normed row", await y.read(), expected, 1e-5);
    y.dispose();
  });
});
