// What a suite lacks is said of every configuration alike, and a run stops at it before it writes or trains anything.
import { readdir, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing/folder.ts";
import { run } from "../../testing/run.ts";
import { parseEvalConfig } from "../config.ts";
import { previewSetting } from "../settings/create-setting.ts";
import { tunePreview } from "../tune.ts";
import { checkNeeds, lacksOf } from "./needs.ts";
import { namedSuites } from "./table.ts";

const all = [...namedSuites, tunePreview];

describe("lacksOf()", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const place = (name: string) => `${folder.path}/${name}`;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const pairs = Array.from({ length: 7 }, (_, at) => {
      const question = `\n\nHuman: What of ${at}?\n\nAssistant: `;
      return JSON.stringify({ chosen: `${question}Much.`, rejected: `${question}Little.` });
    });
    await writeFile(place("pairs.jsonl"), pairs.join("\n"));
    await writeFile(place("one.jsonl"), pairs[0]!);
    const question = { question_id: 1, category: "writing", turns: ["Write.", "Shorten."] };
    await writeFile(place("questions.jsonl"), JSON.stringify(question));
    await writeFile(place("one-turn.jsonl"), JSON.stringify({ ...question, turns: ["Write."] }));
    await writeFile(
      place("truth.csv"),
      "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\nA,Stars,Far?,Yes,It is; Yes,No,x\n",
    );
  });
  afterAll(() => folder.remove());

  interface Given {
    readonly objectives: boolean;
    readonly prompts: "none" | "one" | "some";
    readonly validation: boolean;
    readonly scorer: boolean;
    readonly truth: boolean;
    readonly turns: "none" | "one" | "two";
    readonly temperature: number;
  }
  const configOf = ({ objectives, prompts, validation, scorer, truth, turns, temperature }: Given) => {
    const pairs = [place("pairs.jsonl")];
    const testPrompts = { none: place("nowhere.jsonl"), one: place("one.jsonl"), some: place("pairs.jsonl") }[prompts];
    const questions = { none: undefined, one: place("one-turn.jsonl"), two: place("questions.jsonl") }[turns];
    return parseEvalConfig(
      {
        setting: {
          ...{ kind: "files", prompts: [testPrompts] },
          preferences: { overall: pairs, ...(objectives ? { helpful: pairs, harmless: pairs } : {}) },
          ...(validation ? { validationPrompts: [place("pairs.jsonl")] } : {}),
          ...(scorer ? { scorers: { overall: "owner/reward" } } : {}),
          ...(truth ? { truthfulQa: place("truth.csv") } : {}),
          ...(questions === undefined ? {} : { mtBench: { questions } }),
        },
        ...{ backbones: { main: "world:s" }, pairs: 8, prompts: 5, temperature },
      },
      "the test",
    );
  };
  const given: fc.Arbitrary<Given> = fc.record({
    objectives: fc.boolean(),
    prompts: fc.constantFrom("none", "one", "some"),
    validation: fc.boolean(),
    scorer: fc.boolean(),
    truth: fc.boolean(),
    turns: fc.constantFrom("none", "one", "two"),
    temperature: fc.constantFrom(0, 0.7),
  });

  it("names the suites that cannot run, and a run is refused exactly where one of its suites is named", async () => {
    await fc.assert(
      fc.asyncProperty(given, async (own) => {
        const config = configOf(own);
        const setting = previewSetting(config.setting);
        const hasPrompts = own.prompts === "some";
        const ready: Readonly<Record<string, boolean>> = {
          ...Object.fromEntries(namedSuites.map(({ name }) => [name, hasPrompts])),
          truthfulqa: own.truth,
          "mt-bench": own.turns === "two",
          "weak-to-strong": hasPrompts && own.turns === "two",
          "multi-objective": hasPrompts && own.objectives,
          frontier: hasPrompts && own.scorer && own.temperature > 0,
          // A file that is there serves the search, whatever the test prompts are.
          tune: own.validation && own.scorer,
        };
        for (const { suite, lacks } of await lacksOf(all, config, setting)) {
          expect([suite.name, lacks.length === 0]).toEqual([suite.name, ready[suite.name]]);
          const checked = checkNeeds([suite], config, setting);
          if (ready[suite.name]) await checked;
          else await expect(checked).rejects.toThrow(`Cannot run ${suite.name}: ${lacks[0]}`);
        }
      }),
      { numRuns: 30, seed: 20261126 },
    );
  });

  it("says what to add", async () => {
    const config = configOf({
      ...{ objectives: false, prompts: "one", validation: false, scorer: false },
      ...{ truth: false, turns: "none", temperature: 0 },
    });
    const found = await lacksOf(all, config, previewSetting(config.setting));
    const lacksBy = Object.fromEntries(found.map(({ suite, lacks }) => [suite.name, lacks.join("; ")]));
    expect(lacksBy.main).toBe("the setting files has 1 test prompts; name files of at least 2");
    expect(lacksBy["mt-bench"]).toContain("add setting.mtBench");
    expect(lacksBy["weak-to-strong"]).toContain("add setting.mtBench");
    expect(lacksBy.truthfulqa).toContain("add setting.truthfulQa");
    expect(lacksBy["multi-objective"]).toContain(
      "Cannot train for helpful: the configuration has preferences for over",
    );
    expect(lacksBy.frontier).toMatch(/add setting\.scorers\.overall; .*the temperature is 0/);
    expect(lacksBy.tune).toContain("add some");
  });

  it("stops a run with what its dry run says, and leaves nothing behind", async () => {
    const config = configOf({
      ...{ objectives: true, prompts: "some", validation: true, scorer: false },
      ...{ truth: true, turns: "one", temperature: 1 },
    });
    await writeFile(
      place("config.json"),
      JSON.stringify({ ...config, judge: { kind: "recorded", folder: folder.path } }),
    );
    const argv = ["eval", "mt-bench", "--config", place("config.json"), "--device", "cpu", "--out", place("out")];
    const text = "question 1 of";
    for (const each of [argv, [...argv, "--dry-run"]]) {
      const { status, note } = await run(each);
      expect([status, note.split(text).length]).toEqual([2, 2]);
    }
    expect(await readdir(folder.path)).not.toContain("out");
  });
});
