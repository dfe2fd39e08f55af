// Cross-entropy of a head with gradients to hidden states and weight, fused against the chain that holds [N, V]. Knows
// no gate: one head, so that the difference is the operation's alone.
import {
  affine,
  type Device,
  gatherRows,
  linearCrossEntropy,
  logSoftmax,
  project,
  reshape,
  sumTo,
  type Tensor,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { type Benchmark, type Context, createBarrier, extentsFor, roundsOf } from "../benchmark.ts";
import { measure, samplesOf, speedups, summarise } from "../harness.ts";
import { randomTensor, randomTokens } from "../random-model.ts";
import { counted, type Reading } from "../row.ts";

interface Extents {
  readonly rowCount: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
}

const tiny: readonly Extents[] = [{ rowCount: 7, hiddenSize: 5, vocabSize: 23 }];
const full: readonly Extents[] = [64, 288].flatMap((hiddenSize) =>
  [1024, 2048].map((rowCount) => ({ rowCount, hiddenSize, vocabSize: 32000 })),
);

type Parameters = { readonly hidden: Tensor; readonly weight: Tensor };
type Loss = (parameters: Parameters, targets: Tensor) => Tensor;

/** Nats [N] through logits and their log-softmax, as a library without the fused operation computes them. */
function unfusedNats({ hidden, weight }: Parameters, targets: Tensor): Tensor {
  const [rowCount, vocabSize] = [hidden.shape[0]!, weight.shape[0]!];
  const logp = logSoftmax(project([{ features: hidden, weight }]));
  // Element (n, target) of the flat matrix; `targets` holds n·V + target.
  const picked = gatherRows(reshape(logp, [rowCount * vocabSize, 1]), targets);
  return affine(reshape(picked, [rowCount]), -1, 0);
}

interface Variant {
  readonly name: string;
  readonly loss: Loss;
  /** False where the gradient is to find no logits saved. */
  readonly saves: boolean;
}

const fusedNats: Loss = ({ hidden, weight }, targets) => linearCrossEntropy([{ features: hidden, weight }], targets);
const fused: Variant = { name: "fused", loss: fusedNats, saves: true };
const computedTwice: Variant = { name: "fused, logits computed twice", loss: fusedNats, saves: false };
const unfused: Variant = { name: "unfused", loss: unfusedNats, saves: true };
const variants: readonly Variant[] = [fused, computedTwice, unfused];

/** Peak memory beyond the inputs, and time, of value and gradient; fused, with logits saved or not, and unfused. */
export const crossEntropy: Benchmark = {
  name: "cross-entropy",
  description: "linear cross-entropy with gradients, fused against unfused: peak memory and time",
  async *run(context: Context): AsyncIterable<Reading> {
    for (const extents of extentsFor(context, tiny, full)) {
      const shape = `N ${extents.rowCount} d ${extents.hiddenSize} V ${extents.vocabSize}`;
      if (!context.accepts(shape)) continue;
      const peaks = new Map<Variant, number>();
      for (const variant of variants) {
        peaks.set(variant, await peakOf(context, extents, variant));
        yield { shape, variant: variant.name, unit: "MiB peak", summary: counted(peaks.get(variant)! / 2 ** 20) };
      }
      for (const variant of [fused, computedTwice]) {
        const ratio = peaks.get(unfused)! / peaks.get(variant)!;
        yield { shape, variant: `unfused / ${variant.name}`, unit: "× memory", summary: counted(ratio) };
      }
      yield* timings(context, extents, shape);
    }
  },
};

const optionsOf = ({ saves }: Variant) => (saves ? {} : { savedBytes: 0 });

/** Bytes allocated beyond the inputs at the worst moment, counted on a device of its own. */
async function peakOf(context: Context, extents: Extents, variant: Variant): Promise<number> {
  using device = await context.openDevice(optionsOf(variant));
  using problem = createProblem(device, extents);
  const held = device.stats.bytes;
  await problem.run(variant);
  return device.stats.peakBytes - held;
}

async function* timings(context: Context, extents: Extents, shape: string): AsyncIterable<Reading> {
  using problem = createProblem(context.device, extents);
  using device = await context.openDevice(optionsOf(computedTwice));
  using other = createProblem(device, extents);
  const samples = await measure(
    variants.map((variant) => ({ name: variant.name, run: () => (variant.saves ? problem : other).run(variant) })),
    roundsOf(context, { warmupRounds: 1, rounds: 3 }),
  );
  for (const { name } of variants) {
    yield { shape, variant: name, unit: "ms", summary: summarise(samplesOf(samples, name)) };
  }
  for (const { name } of [fused, computedTwice]) {
    const summary = summarise(speedups(samples, name, unfused.name));
    yield { shape, variant: `unfused / ${name}`, unit: "× time", summary };
  }
}

interface Problem extends Disposable {
  readonly run: (variant: Variant) => Promise<void>;
}

function createProblem(device: Device, { rowCount, hiddenSize, vocabSize }: Extents): Problem {
  const parameters: Parameters = {
    hidden: randomTensor(device, [rowCount, hiddenSize], 1, 1),
    weight: randomTensor(device, [vocabSize, hiddenSize], 1 / Math.sqrt(hiddenSize), 2),
  };
  const tokens = randomTokens(vocabSize, rowCount, 3);
  const ids = device.keep(device.tensor(tokens, [rowCount]));
  const places = device.keep(
    device.tensor(
      Uint32Array.from(tokens, (token, row) => row * vocabSize + token),
      [rowCount],
    ),
  );
  const barrier = createBarrier(device);
  const held = [...Object.values(parameters), ids, places];
  return {
    async run({ loss }) {
      const targets = loss === unfusedNats ? places : ids;
      device.scope(() => {
        valueAndGrad((tree: Parameters) => affine(sumTo(loss(tree, targets), []), 1 / rowCount, 0))(parameters);
      });
      await barrier.settle();
    },
    [Symbol.dispose]() {
      for (const each of held) each.dispose();
      barrier[Symbol.dispose]();
    },
  };
}
