// Opening, choosing and disposing cpu devices, and the promise that threads change no bit.
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Device, openDevice } from "../../device.ts";
import { apply } from "../../dispatch.ts";
import { DeviceError } from "../../errors.ts";
import { adamwOp } from "../../ops/adamw/op.ts";
import { affineOp } from "../../ops/affine/op.ts";
import { attentionGradOp, attentionOp } from "../../ops/attention/op.ts";
import { add, binaryOp } from "../../ops/binary/op.ts";
import { type BinaryName, binaryTable } from "../../ops/binary/table.ts";
import { broadcastToOp, sumToOp } from "../../ops/broadcast/op.ts";
import { gatherRowsOp, scatterAddRowsOp } from "../../ops/gather-rows/op.ts";
import { layerNormGradOp, layerNormOp } from "../../ops/layer-norm/op.ts";
import { linearCrossEntropyGradOp, linearCrossEntropyOp } from "../../ops/linear-cross-entropy/op.ts";
import { logSoftmaxOp } from "../../ops/log-softmax/op.ts";
import { matmulOp } from "../../ops/matmul/op.ts";
import type { OpDefinition } from "../../ops/op.ts";
import { projectOp } from "../../ops/project/op.ts";
import { projectTopKOp } from "../../ops/project-top-k/op.ts";
import { rmsNormGradOp, rmsNormOp } from "../../ops/rms-norm/op.ts";
import { ropeOp } from "../../ops/rope/op.ts";
import { swigluOp } from "../../ops/swiglu/op.ts";
import { topKOp } from "../../ops/top-k/op.ts";
import { unaryOp } from "../../ops/unary/op.ts";
import { type UnaryName, unaryTable } from "../../ops/unary/table.ts";
import { writeRowsOp } from "../../ops/write-rows/op.ts";
import type { NumericArray } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";

/** Makes the inputs of one call, large enough to be cut into chunks. */
type Inputs = (device: Device) => Tensor[];

const wave = (device: Device, shape: readonly number[], pace: number) =>
  device.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(pace * (index + 1))),
    shape,
  );
const rows = (device: Device, count: number, bound: number) =>
  device.tensor(
    Uint32Array.from({ length: count }, (_, index) => (index * 7919) % bound),
    [count],
  );
const attentionInputs = (device: Device): Tensor[] => {
  const ranges = Uint32Array.from({ length: 2 * 211 }, (_, index) =>
    index % 2 === 0 ? (index * 3) % 101 : 101 + (index % 173),
  );
  return [
    wave(device, [211, 66], 0.3),
    wave(device, [307, 33], 0.7),
    wave(device, [307, 51], 1.1),
    device.tensor(ranges, [211, 2]),
  ];
};
const attentionAttrs = { headCount: 6, groupCount: 3, scale: 0.3 };
const terms = (device: Device): Tensor[] => [
  wave(device, [601, 67], 0.1),
  wave(device, [2503, 67], 0.2),
  wave(device, [601, 5], 0.3),
  wave(device, [2503, 5], 0.4),
];

const calls: readonly (readonly [string, OpDefinition<never>, unknown, Inputs])[] = [
  ...[false, true].flatMap((transposeA) =>
    [false, true].flatMap((transposeB) =>
      [3, 211].map((rowCount) =>
        entry(`matmul ${rowCount} ${transposeA} ${transposeB}`, matmulOp, { transposeA, transposeB }, (device) => [
          wave(device, transposeA ? [521, rowCount] : [rowCount, 521], 0.37),
          wave(device, transposeB ? [317, 521] : [521, 317], 0.73),
        ]),
      ),
    ),
  ),
  entry("project", projectOp, {}, terms),
  ...[0, 2048, 2503].flatMap((saved) => [
    entry(`linearCrossEntropy ${saved}`, linearCrossEntropyOp, { saved }, (device) => [
      rows(device, 601, 2503),
      ...terms(device),
    ]),
    entry(
      `linearCrossEntropyGrad ${saved}`,
      linearCrossEntropyGradOp,
      { needs: [true, true, true, true] },
      (device) => [
        wave(device, [601], 0.9),
        wave(device, [601], 0.01),
        wave(device, [601, saved], 0.7),
        rows(device, 601, 2503),
        ...terms(device),
      ],
    ),
  ]),
  entry("attention", attentionOp, attentionAttrs, attentionInputs),
  entry("attentionGrad", attentionGradOp, attentionAttrs, (device) => [
    ...attentionInputs(device),
    wave(device, [211, 102], 0.5),
    wave(device, [211, 6], 0.02),
    wave(device, [211, 102], 0.6),
  ]),
  entry("rmsNorm", rmsNormOp, { epsilon: 1e-5 }, (device) => [wave(device, [503, 257], 0.3), wave(device, [257], 0.5)]),
  entry("rmsNormGrad", rmsNormGradOp, { epsilon: 1e-5 }, (device) => [
    wave(device, [503, 257], 0.3),
    wave(device, [257], 0.5),
    wave(device, [503, 257], 0.7),
  ]),
  entry("layerNorm", layerNormOp, { epsilon: 1e-5 }, (device) => [
    wave(device, [503, 257], 0.3),
    wave(device, [257], 0.5),
    wave(device, [257], 0.2),
  ]),
  entry("layerNormGrad", layerNormGradOp, { epsilon: 1e-5 }, (device) => [
    wave(device, [503, 257], 0.3),
    wave(device, [257], 0.5),
    wave(device, [503, 257], 0.7),
  ]),
  entry("rope", ropeOp, { inverse: false, headSize: 38 }, (device) => [
    wave(device, [503, 190], 0.3),
    wave(device, [503, 38], 0.5),
  ]),
  entry("swiglu", swigluOp, {}, (device) => [wave(device, [211, 257], 3), wave(device, [211, 257], 0.5)]),
  entry("logSoftmax", logSoftmaxOp, {}, (device) => [wave(device, [101, 1009], 0.3)]),
  entry("projectTopK", projectTopKOp, { count: 40 }, terms),
  entry("projectTopK of one row", projectTopKOp, { count: 40 }, (device) => [
    wave(device, [1, 67], 0.1),
    wave(device, [20_011, 67], 0.2),
  ]),
  entry("topK", topKOp, { count: 40 }, (device) => [wave(device, [101, 1009], 0.3)]),
  entry("affine", affineOp, { scale: 3, shift: 1 }, (device) => [wave(device, [503, 257], 0.3)]),
  ...(Object.keys(unaryTable) as UnaryName[]).map((name) =>
    entry(`unary ${name}`, unaryOp, { name }, (device) => [wave(device, [211, 257], 0.3)]),
  ),
  ...(Object.keys(binaryTable) as BinaryName[]).flatMap((name) =>
    [
      [
        [503, 257],
        [503, 257],
      ],
      [[503, 257], [257]],
      [
        [503, 1],
        [503, 257],
      ],
      [[503, 257], []],
    ].map(([a, b], index) =>
      entry(`binary ${name} ${index}`, binaryOp, { name }, (device) => [wave(device, a!, 0.3), wave(device, b!, 0.7)]),
    ),
  ),
  entry("broadcastTo rows", broadcastToOp, { shape: [503, 257] }, (device) => [wave(device, [257], 0.3)]),
  entry("broadcastTo columns", broadcastToOp, { shape: [503, 257] }, (device) => [wave(device, [503, 1], 0.3)]),
  entry("sumTo scalar", sumToOp, { shape: [] }, (device) => [wave(device, [503, 257], 0.3)]),
  entry("sumTo rows", sumToOp, { shape: [503, 1] }, (device) => [wave(device, [503, 257], 0.3)]),
  entry("sumTo columns", sumToOp, { shape: [257] }, (device) => [wave(device, [503, 257], 0.3)]),
  entry("gatherRows", gatherRowsOp, {}, (device) => [wave(device, [101, 257], 0.3), rows(device, 503, 101)]),
  entry("scatterAddRows", scatterAddRowsOp, { rowCount: 101 }, (device) => [
    wave(device, [503, 257], 0.3),
    rows(device, 503, 101),
  ]),
  entry("writeRows", writeRowsOp, {}, (device) => [
    wave(device, [503, 257], 0.3),
    wave(device, [401, 257], 0.5),
    rows(device, 401, 503),
  ]),
  entry(
    "adamw",
    adamwOp,
    { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, step: 3 },
    (device) => [...[0.1, 0.2, 0, 0.3].map((pace) => wave(device, [503, 257], pace)), wave(device, [], 1)],
  ),
];

function entry<Attrs>(
  label: string,
  op: OpDefinition<Attrs>,
  attrs: Attrs,
  inputs: Inputs,
): readonly [string, OpDefinition<never>, unknown, Inputs] {
  return [label, op as OpDefinition<never>, attrs, inputs];
}

async function bitsOf(
  device: Device,
  op: OpDefinition<never>,
  attrs: unknown,
  inputs: Inputs,
): Promise<NumericArray[]> {
  const outputs = device.scope(() => apply(op, inputs(device), attrs as never));
  const bits: NumericArray[] = [];
  for (const output of outputs) {
    bits.push(await output.read());
    output.dispose();
  }
  return bits;
}

function sameBits(a: NumericArray, b: NumericArray): boolean {
  const [left, right] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)];
  return left.length === right.length && left.every((word, index) => word === right[index]);
}

describe("the cpu device with 1, 2 and 3 threads", () => {
  const devices: Device[] = [];
  beforeAll(async () => {
    for (const threads of [1, 2, 3]) devices.push(await openDevice("cpu", { threads }));
  });
  afterAll(() => {
    for (const device of devices) {
      expect(device.stats.liveBuffers).toBe(0);
      device.dispose();
    }
  });
  it.each(calls)("gives the same bits for %s", async (_, op, attrs, inputs) => {
    const expected = await bitsOf(devices[0]!, op, attrs, inputs);
    for (const device of devices) {
      for (const [index, bits] of (await bitsOf(device, op, attrs, inputs)).entries())
        expect(sameBits(bits, expected[index]!)).toBe(true);
    }
  });
});

describe('openDevice("cpu")', () => {
  it.each(["simd", "relaxed", "relaxed-dots"])("runs variant %s where it is asked for", async (variant) => {
    using device = await openDevice("cpu", { threads: 1, variant });
    expect(device.info.variant).toBe(variant);
    using sum = add(device.tensor([1, 2, 3], [3]), device.tensor([10], [1]));
    expect([...(await sum.read())]).toEqual([11, 12, 13]);
  });

  it("throws a DeviceError for a variant it does not know, and for no whole number of threads", async () => {
    await expect(openDevice("cpu", { variant: "avx" })).rejects.toThrow(DeviceError);
    await expect(openDevice("cpu", { variant: "avx" })).rejects.toThrow(
      'kernel variant "avx" is unknown; choose one of wide-dots, wide, relaxed-dots, relaxed, simd',
    );
    for (const threads of [0, -1, 1.5, Number.NaN, 65]) {
      await expect(openDevice("cpu", { threads })).rejects.toThrow(DeviceError);
    }
  });

  it("has one thread where memory cannot be shared", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    try {
      using device = await openDevice("cpu", { threads: 2 });
      expect(device.info.threads).toBe(1);
      using sum = add(device.tensor([1], [1]), device.tensor([2], [1]));
      expect([...(await sum.read())]).toEqual([3]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("reads copies, and leaves no buffer behind once tensors are disposed", async () => {
    using device = await openDevice("cpu", { threads: 2 });
    const x = device.tensor([1, 2, 3], [3]);
    const values = await x.read();
    values.fill(0);
    expect([...(await x.read())]).toEqual([1, 2, 3]);
    device.scope(() => add(x, x)).dispose();
    x.dispose();
    expect(device.stats).toMatchObject({ liveBuffers: 0, bytes: 0 });
  });

  it("keeps devices apart and refuses work after dispose", async () => {
    const devices = await Promise.all([2, 2, 2].map((threads) => openDevice("cpu", { threads })));
    const tensors = devices.map((device, index) => device.tensor([index, index], [2]));
    devices[1]!.dispose();
    expect(() => devices[1]!.tensor([1], [1])).toThrow(DeviceError);
    await expect(tensors[1]!.read()).rejects.toThrow(DeviceError);
    expect(() => tensors[1]!.dispose()).not.toThrow();
    expect([...(await tensors[0]!.read())]).toEqual([0, 0]);
    expect([...(await tensors[2]!.read())]).toEqual([2, 2]);
    for (const device of devices) device.dispose();
  });
});
