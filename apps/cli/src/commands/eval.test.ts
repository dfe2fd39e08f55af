// The evaluation end to end at a size that shows nothing but that it works: every suite, the search, resuming, refusals.
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEvalConfig } from "../eval/config.ts";
import type { SuiteReport } from "../eval/figures.ts";
import { shippedConfig, shippedConfigs } from "../eval/shipped-configs.ts";
import { suites } from "../eval/suites/table.ts";
import { temporaryFolder } from "../testing/folder.ts";
import { run } from "../testing/run.ts";

/** The figures of a finished run without what the clock decides. */
async function figuresOf(folder: string): Promise<readonly SuiteReport[]> {
  const { reports } = JSON.parse(await readFile(`${folder}/figures.json`, "utf8")) as {
    reports: readonly SuiteReport[];
  };
  return reports.map((report) => ({
    ...report,
    tables: report.tables.map((table) => ({
      ...table,
      rows: table.rows.map((row) => ({
        ...row,
        cells: row.cells.map((cell, at) => (table.columns[at]!.isClock ? null : cell)),
      })),
    })),
  }));
}

describe("eval", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());
  const argvOf = (suite: string, out: string) => [
    ...["eval", suite, "--config", "mini-world-quick", "--device", "cpu", "--threads", "2"],
    ...["--out", `${folder.path}/${out}`],
  ];
  const quick = (suite: string, out: string, ...rest: readonly string[]) => run([...argvOf(suite, out), ...rest]);

  it("all-mini runs every suite and writes figures, a page and a text that set the paper's numbers beside", async () => {
    const { status, out, note } = await quick("all-mini", "all");
    expect(note).toContain("the report is");
    expect(status).toBe(0);
    const reports = await figuresOf(`${folder.path}/all`);
    expect(reports.map(({ suite }) => suite)).toEqual(suites.map(({ name }) => name));
    for (const { suite, tables } of reports) {
      expect(tables.length, suite).toBeGreaterThan(0);
      for (const { columns, rows } of tables) {
        for (const { cells, label } of rows) expect(cells.length, `${suite}, ${label}`).toBe(columns.length);
      }
    }
    const page = await readFile(`${folder.path}/all/report.html`, "utf8");
    for (const text of ["64.8 ± 0.9", "prefers-color-scheme: dark", "<svg", "hold here"]) expect(page).toContain(text);
    expect(page).not.toMatch(/src=|href="http/);
    expect(out).toContain("| dual-head against genarm |");
  }, 300_000);

  it("keeps a finished run, and makes the same figures from the same seed elsewhere", async () => {
    const again = await quick("all-mini", "all");
    expect(again.status).toBe(2);
    expect(again.note).toContain("holds a finished run");
    expect((await quick("main", "twice")).status).toBe(0);
    const [main] = await figuresOf(`${folder.path}/all`);
    expect((await figuresOf(`${folder.path}/twice`))[0]).toEqual(main);
  }, 200_000);

  it("goes on where it was stopped, and refuses another configuration in its place", async () => {
    const controller = new AbortController();
    let answers = 0;
    const io = {
      signal: controller.signal,
      onNote: (line: string) => {
        if (/answers/.test(line) && ++answers === 2) controller.abort();
      },
      interactive: true,
    };
    const argv = argvOf("main", "stopped");
    expect((await run(argv, io)).status).not.toBe(0);
    const other = await run([...argv, "--prompts", "9"]);
    expect([other.status, other.note]).toEqual([2, expect.stringContaining("another configuration")]);
    expect((await run(argv)).status).toBe(0);
    expect((await figuresOf(`${folder.path}/stopped`))[0]).toEqual((await figuresOf(`${folder.path}/all`))[0]);
  }, 200_000);

  it("says what would run and what stands in the way, without running it", async () => {
    const fine = await quick("all-mini", "dry", "--dry-run");
    expect([fine.status, fine.note]).toEqual([0, expect.stringContaining("nothing stands in the way")]);
    expect(fine.out).toContain("train dpo on main for overall");
    const argv = ["eval", "main", "--config", "hh-rlhf-llama", "--device", "cpu", "--out", `${folder.path}/dry`];
    const paper = await run([...argv, "--dry-run"]);
    expect(paper.status).toBe(2);
    for (const text of ["data/hh-rlhf/helpful-base/train.jsonl.gz is missing", "OPENAI_API_KEY", "main:"]) {
      expect(paper.note).toContain(text);
    }
  }, 60_000);

  it("ships configurations that are sound, and names the key of one that is not", async () => {
    for (const name of shippedConfigs)
      expect((await readEvalConfig(shippedConfig(name))).backbones.main).toBeTypeOf("string");
    const broken = async (value: unknown, text = JSON.stringify(value)) => {
      await writeFile(`${folder.path}/broken.json`, text);
      return (await run(["eval", "main", "--config", `${folder.path}/broken.json`, "--out", `${folder.path}/broken`]))
        .note;
    };
    const sound = { setting: { kind: "mini-world" }, backbones: { main: "world:s" }, pairs: 8, prompts: 4 };
    expect(await broken(null, "{")).toContain("it is no JSON");
    expect(await broken({ ...sound, pairs: 0 })).toContain("pairs is 0");
    expect(await broken({ ...sound, backbones: {} })).toContain("a backbone named main");
    expect(await broken({ ...sound, methods: { rlhf: {} } })).toContain("rlhf");
    expect((await run(["eval", "main", "--config", "nowhere.json", "--out", folder.path])).note).toContain(
      "no such file",
    );
  }, 60_000);
});
