// From pairs to micro-batches: tokenising, cutting, dropping, features on disk, collation, order and rates.
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { segmentsOf } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accuracyOf, wilsonInterval } from "./evaluate.ts";
import { layoutFeatures, openFeatureFile, openFeatureWriter } from "./feature-file.ts";
import {
  cachedFeatures,
  collate,
  cosineRate,
  endlessOrder,
  epochOrder,
  prepareData,
  recomputedFeatures,
  tokeniseExample,
} from "./index.ts";
import { createRowExtractor, type ExampleRows, groupExamples, rowCountOfExample } from "./rows.ts";
import { letterPairs, letterTokenizer } from "./testing/tiny-run.ts";
import type { TokenisedExample } from "./tokenise.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dual-head-data-path-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const example = (prompt: number, ...responses: number[]): TokenisedExample => ({
  prompt: Uint32Array.from({ length: prompt }, (_, at) => (3 * at + prompt) % 23),
  responses: responses.map((length, index) => Uint32Array.from({ length }, (_, at) => (5 * at + index + length) % 23)),
});
const examples = [example(3, 2, 5), example(7, 1, 1), example(2, 3), example(5, 4, 2), example(1, 2, 3)];

describe("tokeniseExample()", () => {
  it("keeps the prompt's own tokens and ends each response once", () => {
    const { prompt, responses } = tokeniseExample(letterTokenizer(), "ab", ["c", "de"]);
    const of = (text: string) => [...letterTokenizer().encode(text, { addSpecialTokens: false })];
    expect([...prompt]).toEqual([1, ...of("ab")]);
    expect(responses.map((ids) => [...ids])).toEqual([
      [...of("c"), 2],
      [...of("de"), 2],
    ]);
  });

  it("ends the prompt before a token that spans both, for all responses alike", () => {
    // Two letters make one token.
    const merging = {
      ...letterTokenizer(),
      encode: (text: string) =>
        Uint32Array.from([
          1,
          ...(text.match(/../g) ?? []).map((two) => 3 + (two.charCodeAt(0) % 7)),
          ...(text.length % 2 === 1 ? [20] : []),
        ]),
    };
    const { prompt, responses } = tokeniseExample(merging, "abc", ["d", ""]);
    expect(prompt.length).toBe(2);
    expect(responses.map((ids) => ids.length)).toEqual([2, 2]);
  });
});

describe("prepareData()", () => {
  const tokenizer = letterTokenizer();
  const options = { maxTokens: 12, heldOut: 0.3, seed: 3 };

  it("never cuts a response, cuts prompts at turns only, and counts what it drops", async () => {
    const pair = (prompt: string[], chosen: string, rejected: string) => ({ prompt, chosen, rejected });
    const data = await prepareData(
      tokenizer,
      [
        pair(["aaaaaa", "bbbb", "cc"], "ddd", "e"),
        pair(["x", "yy"], "ddd", "e"),
        pair(["long last turn"], "d", "e"),
        pair(["x"], "d".repeat(13), "e"),
        pair(["x"], " ", "e"),
        pair(["x"], "e", "e"),
      ],
      null,
      { ...options, heldOut: 0 },
    );
    const ids = (text: string) => [...tokenizer.encode(text)];
    expect(data.pairs.map(({ prompt }) => [...prompt])).toEqual([ids("bbbbcc"), ids("xyy")]);
    expect(data.pairs[0]!.responses.map((response) => response.length)).toEqual([4, 2]);
    expect(data.cutCount).toBe(1);
    expect(data.dropped).toEqual({
      "turn-too-long": 1,
      "response-too-long": 1,
      "empty-response": 1,
      "equal-responses": 1,
    });
  });

  it("holds out whole conversations, never trained on, and depends on the seed alone", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 40 }), fc.nat(), async (count, seed) => {
        const pairs = letterPairs(count, seed).map((pair, index) => ({ ...pair, prompt: [`turn ${index % 7}`, "b"] }));
        const data = await prepareData(tokenizer, pairs, null, { ...options, maxTokens: 40, seed });
        const openings = (some: readonly TokenisedExample[]) => new Set(some.map(({ prompt }) => prompt.join()));
        const heldOut = openings(data.heldOut);
        for (const opening of openings(data.pairs)) expect(heldOut.has(opening)).toBe(false);
        expect(data.pairs.length + data.heldOut.length).toBe(count);
        expect(data.heldOut.length).toBeGreaterThan(0);
        expect((await prepareData(tokenizer, pairs, null, { ...options, maxTokens: 40, seed })).sha256).toBe(
          data.sha256,
        );
      }),
      { seed: 13, numRuns: 11 },
    );
  });

  it("drops supervised texts of held-out conversations, however they are written", async () => {
    const pairs = Array.from({ length: 11 }, (_, index) => ({
      prompt: [`\n\nHuman: ${index}\n\nAssistant:`],
      chosen: "a",
      rejected: "b",
    }));
    const supervised = pairs.flatMap((_, index) => [
      { prompt: [], response: `\n\nHuman: ${index}\n\nAssistant: x` },
      { prompt: [`\n\nHuman: ${index}`, "\n\nAssistant: y", "\n\nHuman: z\n\nAssistant:"], response: "x" },
    ]);
    const data = await prepareData(tokenizer, pairs, supervised, { ...options, maxTokens: 99 });
    expect(data.heldOut.length).toBeGreaterThan(0);
    expect(data.dropped).toEqual({ "prompt-held-out": 2 * data.heldOut.length });
  });

  it("drops a response that leaves no token, where there is no end token", async () => {
    const silent: typeof tokenizer = {
      ...tokenizer,
      eosTokens: [],
      encode: (text, encoding) => tokenizer.encode(text.replaceAll("?", ""), encoding),
    };
    const pair = (rejected: string) => ({ prompt: ["x"], chosen: "y", rejected });
    const data = await prepareData(silent, [pair("z"), pair("?")], null, { ...options, heldOut: 0 });
    expect([data.pairs.length, data.dropped]).toEqual([1, { "empty-response": 1 }]);
  });

  it("refuses data with nothing left, saying why", async () => {
    await expect(prepareData(tokenizer, [], null, options)).rejects.toThrow(/none were given/);
    const one = [{ prompt: ["x"], chosen: "y".repeat(99), rejected: "z" }];
    await expect(prepareData(tokenizer, one, null, options)).rejects.toThrow(/1 response-too-long/);
  });
});

describe("row extraction", () => {
  it("gives each response the rows it has alone, with the prompt run once", async () => {
    const device = await sharedDevice("reference");
    using model = tinyLlama(device, 3);
    using extractor = createRowExtractor(device, model.backbone, model.params, 12);
    for (const group of groupExamples(examples, 1000)) {
      const rows = await extractor.extract(group);
      for (const [index, { prompt, responses }] of group.entries()) {
        for (const [at, response] of responses.entries()) {
          const ids = Uint32Array.from([...prompt, ...response.subarray(0, -1)]);
          using expected = model.backbone.hidden(model.params, ids, segmentsOf([ids.length]));
          checkClose("rows", [...rows[index]!.prompt, ...rows[index]!.responses[at]!], await expected.read(), 1e-6);
        }
      }
    }
  });

  it("groups neighbours within both limits, the same way each time", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))),
        fc.integer({ min: 1, max: 50 }),
        (sizes, limit) => {
          const list = sizes.map(([prompt, response]) => example(prompt, response, 1));
          const groups = groupExamples(list, limit);
          expect(groups.flat()).toEqual(list);
          for (const group of groups) {
            const rows = group.reduce((sum, each) => sum + rowCountOfExample(each), 0);
            expect(group.length === 1 || rows <= limit).toBe(true);
            expect(2 * group.length).toBeLessThanOrEqual(8);
          }
        },
      ),
      { seed: 5, numRuns: 50 },
    );
  });
});

describe("cached features", () => {
  async function setup(name: string) {
    const device = await sharedDevice("cpu");
    const model = tinyLlama(device, 3);
    return {
      folder: join(folder, name),
      options: {
        device,
        backbone: model.backbone,
        params: model.params,
        backboneSha256: "b",
        backboneDtype: "f32",
        examples,
        dataSha256: "d",
        rowLimit: 9,
      },
    };
  }
  async function open({ folder: at, options }: Awaited<ReturnType<typeof setup>>) {
    const extraction = cachedFeatures(at, options);
    let progress = 0;
    for (;;) {
      const next = await extraction.next();
      if (next.done) return { source: next.value, progress };
      progress++;
    }
  }

  it("are extracted once, equal what is recomputed up to binary16, and are not mistaken for another model's", async () => {
    const given = await setup("once");
    const first = await open(given);
    expect(first.progress).toBeGreaterThan(1);
    const again = await open(given);
    expect(again.progress).toBe(0);
    const recomputed = recomputedFeatures(given.options);
    const [stored, fresh] = [await again.source.read([3, 0]), await recomputed.read([3, 0])];
    for (const [index, rows] of fresh.entries()) {
      checkClose("prompt", stored[index]!.prompt, rows.prompt, 1e-3);
      for (const [at, response] of rows.responses.entries())
        checkClose("response", stored[index]!.responses[at]!, response, 1e-3);
    }
    const other = await open({ ...given, options: { ...given.options, backboneSha256: "other" } });
    expect(other.progress).toBeGreaterThan(1);
    for (const { close } of [first.source, again.source, recomputed, other.source]) await close();
  });

  it("notice damage, and are extracted anew where the file is cut or of another version", async () => {
    const given = await setup("damage");
    await (await open(given)).source.close();
    const path = join(given.folder, (await readdir(given.folder))[0]!);
    const bytes = await readFile(path);
    const damaged = Uint8Array.from(bytes);
    damaged[bytes.length - 11]! ^= 1;
    await writeFile(path, damaged);
    const { source } = await open(given);
    await expect(source.read([examples.length - 1])).rejects.toMatchObject({ fault: "feature-file" });
    await source.close();
    for (const broken of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)]), Buffer.from("other")]) {
      await writeFile(path, broken);
      const repaired = await open(given);
      await repaired.source.read(examples.map((_, index) => index));
      await repaired.source.close();
      expect(await readFile(path)).toEqual(bytes);
    }
  });

  it("go on from any partial file to the same bytes", async () => {
    const layout = layoutFeatures("k".repeat(64), 2, examples);
    const rows: ExampleRows[] = examples.map(({ prompt, responses }, index) => ({
      prompt: new Float32Array(2 * prompt.length).fill(index / 4),
      responses: responses.map((response) => new Float32Array(2 * (response.length - 1)).fill(-index)),
    }));
    const boundaries = [0, 2, 3, 5];
    const write = async (path: string) => {
      const writer = await openFeatureWriter(path, layout, boundaries);
      await writer.append(rows.slice(writer.startCount));
      await writer.finish();
      return writer.startCount;
    };
    const whole = join(folder, "whole.bin");
    expect(await write(whole)).toBe(0);
    const expected = await readFile(whole);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: expected.length }), fc.boolean(), async (length, foreign) => {
        const path = join(folder, "resumed.bin");
        await writeFile(`${path}.partial`, expected.subarray(0, length));
        if (foreign) await appendFile(`${path}.partial`, "torn");
        const start = await write(path);
        expect(boundaries).toContain(start);
        expect(await readFile(path)).toEqual(expected);
        const file = await openFeatureFile(path, layout);
        expect(await file!.read(3)).toEqual(rows[3]);
        await file!.close();
      }),
      { seed: 29, numRuns: 40 },
    );
  });

  it("refuse rows past binary16 and a disk without room", async () => {
    const layout = layoutFeatures("k".repeat(64), 1, [example(1, 1)]);
    const writer = await openFeatureWriter(join(folder, "range.bin"), layout, [0, 1]);
    const rows = { prompt: Float32Array.of(7e4), responses: [new Float32Array(0)] };
    await expect(writer.append([rows])).rejects.toMatchObject({ fault: "feature-range" });
    await writer.close();
    const huge = { ...layout, offsets: [128, 2 ** 60] };
    await expect(openFeatureWriter(join(folder, "huge.bin"), huge, [0, 1])).rejects.toMatchObject({
      fault: "disk-space",
    });
    await expect(openFeatureWriter(join(folder, "none", "x.bin"), layout, [0, 1])).rejects.toMatchObject({
      name: "FileError",
    });
  });
});

describe("collate()", () => {
  const rowsOf = ({ prompt, responses }: TokenisedExample, tag: number): ExampleRows => ({
    prompt: Float32Array.from(prompt, (_, at) => tag + at / 100),
    responses: responses.map((response, index) =>
      Float32Array.from({ length: response.length - 1 }, (_, at) => tag + (index + 1) / 10 + at / 100),
    ),
  });
  const item = (each: TokenisedExample, tag: number) => ({ example: each, rows: rowsOf(each, tag) });
  const pairs = [item(examples[0]!, 1), item(examples[1]!, 2)];

  it("lets each label be predicted by the row before it, whatever is gated", () => {
    for (const learnChosen of [true, false]) {
      for (const contextOnPairs of [true, false]) {
        const own = learnChosen ? [] : [item(examples[2]!, 3)];
        const batch = collate(pairs, own, { hiddenSize: 1, learnChosen, contextOnPairs });
        const labels = [
          ...own.map((each) => [each, 0] as const),
          ...pairs.map((each) => [each, 0] as const),
          ...pairs.map((each) => [each, 1] as const),
        ].flatMap(([each, response]) =>
          [...each.example.responses[response]!].map((target, at) => ({
            target,
            row: at === 0 ? each.rows.prompt.at(-1)! : each.rows.responses[response]![at - 1]!,
          })),
        );
        expect([...batch.targets]).toEqual(labels.map(({ target }) => target));
        expect([...batch.labelRows].map((row) => batch.hidden[row])).toEqual(labels.map(({ row }) => row));
        const chosenLabels = 2 + 1;
        expect(batch.preferenceStart).toBe(learnChosen ? 0 : 3);
        expect(batch.lmCount).toBe(learnChosen ? chosenLabels : 3);
        expect([...batch.sequences]).toEqual([0, 0, 2, 1, 1, 1, 1, 1, 3]);
        expect(batch.gatedCount).toBe(contextOnPairs ? labels.length : batch.lmCount);
        // Every gated label lies in a segment that begins with its prompt.
        for (const row of batch.labelRows.subarray(0, batch.gatedCount))
          expect(row).toBeLessThan(batch.segments.offsets.at(-1)!);
      }
    }
  });

  it("refuses a batch without a label", () => {
    expect(() => collate([], [], { hiddenSize: 1, learnChosen: true, contextOnPairs: false })).toThrow(
      /labels of the batch are masked/,
    );
  });
});

describe("order, rate and figures", () => {
  it("shuffle by seed and epoch alone, each example once an epoch", () => {
    const order = epochOrder(29, 3, 1, "pairs");
    expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()]);
    expect(epochOrder(29, 3, 1, "pairs")).toEqual(order);
    expect(epochOrder(29, 3, 2, "pairs")).not.toEqual(order);
    expect(epochOrder(29, 4, 1, "pairs")).not.toEqual(order);
    const all = endlessOrder(7, 3, "supervised", 0, 21);
    for (let epoch = 0; epoch < 3; epoch++) expect(new Set(all.slice(7 * epoch, 7 * epoch + 7)).size).toBe(7);
    expect(endlessOrder(7, 3, "supervised", 5, 9)).toEqual(all.slice(5, 14));
  });

  it("climb over the warm-up and fall along a cosine, always above 0", () => {
    const options = { learningRate: 2, stepCount: 10, warmupStepCount: 2 };
    const rates = Array.from({ length: 10 }, (_, index) => cosineRate(index + 1, options));
    expect(rates.slice(0, 3)).toEqual([1, 2, 2]);
    expect(rates[6]).toBeCloseTo(1, 12);
    for (let step = 3; step < 10; step++) expect(rates[step]).toBeLessThan(rates[step - 1]!);
    expect(rates[9]).toBeGreaterThan(0);
    expect(cosineRate(1, { learningRate: 2, stepCount: 1, warmupStepCount: 0 })).toBe(2);
  });

  it("count ties half, and give Wilson's interval", () => {
    expect(accuracyOf([1, -1, 0, 2])).toBe(0.625);
    // Newcombe 1998, 81 of 263.
    const { low, high } = wilsonInterval(81 / 263, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
    for (const share of [0, 1]) {
      const bounds = wilsonInterval(share, 5);
      expect(bounds.low).toBeGreaterThanOrEqual(0);
      expect(bounds.high).toBeLessThanOrEqual(1);
      expect(bounds.high - bounds.low).toBeGreaterThan(0.3);
    }
  });
});
