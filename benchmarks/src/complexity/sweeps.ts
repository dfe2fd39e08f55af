// The sweeps: what is varied, what one run does, and how many multiply-adds the counts say it takes. Knows no fit.
import { type AttentionGateParams, attentionGate, printedGateLogits } from "@dual-head/gating";
import { linearHead } from "@dual-head/heads";
import { createBasePolicy, createDualHeadPolicy } from "@dual-head/methods";
import type { DecodePolicy } from "@dual-head/sampler";
import { type Device, leavesOf, project, segmentsOf, type Tensor } from "@dual-head/tensor-core";
import { backboneCacheNumbers, backboneParameters, tokenOperations } from "@dual-head/theorems";
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
  /** Bytes of the gate's history alone, where the work has one. */
  readonly cacheBytes?: number;
}

/** Work at a point, and how much of it there is. */
export interface Measured {
  /** Multiply-adds of one run. */
  readonly count: (point: Point) => number;
  readonly create: (device: Device, point: Point) => Promise<Work>;
}

/** One sweep. */
export interface Sweep extends Measured {
  readonly name: string;
  /** The extent that varies, and its values; the quick ones show that it runs. */
  readonly variable: keyof Point;
  readonly values: readonly number[];
  readonly quick: readonly number[];
  readonly fixed: Partial<Point>;
  /** Work that the variable does not touch, run in the same rounds so that shares can be taken within them. */
  readonly beside?: Measured;
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
  const before = device.stats.bytes;
  const history = gate.createHistory(device, { slotCount: 1, capacity: point.length });
  const cacheBytes = device.stats.bytes - before;
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
  return { ...workOf(device, [...leaves, ...own, token], body, [history]), cacheBytes };
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

/** The last rows as printed, and of every row before them its key and value: half of the four projections. */
function printedOperations(point: Point): number {
  const earlier = point.length - segmentQueries;
  const own = Array.from({ length: segmentQueries }, (_, at) => tokenOperations(point, earlier + at + 1).gatePrinted);
  return own.reduce((sum, each) => sum + each, (earlier * tokenOperations(point, 0).gatePrinted) / 2);
}

const model = { hiddenSize: 288, layerCount: 6, vocabSize: 512, feedForwardSize: 768, headCount: 6, groupCount: 6 };
const modelGate = { width: 96, headCount: 8 };
const { head: headWeights } = tokenOperations({ ...model, gateWidth: 0, gateHeads: 0 }, 0);
/** Matrices of the layers: all parameters but embedding, head and norms. */
const blockWeights = backboneParameters(model) - 2 * headWeights - (2 * model.layerCount + 1) * model.hiddenSize;
/** Each number of the cache takes part in one multiply-add. */
const attentionOf = (keys: number) => backboneCacheNumbers(model, keys);
const modelGateOperations = (keys: number) =>
  tokenOperations({ ...model, gateWidth: modelGate.width, gateHeads: modelGate.headCount }, keys).gateFolded;

const policies = { base: 0, "dual-head": 1 } as const;
type PolicyName = keyof typeof policies;
/** No sweep has more runs: steps of decoding lengthen the sequence by one a run, which is little beside its length. */
const mostRuns = 32;

type Prepare = (policy: DecodePolicy, tokens: readonly number[]) => Promise<() => Promise<void>>;

/** Runs a policy of a small model; `prepare` gives what one run does, ending with logits on the host. */
const modelWork =
  (name: PolicyName, prepare: Prepare) =>
  async (device: Device, { length }: Point): Promise<Work> => {
    const capacity = length + mostRuns;
    const llama = createRandomLlama(device, { ...model, maxTokens: capacity });
    const { backbone, params } = llama;
    const common = { backbone, params, device, slotCount: 1, capacity };
    const gate = attentionGate({ hiddenSize: model.hiddenSize, ...modelGate });
    const gateParams = gate.init(device, 2);
    const lmHead = backbone.lmHead(params);
    const headParams = linearHead().init(device, 3, lmHead);
    const leaves = leavesOf<Tensor>([gateParams, headParams]).map(({ leaf }) => device.keep(leaf));
    const projection = linearHead().projection(headParams, lmHead);
    const policy =
      name === "base"
        ? createBasePolicy(common)
        : createDualHeadPolicy({
            ...common,
            heads: [{ name: "head", projection, gate, gateParams }],
            mixing: "convex",
          });
    const run = await prepare(policy, [...randomTokens(model.vocabSize, length, 1)]);
    return {
      run,
      [Symbol.dispose]() {
        for (const each of [policy, llama, ...leaves]) each[Symbol.dispose]();
      },
    };
  };

const prefill: Prepare = async (policy, tokens) => async () => {
  const sequence = policy.open();
  const [step] = await policy.advance([{ sequence, tokens }]);
  await step!.logits();
  policy.close(sequence);
};

const decodeStep: Prepare = async (policy, tokens) => {
  const sequence = policy.open();
  await policy.advance([{ sequence, tokens: tokens.slice(1) }]);
  return async () => {
    const [step] = await policy.advance([{ sequence, tokens: tokens.slice(0, 1) }]);
    await step!.logits();
  };
};

const lengths = [64, 128, 256, 512, 1024, 2048];
const quickLengths = [64, 96];
const folded = (point: Point) => tokenOperations(point, point.length).gateFolded;

/** Every sweep, in the order of the report. */
export const sweeps: readonly Sweep[] = [
  {
    ...{ name: "one head", variable: "vocabSize", values: [2000, 4000, 8000, 16000, 32000], quick: [50, 100] },
    fixed: { hiddenSize: 512 },
    count: (point) => tokenOperations(point, 1).head,
    create: heads(1),
  },
  {
    ...{ name: "both heads", variable: "vocabSize", quick: [50, 100], fixed: { hiddenSize: 512, length: 128 } },
    values: [1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000],
    count: (point) => 2 * tokenOperations(point, 1).head,
    create: heads(2),
    beside: { count: folded, create: foldedStep },
  },
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
  ...(["base", "dual-head"] as const).flatMap((policy): readonly Sweep[] => {
    const own = policies[policy];
    const sweep = { variable: "length", values: lengths, quick: quickLengths, fixed: {} } as const;
    const heads = (1 + own) * headWeights;
    return [
      {
        ...{ ...sweep, name: `prefill of a 288×6 model, ${policy}` },
        // Each row attends to half of them in the mean, itself included.
        count: ({ length }) => {
          const mean = (length + 1) / 2;
          return heads + length * (blockWeights + attentionOf(mean) + own * modelGateOperations(mean));
        },
        create: modelWork(policy, prefill),
      },
      {
        ...{ ...sweep, name: `decode step of a 288×6 model, ${policy}` },
        count: ({ length }) => heads + blockWeights + attentionOf(length) + own * modelGateOperations(length),
        create: modelWork(policy, decodeStep),
      },
    ];
  }),
];
