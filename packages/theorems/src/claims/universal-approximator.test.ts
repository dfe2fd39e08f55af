// What attention gates can be as functions of the history; with the gate of @dual-head/gating, of many head counts.
import { type AttentionGateParams, attentionGate, type Gate } from "@dual-head/gating";
import { randomTensor } from "@dual-head/gating/testing";
import { createRandom, type Device, segmentsOf } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { searchCounterexample } from "../testing/search.ts";

const seed = 20261130;
const headCounts = [1, 2, 3, 7, 16, 31] as const;

/** A gate with its parameters. */
interface Instance {
  readonly gate: Gate<AttentionGateParams>;
  readonly params: AttentionGateParams;
  readonly hiddenSize: number;
}

/** Random gates: any number of heads, from nearly flat to saturated attention and α. */
const instances = fc.record({
  seed: fc.nat(),
  headCount: fc.constantFrom(...headCounts),
  headSize: fc.integer({ min: 1, max: 3 }),
  hiddenSize: fc.integer({ min: 1, max: 5 }),
  scale: fc.constantFrom(0.3, 1, 3),
});

function instanceOf(
  device: Device,
  options: {
    readonly seed: number;
    readonly headCount: number;
    readonly headSize: number;
    readonly hiddenSize: number;
    readonly scale: number;
  },
): Instance {
  const { headCount, headSize, hiddenSize, scale } = options;
  const gate = attentionGate({ hiddenSize, width: headCount * headSize, headCount });
  const params = Object.fromEntries(
    Object.entries(gate.parameterShapes).map(([name, shape], index) => [
      name,
      randomTensor(device, options.seed + 37 * index, shape, scale),
    ]),
  ) as AttentionGateParams;
  return { gate, params, hiddenSize };
}

/** One head whose value vector is `slope`: logit α = slope·h + bias on constant histories. */
async function affineGate(device: Device, slope: readonly number[], bias: number): Promise<Instance> {
  const hiddenSize = slope.length;
  const gate = attentionGate({ hiddenSize, width: 1, headCount: 1 });
  const random = (label: number) => randomTensor(device, label, [1, hiddenSize]);
  const unit = Array.from({ length: hiddenSize }, (_, at) => (at === 0 ? 1 : 0));
  const params = {
    query: random(1),
    key: random(2),
    value: device.tensor([...slope], [1, hiddenSize]),
    output: device.tensor(unit, [hiddenSize, 1]),
    weight: device.tensor(unit, [1, hiddenSize]),
    bias: device.tensor([bias], [1]),
  };
  return { gate, params, hiddenSize };
}

/** logit α of every row of histories, one array a history. */
async function logitsOf(
  device: Device,
  { gate, params, hiddenSize }: Instance,
  histories: readonly (readonly (readonly number[])[])[],
): Promise<readonly (readonly number[])[]> {
  const rows = histories.flat();
  const tensor = device.scope(() => {
    const hidden = device.tensor(rows.flat(), [rows.length, hiddenSize]);
    return gate.logits(params, hidden, segmentsOf(histories.map((history) => history.length)));
  });
  const values = [...(await tensor.read())];
  return histories.map((history) => values.splice(0, history.length));
}

const sigmoid = (u: number) => 1 / (1 + Math.exp(-u));
const rowsOf = (seed: number, count: number, hiddenSize: number, label = "rows"): number[][] => {
  const random = createRandom(seed, label);
  return Array.from({ length: count }, () => Array.from({ length: hiddenSize }, () => random.normal()));
};
/** A history of `count` rows that are all `row`. */
const constant = (row: readonly number[], count: number) => Array.from({ length: count }, () => row);
const last = (values: readonly number[]) => values.at(-1)!;

/**
 * @section Expressivity
 * @claim With sufficiently many heads the gate approximates every continuous g: K → [0, 1]^T uniformly.
 * @verdict false
 * @statement α_t sees no later row and does not change where the former rows are permuted, nor where every row is
 * replicated; a g that changes from 0 to 1 there keeps a sup error of ½ or more. On a constant history (all rows h; always
 * so at t = 1) attention returns its value whatever the scores, so that logit α = wᵀh + b is affine in h with any number
 * of heads, and every affine function is reached with one. So α is monotone along every line of such h, and the continuous
 * g(h) = h₁² on [−1, 1] keeps a sup error of at least ½, which the constant gate α = ½ attains. Order must come from the
 * hidden states.
 */
describe("attention is no universal approximator of gates", () => {
  it(`is causal and invariant to permuting and replicating the history, at every head count (seed ${seed})`, async () => {
    const device = await sharedDevice("reference");
    await fc.assert(
      fc.asyncProperty(instances, fc.integer({ min: 2, max: 7 }), async (options, length) => {
        const instance = instanceOf(device, options);
        const rows = rowsOf(options.seed, length, options.hiddenSize);
        const order = createRandom(options.seed, "order").permutation(length - 1);
        const permuted = [...Array.from(order, (at) => rows[at]!), rows.at(-1)!];
        const changed = [...rows.slice(0, -1), rowsOf(options.seed, 1, options.hiddenSize, "other")[0]!];
        const replicated = rows.flatMap((row) => [row, row, row]);
        const [plain, other, shuffled, thrice] = await logitsOf(device, instance, [
          rows,
          changed,
          permuted,
          replicated,
        ]);
        checkClose("causal", other!.slice(0, -1), plain!.slice(0, -1), 1e-12);
        checkClose("permuted", [last(shuffled!)], [last(plain!)], 1e-12);
        checkClose("replicated", [last(thrice!)], [last(plain!)], 1e-12);
      }),
      { seed, numRuns: 61 },
    );
  });

  it(`is affine in h on constant histories: the logit of a midpoint is the mean (seed ${seed + 1})`, async () => {
    const device = await sharedDevice("reference");
    await fc.assert(
      fc.asyncProperty(
        instances,
        fc.integer({ min: 1, max: 7 }),
        fc.double({ min: -2, max: 3, noNaN: true }),
        async (options, length, share) => {
          const [x, y] = rowsOf(options.seed, 2, options.hiddenSize) as [number[], number[]];
          const between = (share: number) => x.map((value, at) => (1 - share) * value + share * y[at]!);
          const histories = [x, y, between(0.5), between(share)].map((row) => constant(row, length));
          const all = await logitsOf(device, instanceOf(device, options), histories);
          // Whatever the length: every row of a constant history has the logit of the first.
          for (const own of all) checkClose("rows", own, constant([own[0]!], length).flat(), 1e-12);
          const [atX, atY, middle, at] = all.map(last) as [number, number, number, number];
          const scale = 1 + Math.abs(atX) + Math.abs(atY);
          expect(Math.abs(middle - (atX + atY) / 2)).toBeLessThan(1e-12 * scale);
          expect(Math.abs(at - ((1 - share) * atX + share * atY))).toBeLessThan(1e-11 * scale);
        },
      ),
      { seed: seed + 1, numRuns: 61 },
    );
  });

  it(`is every affine function with one head (seed ${seed + 2})`, async () => {
    const device = await sharedDevice("reference");
    const numbers = fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.nat(), numbers, fc.double({ min: -9, max: 9, noNaN: true }), async (seed, slope, bias) => {
        const rows = rowsOf(seed, 5, slope.length);
        const instance = await affineGate(device, slope, bias);
        const logits = await logitsOf(
          device,
          instance,
          rows.map((row) => constant(row, 3)),
        );
        const expected = rows.map((row) => row.reduce((sum, value, at) => sum + slope[at]! * value, bias));
        checkClose("logits", logits.map(last), expected, 1e-12);
      }),
      { seed: seed + 2, numRuns: 31 },
    );
  });

  it(`keeps a sup error of ½ or more against h₁² on [−1, 1]: 300 random gates a head count (seed ${seed + 3})`, async () => {
    const device = await sharedDevice("reference");
    const grid = Array.from({ length: 21 }, (_, at) => (at - 10) / 10);
    const errorOf = async (instance: Instance, rest: readonly number[], length: number) => {
      const histories = grid.map((x) => constant([x, ...rest], length));
      const alphas = (await logitsOf(device, instance, histories)).map((own) => sigmoid(last(own)));
      return Math.max(...alphas.map((alpha, at) => Math.abs(alpha - grid[at]! ** 2)));
    };
    for (const headCount of headCounts) {
      const random = createRandom(seed + 3, `gates of ${headCount} heads`);
      let best = Number.POSITIVE_INFINITY;
      for (let trial = 0; trial < 300; trial++) {
        const options = { seed: random.integer(2 ** 31), headCount, headSize: 2, hiddenSize: 2 };
        const instance = instanceOf(device, { ...options, scale: 10 ** (2 * random.uniform() - 1.5) });
        best = Math.min(best, await errorOf(instance, [random.normal()], 1 + random.integer(3)));
      }
      expect(best).toBeGreaterThanOrEqual(0.5 - 1e-12);
      // The search comes near the bound, so that it is a search.
      expect(best).toBeLessThan(0.56);
    }
    const half = await affineGate(device, [0, 0], 0);
    expect(await errorOf(half, [0.3], 3)).toBe(0.5);
  });

  it(`approximates monotone g on constant histories, others not: searched (seed ${seed + 4})`, async () => {
    const device = await sharedDevice("reference");
    const points = [-1, 0, 1];
    const sizes = [0, 0.7, 1.5, 3, 6, 12, 24];
    const signed = [...sizes.slice(1).map((size) => -size), ...sizes];
    const candidates: (readonly number[])[] = [];
    const add = async (instance: Instance) => {
      const histories = points.map((x) => [[x]]);
      candidates.push((await logitsOf(device, instance, histories)).map((own) => sigmoid(last(own))));
    };
    for (const slope of signed) for (const bias of signed) await add(await affineGate(device, [slope], bias));
    for (const headCount of headCounts) {
      for (let trial = 0; trial < 31; trial++) {
        await add(instanceOf(device, { seed: 97 * trial, headCount, headSize: 2, hiddenSize: 1, scale: 2 }));
      }
    }
    const error = (g: readonly number[]) =>
      Math.min(...candidates.map((alphas) => Math.max(...alphas.map((alpha, at) => Math.abs(alpha - g[at]!)))));
    const value = fc.integer({ min: 0, max: 10 }).map((tenths) => tenths / 10);
    const [found] = await searchCounterexample(
      fc.property(fc.tuple(value, value, value), (g) => error(g) < 0.4),
      seed + 4,
    );
    expect((found[0] - found[1]) * (found[2] - found[1])).toBeGreaterThan(0);
    expect(error([1, 0, 1])).toBeGreaterThanOrEqual(0.5 - 1e-12);
    const monotone = fc.tuple(value, value, value).map((g) => g.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(monotone, (g) => error(g) < 0.3),
      { seed: seed + 4 },
    );
  });

  it("pinned: histories whose g differs by 1 while α is the same, and order in the hidden states", async () => {
    const device = await sharedDevice("reference");
    const instance = instanceOf(device, { seed: 5, headCount: 7, headSize: 2, hiddenSize: 2, scale: 1 });
    const [a, b, c] = [
      [1, -1],
      [0.5, 2],
      [-1, 0],
    ] as const;
    const alphas = (
      await logitsOf(device, instance, [
        [a, b, c],
        [b, a, c],
        [a, c],
        [a, b],
        [a, b, a, b],
      ])
    ).map((own) => own.map(sigmoid));
    // No gate tells whether a came before b, whether b is to come, nor whether t is above 2.
    expect(alphas[1]![2]).toBeCloseTo(alphas[0]![2]!, 13);
    expect(alphas[2]![0]).toBeCloseTo(alphas[3]![0]!, 13);
    expect(alphas[4]![3]).toBeCloseTo(alphas[3]![1]!, 13);
    // The second entry as a position: another order is another set of rows.
    const placed = (rows: readonly number[]) => rows.map((value, position) => [value, position]);
    const [forward, backward] = await logitsOf(device, instance, [placed([1, -1, 0]), placed([-1, 1, 0])]);
    expect(Math.abs(last(forward!) - last(backward!))).toBeGreaterThan(1e-2);
  });
});
