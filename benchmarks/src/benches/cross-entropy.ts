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

const losses: Readonly<Record<"fused" | "unfused", Loss>> = {
  fused: ({ hidden, weight }, targets) => linearCrossEntropy([{ features: hidden, weight }], targets),
  unfused: unfusedNats,
};

/** Peak memory beyond the inputs, and time, of value and gradient; fused and unfused. */
export const crossEntropy: Benchmark = {
  name: "cross-entropy",
  description: "linear cross-entropy with gradients, fused against unfused: peak memory and time",
  async *run(context: Context): AsyncIterable<Reading> {
    for (const extents of extentsFor(context, tiny, full)) {
      const shape = `N ${extents.rowCount} d ${extents.hiddenSize} V ${extents.vocabSize}`;
      if (!context.accepts(shape)) continue;
      const peaks = { fused: 0, unfused: 0 };
      for (const variant of ["fused", "unfused"] as const) {
        peaks[variant] = await peakOf(context, extents, variant);
        yield { shape, variant, unit: "MiB peak", summary: counted(peaks[variant] / 2 ** 20) };
      }
      yield { shape, variant: "unfused / fused", unit: "× memory", summary: counted(peaks.unfused / peaks.fused) };
      yield* timings(context, extents, shape);
    }
  },
};

/** Bytes allocated beyond the inputs at the worst moment, counted on a device of its own. */
async function peakOf(context: Context, extents: Extents, variant: "fused" | "unfused"): Promise<number> {
  using device = await context.openDevice();
  using problem = createProblem(device, extents);
  const held = device.stats.bytes;
  await problem.run(variant);
  return device.stats.peakBytes - held;
}

async function* timings(context: Context, extents: Extents, shape: string): AsyncIterable<Reading> {
  using problem = createProblem(context.device, extents);
  const variants = ["fused", "unfused"] as const;
  const samples = await measure(
    variants.map((name) => ({ name, run: () => problem.run(name) })),
    roundsOf(context, { warmupRounds: 1, rounds: 3 }),
  );
  for (const variant of variants) {
    yield { shape, variant, unit: "ms", summary: summarise(samplesOf(samples, variant)) };
  }
  const summary = summarise(speedups(samples, "fused", "unfused"));
  yield { shape, variant: "unfused / fused", unit: "× time", summary };
}

interface Problem extends Disposable {
  readonly run: (variant: "fused" | "unfused") => Promise<void>;
}

function createProblem(device: Device, { rowCount, hiddenSize, vocabSize }: Extents): Problem {
  const parameters: Parameters = {
    hidden: randomTensor(device, [rowCount, hiddenSize], 1, 1),
    weight: randomTensor(device, [vocabSize, hiddenSize], 1 / Math.sqrt(hiddenSize), 2),
  };
  const tokens = randomTokens(vocabSize, rowCount, 3);
  const targets = {
    fused: device.keep(device.tensor(tokens, [rowCount])),
    unfused: device.keep(
      device.tensor(
        Uint32Array.from(tokens, (token, row) => row * vocabSize + token),
        [rowCount],
      ),
    ),
  };
  const barrier = createBarrier(device);
  const held = [...Object.values(parameters), ...Object.values(targets)];
  return {
    async run(variant) {
      device.scope(() => {
        valueAndGrad((tree: Parameters) => affine(sumTo(losses[variant](tree, targets[variant]), []), 1 / rowCount, 0))(
          parameters,
        );
      });
      await barrier.settle();
    },
    [Symbol.dispose]() {
      for (const each of held) each.dispose();
      barrier[Symbol.dispose]();
    },
  };
}
