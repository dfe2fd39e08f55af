// What every op must keep, on every device: agreement with its oracle, gradients against finite differences in float64,
// and the same gradients on every device. An op's test gives only the generator of its calls.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { valueAndGrad } from "../autodiff/value-and-grad.ts";
import type { Device } from "../device.ts";
import { apply } from "../dispatch.ts";

import { add, multiply } from "../ops/binary/op.ts";
import { sumTo } from "../ops/broadcast/op.ts";
import type { OpDefinition } from "../ops/op.ts";
import { createRandom } from "../random.ts";
import { isFloat, sizeOf } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { checkClose } from "./approx.ts";
import { sharedDevice, testDeviceNames } from "./devices.ts";

/** One input of a generated call. */
export interface OpInput {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: "u32";
}

/** One generated call of an op. */
export interface OpCase<Attrs> {
  readonly inputs: readonly OpInput[];
  readonly attrs: Attrs;
}

/** What an op's test states: its calls, how close devices must come, and which inputs carry gradients. */
export interface OpLawOptions<Attrs> {
  readonly cases: fc.Arbitrary<OpCase<Attrs>>;
  /** Relative to 1 + the largest magnitude of the expected array; defaults to 2e-5. */
  readonly tolerance?: number;
  /** Defaults to 1e-6: directional derivatives in float64 against central differences. */
  readonly gradientTolerance?: number;
  /** Inputs that may be differentiated; defaults to every float input, [] where the op has no gradient. */
  readonly differentiable?: (call: OpCase<Attrs>) => readonly number[];
  readonly runCount?: number;
}

const seed = 20240607;

/** Runs the laws of one op under vitest. */
export function opLaws<Attrs>(op: OpDefinition<Attrs>, options: OpLawOptions<Attrs>): void {
  const settings = { seed, numRuns: options.runCount ?? 12 };
  const tolerance = options.tolerance ?? 2e-5;
  describe(`${op.name} keeps the laws of an op (seed ${seed})`, () => {
    for (const name of testDeviceNames.filter((device) => device !== "reference")) {
      it(`agrees with its oracle on ${name}`, async () => {
        const [reference, device] = [await sharedDevice("reference"), await sharedDevice(name)];
        await fc.assert(
          fc.asyncProperty(options.cases, async (call) => {
            const expected = await run(reference, op, call);
            const actual = await run(device, op, call);
            expect(actual.length).toBe(expected.length);
            for (const [index, values] of expected.entries()) {
              checkClose(`output ${index} of ${op.name} on ${name}`, actual[index]!, values, tolerance);
            }
          }),
          settings,
        );
      });
    }
    if (op.vjp === "nondifferentiable") return;
    it("has the gradient that finite differences show in float64", async () => {
      const device = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(options.cases, async (call) => {
          for (const which of differentiableInputs(op, call, options)) {
            await checkDirectionalDerivative(device, op, call, which, options.gradientTolerance ?? 1e-6);
          }
        }),
        settings,
      );
    });
    for (const name of testDeviceNames.filter((device) => device !== "reference")) {
      it(`has the oracle's gradient on ${name}`, async () => {
        const [reference, device] = [await sharedDevice("reference"), await sharedDevice(name)];
        await fc.assert(
          fc.asyncProperty(options.cases, async (call) => {
            const which = differentiableInputs(op, call, options);
            if (which.length === 0) return;
            const expected = await gradients(reference, op, call, which);
            const actual = await gradients(device, op, call, which);
            for (const [index, values] of expected.entries()) {
              checkClose(
                `gradient of input ${which[index]} of ${op.name} on ${name}`,
                actual[index]!,
                values,
                4 * tolerance,
              );
            }
          }),
          settings,
        );
      });
    }
  });
}

function differentiableInputs<Attrs>(
  _: OpDefinition<Attrs>,
  call: OpCase<Attrs>,
  options: OpLawOptions<Attrs>,
): readonly number[] {
  return (
    options.differentiable?.(call) ?? call.inputs.flatMap((input, index) => (input.dtype === "u32" ? [] : [index]))
  );
}

function upload(device: Device, input: OpInput): Tensor {
  return device.tensor(input.values, input.shape, input.dtype ?? device.floatDtype);
}

async function readAll(tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> {
  const arrays: ArrayLike<number>[] = [];
  for (const tensor of tensors) {
    arrays.push(await tensor.read());
    tensor.dispose();
  }
  return arrays;
}

function run<Attrs>(device: Device, op: OpDefinition<Attrs>, call: OpCase<Attrs>): Promise<ArrayLike<number>[]> {
  return readAll(
    device.scope(() =>
      apply(
        op,
        call.inputs.map((input) => upload(device, input)),
        call.attrs,
      ),
    ),
  );
}

/** A scalar of all outputs: Σ over float outputs of fixed random weights times values. */
function pooled<Attrs>(device: Device, op: OpDefinition<Attrs>, tensors: readonly Tensor[], attrs: Attrs): Tensor {
  const outputs = apply(op, tensors, attrs).filter((output) => isFloat(output.dtype));
  // Gradients flow from the first output: further ones are saved statistics.
  const first = outputs[0]!;
  const random = createRandom(7, op.name);
  const weights = device.tensor(
    Array.from({ length: sizeOf(first.shape) }, () => random.normal()),
    first.shape,
  );
  return sumTo(multiply(first, weights), []);
}

function gradients<Attrs>(
  device: Device,
  op: OpDefinition<Attrs>,
  call: OpCase<Attrs>,
  which: readonly number[],
): Promise<ArrayLike<number>[]> {
  return readAll(
    device.scope(() => {
      const tensors = call.inputs.map((input) => upload(device, input));
      const differentiate = valueAndGrad((leaves: readonly Tensor[]) => {
        const inputs = tensors.map((tensor, index) => leaves[which.indexOf(index)] ?? tensor);
        return pooled(device, op, inputs, call.attrs);
      });
      return differentiate(which.map((index) => tensors[index]!)).grad;
    }),
  );
}

async function checkDirectionalDerivative<Attrs>(
  device: Device,
  op: OpDefinition<Attrs>,
  call: OpCase<Attrs>,
  which: number,
  tolerance: number,
): Promise<void> {
  const random = createRandom(11, `${op.name} ${which}`);
  const input = call.inputs[which]!;
  const direction = input.values.map(() => random.normal());
  const step = 1e-5;
  const valueAt = async (offset: number) => {
    const [value] = await readAll([
      device.scope(() => {
        const tensors = call.inputs.map((item, index) =>
          index === which
            ? add(
                upload(device, item),
                device.tensor(
                  direction.map((d) => d * offset),
                  item.shape,
                ),
              )
            : upload(device, item),
        );
        return pooled(device, op, tensors, call.attrs);
      }),
    ]);
    return value![0]!;
  };
  const [gradient] = await gradients(device, op, call, [which]);
  const analytic = direction.reduce((sum, d, index) => sum + d * gradient![index]!, 0);
  const numeric = ((await valueAt(step)) - (await valueAt(-step))) / (2 * step);
  const scale = 1 + Math.abs(analytic) + direction.reduce((sum, d, index) => sum + Math.abs(d * gradient![index]!), 0);
  if (!(Math.abs(analytic - numeric) <= tolerance * scale)) {
    throw new Error(
      `gradient of input ${which} of ${op.name}: directional derivative ${analytic} but finite differences give ${numeric}`,
    );
  }
}
