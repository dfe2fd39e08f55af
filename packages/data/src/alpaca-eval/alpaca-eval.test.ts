// AlpacaEval's annotations: the published leaderboard from the published files, round trips, places of errors.
import { gzipSync } from "node:zlib";
import { readText } from "@dual-head/bytes";
import { sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCsv } from "../csv.ts";
import { readAlpacaEval } from "../index.ts";
import { createDataFolder, toJsonl } from "../testing/data-folder.ts";

const createFile = createDataFolder();

const sound = {
  instruction: "Say hello.",
  output_1: "Hello.",
  generator_1: "base",
  output_2: "Hello 👋",
  generator_2: "model",
  dataset: "greetings",
  annotator: "judge",
  preference: 1.25,
  raw_completion: { any: ["thing"] },
};

describe("readAlpacaEval()", () => {
  it("keeps texts, counts code points and passes over what it does not need", async () => {
    const expected = {
      instruction: "Say hello.",
      dataset: "greetings",
      baseline: { generator: "base", text: "Hello.", length: 6 },
      model: { generator: "model", text: "Hello 👋", length: 7 },
      annotator: "judge",
      preference: 1.25,
    };
    const { dataset: _dataset, annotator: _annotator, ...bare } = sound;
    for (const form of [JSON.stringify([sound]), gzipSync(JSON.stringify([sound])), toJsonl([sound])]) {
      expect(await readAlpacaEval(await createFile("annotations", form))).toEqual([expected]);
    }
    expect(
      await readAlpacaEval(await createFile("bare.json", JSON.stringify([{ ...bare, preference: null }]))),
    ).toEqual([{ ...expected, dataset: null, annotator: null, preference: null }]);
  });

  it("reads back what is written, in order", async () => {
    const text = fc.string({ unit: "grapheme" });
    const rows = fc.array(
      fc.record({
        instruction: text,
        output_1: text,
        generator_1: text,
        output_2: text,
        generator_2: text,
        dataset: text,
        annotator: text,
        preference: fc.oneof(fc.constantFrom(null, 0), fc.double({ min: 1, max: 2, noNaN: true })),
      }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const read = await readAlpacaEval(await createFile("many.json", JSON.stringify(given)));
        expect(read.map(({ baseline, model }) => [baseline.length, model.length])).toEqual(
          given.map(({ output_1, output_2 }) => [Array.from(output_1).length, Array.from(output_2).length]),
        );
        expect(
          read.map(({ instruction, baseline, model, dataset, annotator, preference }) => ({
            instruction,
            output_1: baseline.text,
            generator_1: baseline.generator,
            output_2: model.text,
            generator_2: model.generator,
            dataset,
            annotator,
            preference,
          })),
        ).toEqual(given);
      }),
      { seed: 141, numRuns: 100 },
    );
  });

  it("names the row and the field of what is malformed", async () => {
    const cases: readonly [object, string][] = [
      [{ ...sound, preference: 0.5 }, "preference"],
      [{ ...sound, preference: 2.1 }, "preference"],
      [{ ...sound, preference: undefined }, "preference"],
      [{ ...sound, output_2: null }, "output_2"],
      [{ ...sound, generator_1: undefined }, "generator_1"],
      [{ ...sound, instruction: 3 }, "instruction"],
    ];
    for (const [bad, field] of cases) {
      const array = await createFile("bad.json", JSON.stringify([sound, bad]));
      await expect(readAlpacaEval(array)).rejects.toMatchObject({ name: "DataError", line: null, row: 2, field });
      const lines = await createFile("bad.jsonl", toJsonl([sound, bad]));
      await expect(readAlpacaEval(lines)).rejects.toMatchObject({ name: "DataError", line: 2, row: 2, field });
    }
  });
});

const folder = sharedAsset("data/alpaca_eval");

describe.skipIf(folder === null)("AlpacaEval itself", () => {
  it("gives the win rates, counts and mean lengths of the leaderboard", async () => {
    const leaderboard = `${folder}/leaderboards/weighted_alpaca_eval_gpt4_turbo_leaderboard.csv`;
    const published = new Map(
      [...parseCsv(await readText(leaderboard), leaderboard)].map(({ fields }) => [fields[""], fields]),
    );
    const variants = (name: string) => [name, `${name}_concise`, `${name}_verbose`];
    const models = [
      ...variants("alpaca-7b"),
      ...variants("gpt-3.5-turbo-1106"),
      "gpt4_gamed",
      "phi-2-sft",
      "vicuna-7b",
    ];
    for (const model of models) {
      const annotations = await readAlpacaEval(`${folder}/dev/${model}.annotations.json.gz`);
      const expected = published.get(model)!;
      expect(annotations).toHaveLength(Number(expected.n_total));
      const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      const winRate = 100 * mean(annotations.map(({ preference }) => (preference === 0 ? 0.5 : preference! - 1)));
      expect(winRate).toBeCloseTo(Number(expected.win_rate), 9);
      // Its mean length is of all 805 outputs, without the fraction; where annotations are missing it cannot be had.
      if (annotations.length < 805) continue;
      expect(Math.trunc(mean(annotations.map((each) => each.model.length)))).toBe(Number(expected.avg_length));
    }
  });

  it("has a tenth model that the leaderboard leaves out", async () => {
    const annotations = await readAlpacaEval(`${folder}/dev/text_davinci_003.annotations.json.gz`);
    expect(annotations).toHaveLength(805);
    expect(new Set(annotations.map(({ baseline }) => baseline.generator))).toEqual(new Set(["gpt4_1106_preview"]));
  });
});
