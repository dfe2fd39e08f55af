// The webgpu device: whose GPUDevice it is, the order of its commands, reuse of memory, errors, and letting go.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDevice, openDevice } from "../../device.ts";
import { apply } from "../../dispatch.ts";
import { DeviceError } from "../../errors.ts";
import { adamw } from "../../ops/adamw/op.ts";
import { affine } from "../../ops/affine/op.ts";
import { attention } from "../../ops/attention/op.ts";
import { add, multiply, subtract } from "../../ops/binary/op.ts";
import { sumTo } from "../../ops/broadcast/op.ts";
import { matmul } from "../../ops/matmul/op.ts";
import { defineOp } from "../../ops/op.ts";
import type { Tensor } from "../../tensor.ts";
import { checkClose, testDeviceNames } from "../../testing/index.ts";
import { isSoftware } from "./adapter.ts";
import { openWebGpuBackend } from "./backend.ts";
import { sizeClass } from "./buffer-pool.ts";
import { output, type WgslProgram } from "./program.ts";

const seed = 20240611;
const available = testDeviceNames.includes("webgpu");
const built = fileURLToPath(new URL("../../../dist/index.js", import.meta.url));

/** Dawn stops with its GPU object, so the test keeps those it makes. */
const held: GPU[] = [];

/** A device of the caller's own, without any optional feature, and the buffers alive on it. */
async function ownDevice(): Promise<{ gpuDevice: GPUDevice; liveBuffers: Set<GPUBuffer> }> {
  const { create } = await import("webgpu");
  const gpu = create([]);
  held.push(gpu);
  const adapter = await gpu.requestAdapter();
  const gpuDevice = await adapter!.requestDevice();
  const liveBuffers = new Set<GPUBuffer>();
  const createBuffer = gpuDevice.createBuffer.bind(gpuDevice);
  gpuDevice.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      liveBuffers.delete(buffer);
      return destroy();
    };
    liveBuffers.add(buffer);
    return buffer;
  };
  return { gpuDevice, liveBuffers };
}

/** An op of one output like its input, for programs that go wrong. */
function faultyOp(wgsl: () => WgslProgram) {
  return defineOp<null>({
    name: "faulty",
    infer: (inputs) => [inputs[0]!],
    reference: () => {},
    wgsl,
    vjp: "nondifferentiable",
  });
}

describe.skipIf(!available)("writing", () => {
  it("waits for recorded commands that read the memory before it was freed", async () => {
    const device = await openDevice("webgpu");
    const x = device.tensor(new Float32Array(1009).fill(1), [1009]);
    const y = affine(x, 2, 0);
    x.dispose();
    // Takes over x's buffer, which the commands still to be submitted read.
    const z = device.tensor(new Float32Array(1009).fill(5), [1009]);
    expect((await y.read()).every((value) => value === 2)).toBe(true);
    expect((await z.read()).every((value) => value === 5)).toBe(true);
    device.dispose();
  });
});

describe.skipIf(!available)("an injected GPUDevice", () => {
  it("is used without optional features, freed of every buffer, and not destroyed", async () => {
    const { gpuDevice, liveBuffers } = await ownDevice();
    const device = await openDevice("webgpu", { gpuDevice });
    expect(device.info.features).not.toContain("subgroups");
    expect(device.info.features).not.toContain("shader-f16");
    const [q, k] = [device.tensor([1, 2, 3, 4], [2, 2]), device.tensor([4, 3, 2, 1], [2, 2])];
    const ranges = device.tensor(Uint32Array.of(0, 1, 0, 2), [2, 2]);
    const out = attention(q, k, k, ranges, { headCount: 1, groupCount: 1, scale: 0 });
    checkClose("attention", await out.read(), [4, 3, 3, 2], 1e-6);
    expect(liveBuffers.size).toBeGreaterThan(0);
    device.dispose();
    device.dispose();
    expect(liveBuffers.size).toBe(0);
    const lost = await Promise.race([gpuDevice.lost.then(() => "lost"), Promise.resolve("kept")]);
    expect(lost).toBe("kept");
    const again = await openDevice("webgpu", { gpuDevice });
    expect([...(await again.tensor([7], [1]).read())]).toEqual([7]);
    again.dispose();
    gpuDevice.destroy();
  });

  it("is reported as lost at the next call", async () => {
    const { gpuDevice } = await ownDevice();
    const device = await openDevice("webgpu", { gpuDevice });
    const tensor = device.tensor([1], [1]);
    gpuDevice.destroy();
    await gpuDevice.lost;
    await expect(tensor.read()).rejects.toThrow(DeviceError);
    expect(() => affine(tensor, 1, 1)).toThrow("lost");
    device.dispose();
  });
});

describe.skipIf(!available)("the webgpu device", () => {
  it("holds no buffer after dispose, and refuses work", async () => {
    const backend = await openWebGpuBackend({});
    const device = createDevice(backend, "test");
    const tensor = device.tensor([1, 2], [2]);
    const pending = add(tensor, tensor);
    await pending.read();
    expect(backend.bufferCount).toBeGreaterThan(0);
    device.dispose();
    expect(backend.bufferCount).toBe(0);
    expect(() => device.tensor([1], [1])).toThrow(DeviceError);
    expect(() => add(tensor, tensor)).toThrow(DeviceError);
    await expect(pending.read()).rejects.toThrow(DeviceError);
    tensor.dispose();
  });

  it("keeps writes, dispatches and reads in the order they were asked for", async () => {
    const backend = await openWebGpuBackend({});
    const buffer = backend.allocate(16);
    const device = createDevice(backend, "test");
    const x = device.tensor([1, 2, 3, 4], [4]);
    backend.write(buffer, Float32Array.of(9, 9, 9, 9));
    const first = backend.read(buffer, "f32", 4);
    backend.write(buffer, Float32Array.of(8, 8, 8, 8));
    const second = backend.read(buffer, "f32", 4);
    const doubled = add(x, x);
    const third = doubled.read();
    doubled.dispose();
    const fresh = device.tensor([5, 5, 5, 5], [4]);
    expect([...(await first)]).toEqual([9, 9, 9, 9]);
    expect([...(await second)]).toEqual([8, 8, 8, 8]);
    expect([...(await third)]).toEqual([2, 4, 6, 8]);
    expect([...(await fresh.read())]).toEqual([5, 5, 5, 5]);
    device.dispose();
  });

  it(`reuses freed memory without touching what is pending (seed ${seed})`, async () => {
    const device = await openDevice("webgpu");
    const step = fc.record({
      kind: fc.constantFrom("new", "add", "subtract", "affine", "drop", "adamw"),
      left: fc.nat(),
      right: fc.nat(),
      value: fc.integer({ min: -8, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 120 }), async (steps) => {
        const alive: { tensor: Tensor; expected: number[] }[] = [];
        const early: { values: Promise<ArrayLike<number>>; expected: number[] }[] = [];
        const hold = (tensor: Tensor, expected: number[]) =>
          alive.push({ tensor, expected: expected.map(Math.fround) });
        for (const { kind, left, right, value } of steps) {
          const [a, b] = [alive[left % alive.length], alive[right % alive.length]];
          const length = 5;
          if (kind === "new" || a === undefined || b === undefined) {
            hold(device.tensor(new Array<number>(length).fill(value), [length]), new Array<number>(length).fill(value));
          } else if (kind === "add") {
            hold(
              affine(add(a.tensor, b.tensor), 0.5, 0),
              a.expected.map((x, index) => 0.5 * (x + b.expected[index]!)),
            );
          } else if (kind === "subtract") {
            hold(
              subtract(a.tensor, b.tensor),
              a.expected.map((x, index) => x - b.expected[index]!),
            );
          } else if (kind === "affine") {
            hold(
              affine(a.tensor, 0.5, value),
              a.expected.map((x) => 0.5 * x + value),
            );
          } else if (kind === "adamw") {
            // In place: the parameter's memory comes back with the weights decayed by half and no gradient.
            const zeros = () => device.tensor(new Array<number>(length).fill(0), [length]);
            const attrs = { learningRate: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 1, weightDecay: 1, step: 1 };
            const state = { parameter: a.tensor, m: zeros(), v: zeros() };
            const next = adamw(state, zeros(), device.tensor([1], []), attrs);
            alive.splice(alive.indexOf(a), 1);
            hold(
              next.parameter,
              a.expected.map((x) => 0.5 * x),
            );
          } else {
            early.push({ values: a.tensor.read(), expected: a.expected });
            a.tensor.dispose();
            alive.splice(alive.indexOf(a), 1);
          }
        }
        for (const { values, expected } of early) checkClose("a tensor freed while read", await values, expected, 1e-4);
        for (const { tensor, expected } of alive) {
          checkClose("a held tensor", await tensor.read(), expected, 1e-4);
          tensor.dispose();
        }
      }),
      { seed, numRuns: 15 },
    );
    device.dispose();
  });

  it("submits long recordings in parts", async () => {
    const device = await openDevice("webgpu");
    const one = device.tensor([1], [1]);
    const sum = device.scope(() => {
      let total = device.tensor([0], [1]);
      for (let count = 0; count < 1000; count++) total = add(total, one);
      return total;
    });
    expect([...(await sum.read())]).toEqual([1000]);
    device.dispose();
  });

  it("allocates nothing new for a step that repeats", async () => {
    const backend = await openWebGpuBackend({});
    const device = createDevice(backend, "test");
    const weight = device.tensor(new Float32Array(7 * 5).fill(0.5), [7, 5]);
    const step = async () => {
      const out = device.scope(() =>
        sumTo(
          multiply(
            matmul(device.tensor(new Float32Array(3 * 7).fill(1), [3, 7]), weight),
            weight.device.tensor([2], [1]),
          ),
          [],
        ),
      );
      const values = await out.read();
      out.dispose();
      return values[0];
    };
    expect(await step()).toBe(105);
    await step();
    const before = backend.bufferCount;
    for (let count = 0; count < 10; count++) expect(await step()).toBe(105);
    expect(backend.bufferCount).toBe(before);
    device.dispose();
  });

  it("fails the next call and read after an error the GPU reports", async () => {
    const device = await openDevice("webgpu");
    const x = device.tensor([1], [1]);
    const broken = faultyOp(() => ({
      passes: [
        {
          label: "broken",
          code: "@group(0) @binding(0) var<storage, read_write> Y: array<f32>; not wgsl",
          bindings: [output(0)],
          uniforms: [],
          workgroups: [1, 1, 1],
        },
      ],
    }));
    let reading: Promise<unknown> = Promise.resolve();
    try {
      reading = apply(broken, [x], null)[0]!.read();
    } catch (error) {
      reading = Promise.reject(error);
    }
    await expect(reading).rejects.toThrow(DeviceError);
    await expect(x.read()).rejects.toThrow("Cannot go on with the webgpu device");
    expect(() => device.tensor([1], [1])).toThrow(DeviceError);
    device.dispose();
  });

  it("refuses to bind what a pass writes twice, before anything runs", async () => {
    const device = await openDevice("webgpu");
    const x = device.tensor([1], [1]);
    const code = `@group(0) @binding(0) var<storage, read_write> A: array<f32>;
@group(0) @binding(1) var<storage, read_write> B: array<f32>;
@compute @workgroup_size(1) fn main() { A[0] = B[0]; }`;
    const twice = faultyOp(() => ({
      passes: [{ label: "twice", code, bindings: [output(0), output(0)], uniforms: [], workgroups: [1, 1, 1] }],
    }));
    expect(() => apply(twice, [x], null)).toThrow("bound twice");
    expect([...(await x.read())]).toEqual([1]);
    device.dispose();
  });

  it.skipIf(!existsSync(built))("lets a script end by itself, whatever is in flight", async () => {
    const endings = ["console.log([...(await sum.read())].join());", "sum.read().catch(() => {}); device.dispose();"];
    for (const ending of [endings[0]!, `${endings[0]} device.dispose();`, endings[1]!]) {
      const script = `
        import { add, openDevice } from ${JSON.stringify(built)};
        const device = await openDevice("webgpu");
        const x = device.tensor([1, 2], [2]);
        const sum = add(x, x);
        ${ending}`;
      // Rejects on another exit code than 0, on a signal, and where the script has to be killed.
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
        timeout: 30_000,
      });
      if (ending !== endings[1]) expect(stdout.trim()).toBe("2,4");
    }
  });
});

describe("adapters", () => {
  it("that compute on the CPU are known by their own word or by name", () => {
    expect(isSoftware({ isFallbackAdapter: true, description: "a GPU" })).toBe(true);
    expect(isSoftware({ description: "a GPU" }, { isFallbackAdapter: true })).toBe(true);
    for (const description of [
      "llvmpipe: Mesa",
      "lavapipe",
      "SwiftShader Device",
      "softpipe",
      "Microsoft Basic Render Driver",
    ]) {
      expect(isSoftware({ description })).toBe(true);
    }
    expect(isSoftware({ vendor: "mesa", architecture: "swiftshader" })).toBe(true);
    expect(isSoftware({ description: "NVIDIA RTX 4090", vendor: "nvidia", architecture: "ada" })).toBe(false);
  });

  it.skipIf(!available)("that compute on the CPU are refused where hardware is required", async () => {
    const { gpuDevice } = await ownDevice();
    const software = isSoftware(gpuDevice.adapterInfo);
    const opening = openWebGpuBackend({ gpuDevice, requireHardware: true });
    if (software) await expect(opening).rejects.toThrow("allowSoftwareAdapter");
    else (await opening).dispose();
    gpuDevice.destroy();
  });
});

describe("sizeClass()", () => {
  it(`fits, is idempotent, grows with the size, and wastes at most half, an eighth, or nothing (seed ${seed})`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), fc.nat({ max: 4096 }), (size, more) => {
        const capacity = sizeClass(size);
        expect(capacity).toBeGreaterThanOrEqual(size);
        expect(capacity % 256).toBe(0);
        expect(sizeClass(capacity)).toBe(capacity);
        expect(sizeClass(size + more)).toBeGreaterThanOrEqual(capacity);
        if (size > 256)
          expect(capacity).toBeLessThan(size <= 1 << 20 ? 2 * size : size <= 16 << 20 ? 1.125 * size + 1 : size + 256);
      }),
      { seed, numRuns: 300 },
    );
  });
});
