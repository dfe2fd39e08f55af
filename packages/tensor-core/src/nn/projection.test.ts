// Terms of weighted heads against logits computed one head at a time; exactness at coefficient 0.
import { describe, expect, it } from "vitest";
import type { Device } from "../device.ts";
import { matmul } from "../ops/matmul/op.ts";
import { project } from "../ops/project/op.ts";
import { checkClose, sharedDevice, testDeviceNames } from "../testing/index.ts";
import { type Projection, projectionTerms } from "./projection.ts";

const [rowCount, hiddenSize, vocabSize, rank] = [5, 7, 11, 3];
const wave = (size: number, pace: number) => Array.from({ length: size }, (_, index) => Math.sin(pace * (index + 1)));

function plainHead(device: Device): Projection & { kind: "linear" } {
  const weight = device.tensor(wave(vocabSize * hiddenSize, 0.77), [vocabSize, hiddenSize]);
  return { kind: "linear", weight, bias: null };
}

describe.each(testDeviceNames)("projectionTerms() on %s", (deviceName) => {
  it("weights linear heads, biases and low-rank deltas, computing a shared base once", async () => {
    const device = await sharedDevice(deviceName);
    const hidden = device.tensor(wave(rowCount * hiddenSize, 0.31), [rowCount, hiddenSize]);
    const lm = plainHead(device);
    const linear: Projection = {
      kind: "linear",
      weight: device.tensor(wave(vocabSize * hiddenSize, 1.3), [vocabSize, hiddenSize]),
      bias: device.tensor(wave(vocabSize, 2.1), [vocabSize, 1]),
    };
    const delta: Projection = {
      kind: "low-rank-delta",
      base: lm,
      a: device.tensor(wave(rank * hiddenSize, 0.9), [rank, hiddenSize]),
      b: device.tensor(wave(vocabSize * rank, 0.6), [vocabSize, rank]),
    };
    const c = [0.5, 0, 1, 0.25, 2];
    const d = [0.5, 1, 0, 0.5, -1];
    const coefficients = [device.tensor(c, [rowCount]), device.tensor(d, [rowCount])] as const;
    const terms = projectionTerms(hidden, [
      { projection: lm, coefficient: null },
      { projection: linear, coefficient: coefficients[0] },
      { projection: delta, coefficient: coefficients[1] },
    ]);
    expect(terms.length).toBe(4);
    const z = await project(terms).read();
    const zLm = await matmul(hidden, lm.weight, { transposeB: true }).read();
    const zLinear = await matmul(hidden, linear.weight, { transposeB: true }).read();
    const zDelta = await matmul(matmul(hidden, delta.a, { transposeB: true }), delta.b, { transposeB: true }).read();
    const expected = Array.from(zLm, (value, index) => {
      const [row, token] = [Math.floor(index / vocabSize), index % vocabSize];
      return value + c[row]! * (zLinear[index]! + wave(vocabSize, 2.1)[token]!) + d[row]! * (value + zDelta[index]!);
    });
    checkClose("logits", z, expected, 1e-5);
  });

  it("adds up what one weight reads, hidden states and heads' own features, into one product", async () => {
    const device = await sharedDevice(deviceName);
    const hidden = device.tensor(wave(rowCount * hiddenSize, 0.31), [rowCount, hiddenSize]);
    const lm = plainHead(device);
    const features = [0.9, 0.4].map((pace) => device.tensor(wave(rowCount * hiddenSize, pace), [rowCount, hiddenSize]));
    const coefficients = [
      [1, 0.25, -1, 0, 3],
      [0.5, 0, 1, 0.25, 2],
      [0.5, 1, 0, 0.5, -1],
    ];
    const coefficient = (at: number) => device.tensor(coefficients[at]!, [rowCount]);
    const terms = projectionTerms(hidden, [
      { projection: lm, coefficient: coefficient(0) },
      ...features.map((own, at) => ({
        projection: { kind: "features", base: lm, features: own } as const,
        coefficient: coefficient(at + 1),
      })),
    ]);
    expect(terms.map(({ weight }) => weight)).toEqual([lm.weight]);
    const [weights, ...read] = await Promise.all([lm.weight, hidden, ...features].map((tensor) => tensor.read()));
    const expected = Array.from({ length: rowCount * vocabSize }, (_, at) => {
      const [row, token] = [Math.floor(at / vocabSize), at % vocabSize];
      let sum = 0;
      for (let d = 0; d < hiddenSize; d++) {
        const mixed = read.reduce((total, own, j) => total + coefficients[j]![row]! * own[row * hiddenSize + d]!, 0);
        sum += weights![token * hiddenSize + d]! * mixed;
      }
      return sum;
    });
    checkClose("logits", await project(terms).read(), expected, 1e-5);
  });

  it("gives the base's very bits where a head's coefficient is 0", async () => {
    const device = await sharedDevice(deviceName);
    const hidden = device.tensor(wave(rowCount * hiddenSize, 0.31), [rowCount, hiddenSize]);
    const head = (pace: number): Projection => ({
      kind: "linear",
      weight: device.tensor(wave(vocabSize * hiddenSize, pace), [vocabSize, hiddenSize]),
      bias: null,
    });
    const [lm, reward] = [head(0.77), head(1.3)];
    const constant = (value: number) => device.tensor(new Array<number>(rowCount).fill(value), [rowCount]);
    const base = await project(projectionTerms(hidden, [{ projection: lm, coefficient: null }])).read();
    const mixed = await project(
      projectionTerms(hidden, [
        { projection: lm, coefficient: constant(1) },
        { projection: reward, coefficient: constant(0) },
      ]),
    ).read();
    expect([...mixed]).toEqual([...base]);
  });
});
