// What every backbone must keep, on every device: its two views agree, rows see their own past only, slots are
// independent and paged, chunks are as the whole, and the differentiable view has the gradient of finite differences.
import {
  add,
  createRandom,
  type Device,
  isPacked,
  leavesOf,
  mapTree,
  multiply,
  Recordings,
  segmentsOf,
  sizeOf,
  sumTo,
  type Tensor,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Backbone, createTokenBatch, type SlotTokens } from "../backbone.ts";
import type { KvCache } from "../kv-cache.ts";

/** A backbone with parameters on one device. */
export interface BackboneSubject<Params> {
  readonly backbone: Backbone<Params>;
  readonly params: Params;
}

const seed = 20240613;
const slotCount = 3;
// Small, so that even short sequences have several pages.
const pageSize = 3;
const chunkSize = 4;

/** The most rows that slots may take: those of all positions, or of a ring of window + chunk − 1, rounded up to pages. */
function rowsOf(slots: number, capacity: number, window: number): number {
  const pages = Math.min(Math.ceil(capacity / pageSize), Math.ceil((window + chunkSize - 2) / pageSize) + 1);
  return slots * pages * pageSize;
}

/**
 * Runs the laws of one backbone under vitest, on every device.
 *
 * @param make creates backbone and parameters on a device, the same parameters whichever the device; keep them tiny,
 * with at least 7 positions. Parameters are not disposed: the device is shared by the test file
 * @param floatTolerance how far hidden states may be apart on devices with float32, as a share of the largest
 */
export function backboneLaws<Params>(
  name: string,
  make: (device: Device) => BackboneSubject<Params> | Promise<BackboneSubject<Params>>,
  floatTolerance: number = 1e-4,
): void {
  for (const deviceName of testDeviceNames) {
    const tolerance = deviceName === "reference" ? 1e-11 : floatTolerance;
    const settings = { seed, numRuns: 4 };
    let subject: Promise<Lab<Params>> | undefined;
    const open = () => {
      subject ??= (async () => {
        const device = await sharedDevice(deviceName);
        return createLab(device, await make(device));
      })();
      return subject;
    };
    const withLab = (law: (lab: Lab<Params>, sequences: readonly number[][]) => Promise<void>) => async () => {
      const lab = await open();
      await fc.assert(
        fc.asyncProperty(sequencesOf(lab.subject.backbone), (sequences) => law(lab, sequences)),
        settings,
      );
    };

    describe(`${name} keeps the laws of a backbone on ${deviceName} (seed ${seed})`, () => {
      it(
        "gives one row of finite numbers a token",
        withLab(async (lab, sequences) => {
          for (const [index, rows] of (await lab.hidden(sequences)).entries()) {
            expect(rows.length).toBe(sequences[index]!.length * lab.subject.backbone.config.hiddenSize);
            expect(rows.every(Number.isFinite)).toBe(true);
          }
        }),
      );

      it(
        "gives a ragged batch the rows of each sequence alone",
        withLab(async (lab, sequences) => {
          const together = await lab.hidden(sequences);
          for (const [index, sequence] of sequences.entries()) {
            const [alone] = await lab.hidden([sequence]);
            checkClose(`sequence ${index}`, together[index]!, alone!, tolerance);
          }
        }),
      );

      it(
        "lets no later token change an earlier row",
        withLab(async (lab, sequences) => {
          const whole = await lab.hidden(sequences);
          const changed = await lab.hidden(
            sequences.map((tokens) => [
              ...tokens.slice(0, -1),
              (tokens.at(-1)! + 1) % lab.subject.backbone.config.vocabSize,
            ]),
          );
          for (const [index, sequence] of sequences.entries()) {
            const earlier = (sequence.length - 1) * lab.subject.backbone.config.hiddenSize;
            expect(changed[index]!.slice(0, earlier)).toEqual(whole[index]!.slice(0, earlier));
          }
        }),
      );

      it(
        "gives prefill's rows when steps are recorded and their arrays filled anew",
        withLab(async (lab, sequences) => {
          const [tokens] = sequences;
          const [expected] = await lab.hidden([tokens!]);
          const { device, subject } = lab;
          await lab.withCache({}, async (cache) => {
            using recordings = new Recordings(device);
            cache.open();
            const one = () => new Uint32Array(1);
            const batch = { tokens: one(), slots: Uint32Array.of(cache.open()), positions: one() };
            const rows: number[] = [];
            for (const [position, token] of tokens!.entries()) {
              batch.tokens[0] = token;
              batch.positions[0] = position;
              using row = recordings.run("step", [], () => subject.backbone.extend(subject.params, batch, cache));
              rows.push(...(await row.read()));
            }
            checkClose("the sequence", rows, expected!, tolerance);
            expect(recordings.count).toBe(1);
          });
        }),
      );

      for (const chunkLength of [1, 3]) {
        it(
          `gives prefill's rows when fed ${chunkLength} at a time, slots interleaved`,
          withLab(async (lab, sequences) => {
            const expected = await lab.hidden(sequences);
            await lab.withCache({}, async (cache) => {
              const slots = sequences.map(() => cache.open());
              const rows: number[][] = sequences.map(() => []);
              for (let from = 0; sequences.some((tokens) => from < tokens.length); from += chunkLength) {
                const entries = sequences.flatMap((tokens, index) => {
                  const chunk = tokens.slice(from, from + chunkLength);
                  return chunk.length === 0 ? [] : [{ index, slot: slots[index]!, tokens: chunk }];
                });
                // The order of entries must not matter: every second call has them turned around.
                if (from % 2 === 1) entries.reverse();
                const chunks = await lab.extend(cache, entries);
                for (const [at, { index }] of entries.entries()) rows[index]!.push(...chunks[at]!);
              }
              for (const index of sequences.keys()) {
                checkClose(`sequence ${index}`, rows[index]!, expected[index]!, tolerance);
                expect(cache.length(slots[index]!)).toBe(sequences[index]!.length);
              }
            });
          }),
        );
      }

      it(
        "lets forks, cuts and reused slots go on as if nothing else had happened",
        withLab(async (lab, sequences) => {
          const [tokens, other] = [sequences[0]!, sequences[1] ?? [0, 1]];
          const vocabSize = lab.subject.backbone.config.vocabSize;
          const next = [(tokens[0]! + 1) % vocabSize];
          const width = lab.subject.backbone.config.hiddenSize;
          const lastRow = async (sequence: readonly number[]) => (await lab.hidden([sequence]))[0]!.slice(-width);
          await lab.withCache({}, async (cache) => {
            const used = cache.open();
            await lab.extend(cache, [{ slot: used, tokens: other }]);
            cache.close(used);
            const slot = cache.open();
            await lab.extend(cache, [{ slot, tokens }]);
            const fork = cache.fork(slot);
            const cut = Math.floor(tokens.length / 2);
            cache.truncate(slot, cut);
            const both = await lab.extend(cache, [
              { slot, tokens: next },
              { slot: fork, tokens: next },
            ]);
            checkClose("the cut sequence", both[0]!, await lastRow([...tokens.slice(0, cut), ...next]), tolerance);
            checkClose("the fork", both[1]!, await lastRow([...tokens, ...next]), tolerance);
          });
        }),
      );

      it("gives the rows of the whole when fed in any chunks, to the last position and far past any window", async () => {
        const lab = await open();
        const { maxTokens, vocabSize } = lab.subject.backbone.config;
        const length = Math.min(maxTokens, 41);
        const token = fc.nat({ max: vocabSize - 1 });
        const sequence = fc.array(token, { minLength: length, maxLength: length });
        const chunks = fc.array(fc.integer({ min: 1, max: chunkSize }), { minLength: length, maxLength: length });
        await fc.assert(
          fc.asyncProperty(sequence, chunks, async (tokens, chunkLengths) => {
            const [expected] = await lab.hidden([tokens]);
            await lab.withCache({ capacity: length }, async (cache) => {
              // Another slot's rows lie between those of the first.
              const [slot, other] = [cache.open(), cache.open()];
              const rows: number[] = [];
              for (let from = 0, step = 0; from < length; from += chunkLengths[step++]!) {
                const chunk = tokens.slice(from, from + chunkLengths[step]!);
                const both = await lab.extend(cache, [
                  { slot: other, tokens: chunk.toReversed() },
                  { slot, tokens: chunk },
                ]);
                rows.push(...both[1]!);
              }
              checkClose("the chunked sequence", rows, expected!, tolerance);
              expect(cache.rowCount).toBeLessThanOrEqual(rowsOf(slotCount, length, cache.window));
            });
          }),
          { seed, numRuns: 2 },
        );
      });

      it(
        "keeps the prefix of forks once and frees the rows of closed slots",
        withLab(async (lab, sequences) => {
          await lab.withCache({}, async (cache) => {
            const slot = cache.open();
            await lab.extend(cache, [{ slot, tokens: sequences[0]! }]);
            const { freeRows } = cache;
            const forks = [cache.fork(slot), cache.fork(slot)];
            expect(cache.freeRows).toBe(freeRows);
            await lab.extend(
              cache,
              forks.map((each) => ({ slot: each, tokens: [0] })),
            );
            expect(cache.freeRows).toBe(freeRows - 2 * pageSize);
            for (const each of [slot, ...forks]) cache.close(each);
            expect(cache.freeRows).toBe(cache.rowCount);
          });
        }),
      );

      it("refuses tokens it cannot read and leaves the cache as it was", async () => {
        const lab = await open();
        const { vocabSize, maxTokens } = lab.subject.backbone.config;
        await expect(lab.hidden([[vocabSize]])).rejects.toThrow(`token ${vocabSize} is not below`);
        await expect(lab.hidden([new Array<number>(maxTokens + 1).fill(0)])).rejects.toThrow("positions of this model");
        await lab.withCache({}, async (cache) => {
          const slot = cache.open();
          await expect(lab.extend(cache, [{ slot, tokens: [0, vocabSize] }])).rejects.toThrow("on row 1");
          expect(cache.length(slot)).toBe(0);
        });
      });

      it("frees what it does not return", async () => {
        const lab = await open();
        const { liveBuffers } = lab.device.stats;
        await lab.hidden([[1, 0, 1], [0]]);
        await lab.withCache({}, async (cache) => {
          const slot = cache.open();
          for (const token of [0, 1, 0]) await lab.extend(cache, [{ slot, tokens: [token] }]);
        });
        expect(lab.device.stats.liveBuffers).toBe(liveBuffers);
      });

      if (deviceName === "reference") {
        it("has the gradient that finite differences show in float64", async () => {
          await checkGradient(await open());
        });
      }
    });
  }
}

function sequencesOf({ config }: Backbone<unknown>): fc.Arbitrary<number[][]> {
  const token = fc.nat({ max: config.vocabSize - 1 });
  // One position is left over for the laws that append a token.
  const tokens = fc.array(token, { minLength: 1, maxLength: Math.min(11, config.maxTokens - 1) });
  return fc.array(tokens, { minLength: 1, maxLength: slotCount });
}

/** A subject with its views as plain arrays, one for each sequence. */
interface Lab<Params> {
  readonly device: Device;
  readonly subject: BackboneSubject<Params>;
  hidden(sequences: readonly (readonly number[])[]): Promise<number[][]>;
  extend(cache: KvCache, entries: readonly SlotTokens[]): Promise<number[][]>;
  /** A cache of small pages; of 13 positions where nothing else is asked for. */
  withCache(extent: { readonly capacity?: number }, body: (cache: KvCache) => Promise<void>): Promise<void>;
}

function createLab<Params>(device: Device, subject: BackboneSubject<Params>): Lab<Params> {
  const { backbone, params } = subject;
  const split = async (tensor: Tensor, lengths: readonly number[]) => {
    const values = Array.from(await tensor.read());
    tensor.dispose();
    let at = 0;
    return lengths.map((length) => {
      at += length * backbone.config.hiddenSize;
      return values.slice(at - length * backbone.config.hiddenSize, at);
    });
  };
  return {
    device,
    subject,
    async hidden(sequences) {
      const lengths = sequences.map((tokens) => tokens.length);
      const tensor = backbone.hidden(params, Uint32Array.from(sequences.flat()), segmentsOf(lengths));
      return split(tensor, lengths);
    },
    async extend(cache, entries) {
      const batch = createTokenBatch(entries, (slot) => cache.length(slot));
      const tensor = backbone.extend(params, batch, cache);
      return split(
        tensor,
        entries.map(({ tokens }) => tokens.length),
      );
    },
    async withCache({ capacity = Math.min(13, backbone.config.maxTokens) }, body) {
      const chunks = capacity > 13 ? { chunkSize } : {};
      using cache = backbone.createCache(device, { slotCount, capacity, pageSize, ...chunks });
      await body(cache);
    },
  };
}

/** Directional derivatives of a fixed random pooling of the rows, along a random direction in all float parameters. */
async function checkGradient<Params>({ device, subject: { backbone, params } }: Lab<Params>): Promise<void> {
  const random = createRandom(seed, "backbone gradient");
  const { vocabSize, hiddenSize } = backbone.config;
  const segments = segmentsOf([5, 2]);
  const tokens = Uint32Array.from({ length: 7 }, () => random.integer(vocabSize));
  const normal = (shape: readonly number[]) => Array.from({ length: sizeOf(shape) }, () => random.normal());
  const weights = device.tensor(normal([7, hiddenSize]), [7, hiddenSize]);
  // Packed matrices are frozen: what is trained beside them still has its gradient.
  const trained = Object.fromEntries(
    leavesOf<Tensor>(params).flatMap(({ path, leaf }) => (isPacked(leaf.dtype) ? [] : [[path, leaf]])),
  );
  const direction = new Map(Object.entries(trained).map(([path, { shape }]) => [path, normal(shape)]));
  const pooled = (at: Readonly<Record<string, Tensor>>) => {
    const all = mapTree(params, (leaf, path) => at[path] ?? (leaf as Tensor)) as Params;
    return sumTo(multiply(backbone.hidden(all, tokens, segments), weights), []);
  };
  const { value, grad } = device.scope(() => valueAndGrad(pooled)(trained));
  value.dispose();
  let analytic = 0;
  let scale = 1;
  for (const [path, leaf] of Object.entries(grad)) {
    const along = direction.get(path)!;
    for (const [index, partial] of (await leaf.read()).entries()) {
      analytic += partial * along[index]!;
      scale += Math.abs(partial * along[index]!);
    }
    leaf.dispose();
  }
  const valueAt = async (offset: number) => {
    const shift = (path: string, { shape }: Tensor) =>
      device.tensor(
        direction.get(path)!.map((d) => d * offset),
        shape,
      );
    const moved = device.scope(() =>
      pooled(Object.fromEntries(Object.entries(trained).map(([path, leaf]) => [path, add(leaf, shift(path, leaf))]))),
    );
    const [out] = await moved.read();
    moved.dispose();
    return out!;
  };
  const step = 1e-6;
  const numeric = ((await valueAt(step)) - (await valueAt(-step))) / (2 * step);
  weights.dispose();
  expect(Math.abs(analytic - numeric) / scale).toBeLessThan(1e-7);
}
