// The sweeps: what is varied, what one run does, and how many multiply-adds the counts say it takes. Knows no fit.
import { type AttentionGateParams, attentionGate, printedGateLogits } from "@dual-head/gating";
import { createBasePolicy } from "@dual-head/methods";
import type { DecodePolicy } from "@dual-head/sampler";
import { type Device, leavesOf, project, segmentsOf, type Tensor } from "@dual-head/tensor-core";
import { tokenOperations } from "@dual-head/theorems";
import { createBarrier } from "../benchmark.ts";
import { createRandomLlama, randomTensor, randomTokens } from "../random-model.ts";

/** Extents of one point. */
export interface Point {
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly length: number;
  readonly gateWidth: number;
  readonly gateHeads: number;
}

/** Work on a device at one point; disposing it frees everything. */
export interface Work extends Disposable {
  readonly run: () => Promise<void>;
}

/** One sweep. */
export interface Sweep {
  readonly name: string;
  /** The extent that varies, and its values; the quick ones show that it runs. */
  readonly variable: keyof Point;
  readonly values: readonly number[];
  readonly quick: readonly number[];
  readonly fixed: Partial<Point>;
  /** Multiply-adds of one run. */
  readonly count: (point: Point) => number;
  readonly create: (device: Device, point: Point) => Promise<Work>;
}

const defaults: Point = { hiddenSize: 1024, vocabSize: 32000, length: 512, gateWidth: 320, gateHeads: 8 };
/** Rows of queries in a segment: training computes many at a time. */
const segmentQueries = 64;

/** The point of a sweep at one value of its variable. */
export function pointOf(sweep: Sweep, value: number): Point {
  return { ...defaults, ...sweep.fixed, [sweep.variable]: value };
}

function workOf(
  device: Device,
  tensors: readonly Tensor[],
  body: () => Tensor,
  resources: readonly Disposable[] = [],
): Work {
  const barrier = createBarrier(device);
  return {
    async run() {
      body().dispose();
      await barrier.settle();
    },
    [Symbol.dispose]() {
      for (const each of [...tensors, ...resources, barrier]) each[Symbol.dispose]();
    },
  };
}

/** Logits of `headCount` heads for one token. */
const heads =
  (headCount: number) =>
  async (device: Device, { hiddenSize, vocabSize }: Point) => {
    const features = randomTensor(device, [1, hiddenSize], 1, 1);
    const weights = Array.from({ length: headCount }, (_, head) =>
      randomTensor(device, [vocabSize, hiddenSize], 0.05, 2 + head),
    );
    return workOf(device, [features, ...weights], () => project(weights.map((weight) => ({ features, weight }))));
  };

function createGate(device: Device, { hiddenSize, gateWidth, gateHeads }: Point) {
  const gate = attentionGate({ hiddenSize, width: gateWidth, headCount: gateHeads });
  const params = gate.init(device, 1);
  const leaves = leavesOf<Tensor>(params).map(({ leaf }) => device.keep(leaf));
  return { gate, params, leaves };
}

/** One token of the folded gate behind T − 1 others. */
async function foldedStep(device: Device, point: Point): Promise<Work> {
  const { gate, params, leaves } = createGate(device, point);
  const folded = gate.fold(params);
  const own = leavesOf<Tensor>(folded).map(({ leaf }) => device.keep(leaf));
  const history = gate.createHistory(device, { slotCount: 1, capacity: point.length });
  const slot = history.open();
  const rows = point.length - 1;
  const past = randomTensor(device, [rows, point.hiddenSize], 1, 3);
  const positions = Uint32Array.from({ length: rows }, (_, at) => at);
  gate.extend(folded, past, { slots: new Uint32Array(rows).fill(slot), positions }, history).dispose();
  past.dispose();
  const token = randomTensor(device, [1, point.hiddenSize], 1, 4);
  const body = () => {
    history.truncate(slot, rows);
    return gate.extend(folded, token, { slots: Uint32Array.of(slot), positions: Uint32Array.of(rows) }, history);
  };
  // Folded parameters share leaves with the trained ones; freeing twice is harmless.
  return workOf(device, [...leaves, ...own, token], body, [history]);
}

/** The gate as printed over a segment of T rows, for its last rows. */
async function printedSegment(device: Device, point: Point): Promise<Work> {
  const { params, leaves } = createGate(device, point);
  const hidden = randomTensor(device, [point.length, point.hiddenSize], 1, 3);
  const rows = Uint32Array.from({ length: segmentQueries }, (_, at) => point.length - segmentQueries + at);
  const body = () =>
    device.scope(() =>
      printedGateLogits(params as AttentionGateParams, point.gateHeads, hidden, segmentsOf([point.length]), rows),
    );
  return workOf(device, [...leaves, hidden], body);
}

/** Keys and values of T rows, queries, outputs and attention of the last ones. */
function printedOperations({ hiddenSize, gateWidth, length }: Point): number {
  const attended = Array.from({ length: segmentQueries }, (_, at) => length - at).reduce((sum, each) => sum + each, 0);
  return 2 * hiddenSize * gateWidth * (length + segmentQueries) + 2 * gateWidth * attended;
}

const model = { hiddenSize: 288, layerCount: 6, vocabSize: 512, feedForwardSize: 768, headCount: 6, groupCount: 6 };
const blockWeights = model.layerCount * (4 * model.hiddenSize ** 2 + 3 * model.hiddenSize * model.feedForwardSize);
const headWeights = model.hiddenSize * model.vocabSize;
const attentionOf = (keys: number) => 2 * model.layerCount * model.hiddenSize * keys;

/** Runs a policy of a small model; `prepare` gives what one run does, ending with logits on the host. */
function modelWork(
  device: Device,
  { length }: Point,
  prepare: (policy: DecodePolicy, tokens: readonly number[]) => Promise<() => Promise<void>>,
): Promise<Work> {
  // Steps of decoding lengthen the sequence by one a run, which is little beside its length.
  const capacity = length + mostRuns;
  const llama = createRandomLlama(device, { ...model, maxTokens: capacity });
  const { backbone, params } = llama;
  const policy = createBasePolicy({ backbone, params, device, slotCount: 1, capacity });
  const dispose = () => {
    policy[Symbol.dispose]();
    llama[Symbol.dispose]();
  };
  return prepare(policy, [...randomTokens(model.vocabSize, length, 1)]).then((run) => ({
    run,
    [Symbol.dispose]: dispose,
  }));
}

const mostRuns = 32;

const prefill = (device: Device, point: Point) =>
  modelWork(device, point, async (policy, tokens) => async () => {
    const sequence = policy.open();
    const [step] = await policy.advance([{ sequence, tokens }]);
    await step!.logits();
    policy.close(sequence);
  });

const decodeStep = (device: Device, point: Point) =>
  modelWork(device, point, async (policy, tokens) => {
    const sequence = policy.open();
    await policy.advance([{ sequence, tokens: tokens.slice(1) }]);
    return async () => {
      const [step] = await policy.advance([{ sequence, tokens: tokens.slice(0, 1) }]);
      await step!.logits();
    };
  });

const lengths = [64, 128, 256, 512, 1024, 2048];
const quickLengths = [64, 96];
const folded = (point: Point) => tokenOperations(point, point.length).gateFolded;

/** Every sweep, in the order of the report. */
export const sweeps: readonly Sweep[] = [
  ...[1, 2].map(
    (headCount): Sweep => ({
      name: headCount === 1 ? "one head" : "both heads",
      variable: "vocabSize",
      values: [2000, 4000, 8000, 16000, 32000],
      quick: [50, 100],
      fixed: { hiddenSize: 512 },
      count: (point) => headCount * tokenOperations(point, 1).head,
      create: heads(headCount),
    }),
  ),
  ...(
    [
      ["length", [512, 1024, 2048, 4096, 8192], quickLengths, {}],
      ["hiddenSize", [512, 1024, 2048, 4096], [16, 32], { length: 256 }],
      ["gateWidth", [160, 320, 640, 1280], [16, 32], { hiddenSize: 2048, length: 256 }],
      ["gateHeads", [1, 2, 4, 8, 16], [1, 2], { hiddenSize: 2048, length: 256 }],
    ] as const
  ).map(
    ([variable, values, quick, fixed]): Sweep => ({
      ...{ name: "gate folded, one token", variable, values, quick, fixed, count: folded, create: foldedStep },
    }),
  ),
  ...(
    [
      ["length", [128, 256, 512, 1024], quickLengths, {}],
      ["hiddenSize", [256, 512, 1024, 2048], [16, 32], { length: 256 }],
      ["gateWidth", [160, 320, 640, 1280], [16, 32], { length: 256 }],
      ["gateHeads", [1, 2, 4, 8, 16], [1, 2], { length: 256 }],
    ] as const
  ).map(
    ([variable, values, quick, fixed]): Sweep => ({
      ...{ name: `gate as printed, ${segmentQueries} rows of a segment`, variable, values, quick, fixed },
      ...{ count: printedOperations, create: printedSegment },
    }),
  ),
  {
    ...{ name: "prefill of a 288×6 model", variable: "length", values: lengths, quick: quickLengths, fixed: {} },
    count: ({ length }) => blockWeights * length + (attentionOf(length) * (length + 1)) / 2 + headWeights,
    create: prefill,
  },
  {
    ...{ name: "decode step of a 288×6 model", variable: "length", values: lengths, quick: quickLengths, fixed: {} },
    count: ({ length }) => blockWeights + headWeights + attentionOf(length),
    create: decodeStep,
  },
];
