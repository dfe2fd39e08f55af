// Whole files: formats found, drops counted, places of errors, the real data, and splits that keep conversations whole.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { decodeText, FileError, parseGzip } from "@dual-head/bytes";
import { sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readHhRow } from "./hh-rlhf/read-row.ts";
import {
  DataError,
  openingOf,
  type PreferencePair,
  readPreferences,
  readSft,
  splitHeldOut,
  splitTurns,
} from "./index.ts";
import { parseJsonRows } from "./json-rows.ts";
import { readSftRow } from "./sft/read-row.ts";
import { damaged } from "./testing/damaged.ts";
import { readTrlRow } from "./trl/read-row.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dual-head-data-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function createFile(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const hhRow = { chosen: "\n\nHuman: a\n\nAssistant: b", rejected: "\n\nHuman: a\n\nAssistant: c" };
const trlRow = { prompt: "a", chosen: "b", rejected: "c" };
const lines = (...rows: readonly unknown[]) => rows.map((each) => `${JSON.stringify(each)}\n`).join("");

describe("readPreferences()", () => {
  it("reads lines and arrays, compressed or not, whatever the name", async () => {
    const jsonl = `${JSON.stringify(hhRow)}\r\n\n${JSON.stringify(hhRow)}`;
    const array = JSON.stringify([hhRow, hhRow], null, 2);
    for (const [index, content] of [jsonl, array, gzipSync(jsonl), gzipSync(array)].entries()) {
      const result = await readPreferences(await createFile(`form-${index}`, content));
      expect(result.rowCount).toBe(2);
      expect(result.pairs).toEqual(
        Array(2).fill({ prompt: ["\n\nHuman: a\n\nAssistant:"], chosen: " b", rejected: " c" }),
      );
    }
  });

  it("finds the format of each file by its first row and counts drops over all", async () => {
    const hh = await createFile("hh.jsonl", lines(hhRow, { ...hhRow, rejected: hhRow.chosen }));
    const trl = await createFile("trl.jsonl", lines(trlRow, { ...trlRow, chosen: "" }));
    const { pairs, dropped, rowCount } = await readPreferences([hh, trl]);
    expect([pairs.length, rowCount]).toEqual([2, 4]);
    expect(dropped).toMatchObject({ "equal-answers": 1, "empty-answer": 1, "prefixes-differ": 0 });
    await expect(readPreferences(hh, { format: "trl" })).rejects.toMatchObject({ name: "DataError", line: 1 });
  });

  it("names the line or row of what is malformed", async () => {
    const cases: readonly [string, string, object][] = [
      ["cut.jsonl", `${lines(hhRow)}\n{"chosen": "x`, { line: 3 }],
      ["array-in-lines.jsonl", `${lines(hhRow)}[1]`, { line: 2 }],
      ["wrong-type.jsonl", lines(hhRow, hhRow, { chosen: 1, rejected: "" }), { line: 3 }],
      ["row.json", JSON.stringify([hhRow, 5]), { line: null, row: 2 }],
      ["cut.json", `[${JSON.stringify(hhRow)},\n`, { line: 2 }],
      ["other.jsonl", lines({ question: "a" }), { line: 1 }],
      ["empty.jsonl", "\n \n", { line: null, row: null }],
      ["empty.json", "[]", { line: null, row: null }],
      ["table.parquet", "PAR1....PAR1", { line: null }],
    ];
    for (const [name, content, facts] of cases) {
      const path = await createFile(name, content);
      await expect(readPreferences(path)).rejects.toMatchObject({ name: "DataError", path, ...facts });
    }
    const useless = await createFile("useless.jsonl", lines({ ...hhRow, rejected: hhRow.chosen }));
    await expect(readPreferences(useless)).rejects.toThrow(/all 1 rows were dropped \(equal-answers 1\)/);
    await expect(readPreferences([])).rejects.toThrow(DataError);
    await expect(readPreferences(join(folder, "absent"))).rejects.toThrow(FileError);
  });

  it("gives typed errors for 10,000 damaged texts and files of gzip", async () => {
    const sound = new TextEncoder().encode(lines(hhRow, trlRow, hhRow));
    const array = new TextEncoder().encode(JSON.stringify([hhRow, trlRow]));
    const read = async (bytes: Uint8Array): Promise<void> => {
      try {
        const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
        const text = decodeText(isGzip ? await parseGzip(bytes, "x") : bytes, "x");
        for await (const row of parseJsonRows(text.split("\n"), "x", async () => text)) {
          for (const readRow of [readHhRow, readTrlRow, readSftRow]) {
            try {
              readRow(row);
            } catch (error) {
              if (!(error instanceof DataError)) throw error;
            }
          }
        }
      } catch (error) {
        if (!(error instanceof DataError || error instanceof FileError)) throw error;
      }
    };
    await fc.assert(fc.asyncProperty(damaged(sound, array), read), { seed: 101, numRuns: 10_000 });
    const packed = damaged(gzipSync(sound), gzipSync(array));
    await fc.assert(fc.asyncProperty(packed, read), { seed: 103, numRuns: 10_000 });
  });
});

describe("readSft()", () => {
  it("reads rows of any form and counts drops", async () => {
    const path = await createFile("sft.jsonl", lines({ text: "a" }, { prompt: "b", response: " c" }, { text: "" }));
    const { examples, dropped, rowCount } = await readSft(path);
    expect(examples).toEqual([
      { prompt: [], response: "a" },
      { prompt: ["b"], response: " c" },
    ]);
    expect([rowCount, dropped["empty-answer"]]).toEqual([3, 1]);
  });
});

describe("splitHeldOut()", () => {
  const pair = fc.tuple(fc.nat(40), fc.nat(3), fc.string()).map(([opening, turns, answer]): PreferencePair => {
    const prompt = Array.from({ length: turns + 1 }, (_, turn) => `\n\nHuman: ${opening}.${turn}\n\nAssistant:`);
    return { prompt, chosen: answer, rejected: "no" };
  });

  it("keeps conversations on one side, loses nothing, holds out what was asked, and does not mind the order", () => {
    fc.assert(
      fc.property(
        fc.array(pair),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.integer(),
        (pairs, fraction, seed) => {
          const { train, heldOut } = splitHeldOut(pairs, fraction, seed);
          const kept = new Set(train);
          expect(pairs.filter((each) => kept.has(each))).toEqual(train);
          expect(train.length + heldOut.length).toBe(pairs.length);
          const openings = new Set(train.map(({ prompt }) => prompt[0]));
          for (const { prompt } of heldOut) expect(openings.has(prompt[0])).toBe(false);
          if (openings.size > 1) expect(heldOut.length).toBeGreaterThanOrEqual(fraction * pairs.length);
          if (pairs.length > 0) expect(train.length).toBeGreaterThan(0);
          const reversed = splitHeldOut(pairs.toReversed(), fraction, seed);
          expect(reversed.heldOut).toEqual(heldOut.toReversed());
        },
      ),
      { seed: 102, numRuns: 300 },
    );
  });

  it("keeps a conversation cut after its first question with the same one cut later", () => {
    const [later, first] = ["\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", "\n\nHuman: a\n\nAssistant:"];
    expect(openingOf({ prompt: splitTurns(first) })).toBe(openingOf({ prompt: splitTurns(later) }));
    expect(openingOf({ prompt: [], response: later })).toBe("\n\nHuman: a");
    expect(openingOf({ prompt: [] })).toBe("");
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(2))), fc.integer(), (list, seed) => {
        const pairs = list.map(([opening, turns]): PreferencePair => {
          const question = `\n\nHuman: ${opening}\n\nAssistant:`;
          return { prompt: splitTurns(`${`${question} x`.repeat(turns)}${question}`), chosen: "y", rejected: "n" };
        });
        const { train, heldOut } = splitHeldOut(pairs, 0.5, seed);
        const questions = (some: readonly PreferencePair[]) => some.map(({ prompt }) => /\d+/.exec(prompt[0]!)![0]);
        const trained = new Set(questions(train));
        for (const question of questions(heldOut)) expect(trained.has(question)).toBe(false);
      }),
      { seed: 103, numRuns: 100 },
    );
  });

  it("differs by seed and stays the same from one version to the next", () => {
    const pairs = Array.from({ length: 101 }, (_, index) => ({ prompt: [`${index}`], chosen: "a", rejected: "b" }));
    const held = (seed: number) => splitHeldOut(pairs, 0.1, seed).heldOut.map(({ prompt }) => prompt[0]);
    expect(held(7)).not.toEqual(held(8));
    expect(held(7).length).toBe(11);
    // Golden value of this function, version 0.1.0.
    expect(held(7).join(" ")).toBe("1 2 4 24 30 33 38 39 50 62 89");
  });

  it("refuses fractions and seeds that are none", () => {
    for (const fraction of [-0.1, 1, Number.NaN]) expect(() => splitHeldOut([], fraction, 0)).toThrow(RangeError);
    expect(() => splitHeldOut([], 0.1, 0.5)).toThrow(RangeError);
  });
});

const helpful = sharedAsset("data/hh-rlhf/helpful-base.test.jsonl.gz");
const harmless = sharedAsset("data/hh-rlhf/harmless-base.test.jsonl.gz");

describe.skipIf(helpful === null || harmless === null)("HH-RLHF itself", () => {
  it("has the rows, drops and lengths that were counted by hand", async () => {
    const first = await readPreferences(helpful!);
    expect(first.rowCount).toBe(2354);
    expect(first.pairs.length).toBe(2339);
    expect(first.dropped).toMatchObject({ "prefixes-differ": 9, "empty-answer": 4, "equal-answers": 2 });
    const second = await readPreferences(harmless!);
    expect(second.rowCount).toBe(2312);
    expect(second.pairs.length).toBe(2303);
    expect(second.dropped).toMatchObject({ "prefixes-differ": 5, "empty-answer": 4, "equal-answers": 0 });
    // The confound that every evaluation must print: how often the shorter answer is the chosen one.
    const shorterShare = (pairs: readonly PreferencePair[]) =>
      pairs.filter(({ chosen, rejected }) => chosen.length < rejected.length).length / pairs.length;
    expect(shorterShare(first.pairs)).toBeCloseTo(0.4, 1);
    expect(shorterShare(second.pairs)).toBeCloseTo(0.55, 1);
    for (const { prompt } of [...first.pairs, ...second.pairs]) {
      expect(prompt[0]).toMatch(/^\n\nHuman: /);
      expect(prompt.at(-1)).toMatch(/\n\nAssistant:$/);
    }
    const pairs = [...first.pairs, ...second.pairs];
    const { train, heldOut } = splitHeldOut(pairs, 0.1, 0);
    expect(heldOut.length / pairs.length).toBeCloseTo(0.1, 2);
    // 24 of the held-out pairs opened like a trained one when a prompt of one turn counted as another opening.
    const firstQuestion = ({ prompt }: PreferencePair) => prompt.join("").split("\n\nAssistant:")[0]!;
    const trained = new Set(train.map(firstQuestion));
    expect(heldOut.filter((pair) => trained.has(firstQuestion(pair)))).toEqual([]);
  });
});

const shareGpt = sharedAsset("data/llamafactory/dpo_en_demo.json");

describe.skipIf(shareGpt === null)("ShareGPT's form", () => {
  it("is read whole, with the system before the first question", async () => {
    const { pairs, rowCount, dropped } = await readPreferences(shareGpt!);
    const droppedCount = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    expect([rowCount, pairs.length + droppedCount]).toEqual([300, 300]);
    expect(pairs.length).toBeGreaterThan(290);
    for (const { prompt, chosen } of pairs) {
      expect(prompt[0]).toMatch(/^\n\nHuman: /);
      expect(prompt.at(-1)).toMatch(/\n\nAssistant:$/);
      expect(chosen).toMatch(/^ /);
    }
  });
});

const unpaired = sharedAsset("data/llamafactory/kto_en_demo.json");

describe.skipIf(unpaired === null)("KTO's form", () => {
  it("gives its desirable answers as examples", async () => {
    const { examples, rowCount, dropped } = await readSft(unpaired!);
    const droppedCount = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    expect([rowCount, examples.length + droppedCount]).toEqual([300, 300]);
    expect([examples.length, dropped.undesirable]).toEqual([150, 150]);
  });
});
