// Differentiation of whole functions: composition, shared values, unused leaves, memory, and what is refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GradientError, ShapeError } from "../errors.ts";
import { affine } from "../ops/affine/op.ts";
import { add, minimum, multiply } from "../ops/binary/op.ts";
import { sumTo } from "../ops/broadcast/op.ts";
import { matmul } from "../ops/matmul/op.ts";
import { unary } from "../ops/unary/op.ts";
import { writeRows } from "../ops/write-rows/op.ts";
import type { Tensor } from "../tensor.ts";
import { checkClose, sharedDevice, testDeviceNames } from "../testing/index.ts";
import { valueAndGrad, valueAndGradAux } from "./value-and-grad.ts";

interface Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

describe.each(testDeviceNames)("valueAndGrad() on %s", (deviceName) => {
  it("differentiates a two-layer network as finite differences do", async () => {
    const device = await sharedDevice("reference");
    const wave = (size: number, pace: number) =>
      Array.from({ length: size }, (_, index) => Math.sin(pace * (index + 1)));
    const values: Record<"a" | "b" | "c", number[]> = { a: wave(15, 0.7), b: wave(3, 0.3), c: wave(6, 1.1) };
    const evaluate = (at: typeof values) => {
      const x = device.tensor(wave(35, 0.9), [7, 5]);
      const f = ([first, second]: readonly [Layer, { readonly weight: Tensor }]) => {
        const hidden = unary("tanh", add(matmul(x, first.weight), first.bias));
        return sumTo(unary("square", matmul(hidden, second.weight)), []);
      };
      return valueAndGrad(f)([
        { weight: device.tensor(at.a, [5, 3]), bias: device.tensor(at.b, [3]) },
        { weight: device.tensor(at.c, [3, 2]) },
      ]);
    };
    const { grad } = evaluate(values);
    const gradients = { a: await grad[0].weight.read(), b: await grad[0].bias.read(), c: await grad[1].weight.read() };
    for (const key of ["a", "b", "c"] as const) {
      for (let index = 0; index < values[key].length; index++) {
        const moved = async (by: number) => {
          const at = { ...values, [key]: values[key].map((value, other) => (other === index ? value + by : value)) };
          return (await evaluate(at).value.read())[0]!;
        };
        const numeric = ((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5;
        expect(gradients[key][index]).toBeCloseTo(numeric, 5);
      }
    }
  });

  it("adds up the gradients of a value used many times", async () => {
    const device = await sharedDevice(deviceName);
    const { value, grad } = device.scope(() =>
      valueAndGrad((x: Tensor) => sumTo(add(multiply(x, x), add(x, x)), []))(device.tensor([1, 2, 3], [3])),
    );
    expect((await value.read())[0]).toBeCloseTo(26, 5);
    expect([...(await grad.read())]).toEqual([4, 6, 8]);
  });

  it("gives zeros for a leaf the value does not depend on, and a gradient of its own to each leaf", async () => {
    const device = await sharedDevice(deviceName);
    const params = { used: device.tensor([2], [1]), same: device.tensor([3], [1]), unused: device.tensor([5, 7], [2]) };
    const { grad } = valueAndGrad((p: typeof params) => sumTo(add(p.used, p.same), []))(params);
    expect([...(await grad.unused.read())]).toEqual([0, 0]);
    grad.used.dispose();
    expect([...(await grad.same.read())]).toEqual([1]);
  });

  it("differentiates only its argument: captured tensors are constants", async () => {
    const device = await sharedDevice(deviceName);
    const frozen = device.tensor([3, 5], [2]);
    const { grad } = valueAndGrad((x: Tensor) => sumTo(multiply(frozen, x), []))(device.tensor([1, 1], [2]));
    expect([...(await grad.read())]).toEqual([3, 5]);
  });

  it("differentiates through itself", async () => {
    const device = await sharedDevice(deviceName);
    const slope = (x: Tensor) => valueAndGrad((y: Tensor) => sumTo(multiply(multiply(y, y), y), []))(x).grad;
    const { grad } = device.scope(() => valueAndGrad((x: Tensor) => sumTo(slope(x), []))(device.tensor([2, -1], [2])));
    expect([...(await grad.read())]).toEqual([12, -6]);
  });

  it("leaves no buffers behind but value, aux and gradients", async () => {
    const device = await sharedDevice(deviceName);
    const before = device.stats.liveBuffers;
    const x = device.tensor([1, 2, 3, 4], [2, 2]);
    const { value, aux, grad } = valueAndGradAux((p: { x: Tensor }) => {
      const squared = multiply(p.x, p.x);
      return { value: sumTo(matmul(squared, squared), []), aux: { mean: sumTo(affine(squared, 0.25, 0), []) } };
    })({ x });
    expect(device.stats.liveBuffers).toBe(before + 4);
    for (const tensor of [x, value, aux.mean, grad.x]) tensor.dispose();
    expect(device.stats.liveBuffers).toBe(before);
  });

  it("leaves no buffers behind when the function throws", async () => {
    const device = await sharedDevice(deviceName);
    const x = device.tensor([1, 2], [2]);
    const before = device.stats.liveBuffers;
    expect(() => valueAndGrad((y: Tensor) => multiply(y, y))(x)).toThrow(ShapeError);
    expect(device.stats.liveBuffers).toBe(before);
  });

  it("refuses integer leaves and paths without a gradient", async () => {
    const device = await sharedDevice(deviceName);
    const ids = device.tensor(Uint32Array.of(0), [1]);
    expect(() => valueAndGrad((x: Tensor) => x)(ids)).toThrow(GradientError);
    expect(() =>
      valueAndGrad((x: Tensor) => sumTo(writeRows(device.tensor([1, 2], [2, 1]), x, ids), []))(
        device.tensor([9], [1, 1]),
      ),
    ).toThrow("Cannot differentiate through writeRows");
  });

  it("sends each gradient of minimum to one side only", async () => {
    const device = await sharedDevice(deviceName);
    await fc.assert(
      fc.asyncProperty(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 })), async ([a, b]) => {
        const { grad } = valueAndGrad((p: readonly [Tensor, Tensor]) => sumTo(minimum(p[0], p[1]), []))([
          device.tensor([a], [1]),
          device.tensor([b], [1]),
        ]);
        checkClose("gradients", [(await grad[0].read())[0]!, (await grad[1].read())[0]!], a <= b ? [1, 0] : [0, 1], 0);
      }),
      { seed: 5, numRuns: 20 },
    );
  });
});
