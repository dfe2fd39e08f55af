// The whole command at tiny extents: every file is there, every sweep has a row, and the plots hold their marks.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeComplexity } from "./run.ts";
import { sweeps } from "./sweeps.ts";

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

describe("writeComplexity()", () => {
  it("measures every sweep and draws it, and draws the same again from the rows", async () => {
    const folder = await mkdtemp(join(tmpdir(), "dual-head-complexity-"));
    folders.push(folder);
    const noted: string[] = [];
    const names = await writeComplexity({ device: "cpu", quick: true, out: folder }, (text) => noted.push(text));
    expect(noted).toHaveLength(sweeps.length);
    const read = (name: string) => readFile(join(folder, name), "utf8");
    const document = await read("README.md");
    for (const { name } of sweeps) expect(document).toContain(`| ${name} |`);
    const plots = names.filter((name) => name.endsWith(".svg"));
    expect(plots).toHaveLength(new Set(sweeps.map(({ name }) => name)).size + 1);
    for (const plot of plots) {
      expect(document).toContain(`(${plot})`);
      expect(await read(plot)).toMatch(/^<svg[^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
      expect(await read(plot)).toContain("<path");
    }
    await writeComplexity({ device: "cpu", quick: true, out: folder, from: join(folder, "rows.json") }, () => {});
    expect(await read("README.md")).toBe(document);
  });
});
