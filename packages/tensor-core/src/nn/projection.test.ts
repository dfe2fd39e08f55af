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

  it("adds residuals to the features of their base, with which they are one product", async () => {
    const device = await sharedDevice(deviceName);
    const hidden = device.tensor(wave(rowCount * hiddenSize, 0.31), [rowCount, hiddenSize]);
    const lm = plainHead(device);
    const residual = (pace: number): Projection & { kind: "residual" } => ({
      kind: "residual",
      base: lm,
      a: device.tensor(wave(rank * hiddenSize, pace), [rank, hiddenSize]),
      b: device.tensor(wave(hiddenSize * rank, 2 * pace), [hiddenSize, rank]),
    });
    const heads = [residual(0.9), residual(0.4)];
    const coefficients = [
      [0.5, 0, 1, 0.25, 2],
      [0.5, 1, 0, 0.5, -1],
    ];
    const terms = projectionTerms(hidden, [
      { projection: lm, coefficient: null },
      ...heads.map((projection, at) => ({ projection, coefficient: device.tensor(coefficients[at]!, [rowCount]) })),
    ]);
    expect(terms.map(({ weight }) => weight)).toEqual([lm.weight]);
    const rowsOf = async ({ a, b }: (typeof heads)[number]) => {
      const [x, first, second] = [await hidden.read(), await a.read(), await b.read()];
      return Array.from({ length: rowCount * hiddenSize }, (_, at) => {
        const [row, out] = [Math.floor(at / hiddenSize), at % hiddenSize];
        let sum = x[at]!;
        for (let k = 0; k < rank; k++) {
          let unit = 0;
          for (let d = 0; d < hiddenSize; d++) unit += first[k * hiddenSize + d]! * x[row * hiddenSize + d]!;
          sum += (second[out * rank + k]! * unit) / (1 + Math.exp(-unit));
        }
        return sum;
      });
    };
    const [x, ...features] = [[...(await hidden.read())], await rowsOf(heads[0]!), await rowsOf(heads[1]!)];
    const weights = await lm.weight.read();
    const expected = Array.from({ length: rowCount * vocabSize }, (_, at) => {
      const [row, token] = [Math.floor(at / vocabSize), at % vocabSize];
      let sum = 0;
      for (let d = 0; d < hiddenSize; d++) {
        const [place, own] = [row * hiddenSize + d, x[row * hiddenSize + d]!];
        const mixed = features.reduce((total, each, head) => total + coefficients[head]![row]! * each[place]!, own);
        sum += weights[token * hiddenSize + d]! * mixed;
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
