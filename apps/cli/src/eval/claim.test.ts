// Directories of runs: what may be taken, what of a killed run is gone on with, and how long all its parts took.
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { type ClaimOptions, inRun, kernelsBegunWith } from "./claim.ts";
import { parseEvalConfig } from "./config.ts";

const config = parseEvalConfig(
  { setting: { kind: "mini-world" }, backbones: { main: "world:s" }, pairs: 8, prompts: 4 },
  "the test",
);

async function inFolder(body: (options: ClaimOptions) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  try {
    await body({ out: folder.path, config, suites: ["main"], last: "figures.json", kernels: "simd", onNote: () => {} });
  } finally {
    await folder.remove();
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("inRun()", () => {
  it("counts the time of every part, also of one that failed", () =>
    inFolder(async (options) => {
      const stopped = inRun(options, async () => {
        await pause(30);
        throw new Error("stopped");
      });
      await expect(stopped).rejects.toThrow("stopped");
      const { seconds: first } = JSON.parse(await readFile(`${options.out}/run.json`, "utf8"));
      expect(first).toHaveLength(1);
      const inAll = await inRun(options, async ({ secondsSoFar }) => secondsSoFar());
      expect(inAll).toBeGreaterThanOrEqual(first[0]);
      const { seconds, versions } = JSON.parse(await readFile(`${options.out}/run.json`, "utf8"));
      expect(seconds).toHaveLength(2);
      expect(seconds[0]).toBe(first[0]);
      const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
      expect(versions["dual-head"]).toBe(version);
    }));

  it("goes on where only its own configuration was written, wholly or in part", () =>
    inFolder(async (options) => {
      await writeFile(`${options.out}/config.json.77-0.partial`, "{");
      await inRun(options, async () => {});
      const text = await readFile(`${options.out}/config.json`, "utf8");
      await inFolder(async (killed) => {
        await writeFile(`${killed.out}/config.json`, text);
        await inRun(killed, async () => {});
      });
      await inFolder(async (other) => {
        await writeFile(`${other.out}/config.json`, text.replace('"prompts": 4', '"prompts": 5'));
        await expect(inRun(other, async () => {})).rejects.toThrow("holds other files");
      });
    }));

  it("takes no directory of other files, of another run or of a finished one", () =>
    inFolder(async (options) => {
      await inRun(options, async () => {});
      await expect(inRun({ ...options, suites: ["quality"] }, async () => {})).rejects.toThrow("this configuration");
      const other = { ...options, config: { ...config, prompts: 5 } };
      await expect(inRun(other, async () => {})).rejects.toThrow("another configuration");
      await writeFile(`${options.out}/figures.json`, "{}");
      await expect(inRun(options, async () => {})).rejects.toThrow("finished run");
      await inFolder(async (strange) => {
        await writeFile(`${strange.out}/notes.txt`, "mine");
        await expect(inRun(strange, async () => {})).rejects.toThrow("holds other files");
      });
    }));

  it("goes on with the kernels it was begun with, and no others", () =>
    inFolder(async (options) => {
      expect(await kernelsBegunWith(options.out)).toBeNull();
      await inRun(options, async () => {});
      expect(await kernelsBegunWith(options.out)).toBe("simd");
      await expect(inRun({ ...options, kernels: "wide" }, async () => {})).rejects.toThrow(
        /kernels simd and these are wide/,
      );
    }));

  it("says which version made what it goes on with", () =>
    inFolder(async (options) => {
      await inRun(options, async () => {});
      const path = `${options.out}/run.json`;
      const begun = JSON.parse(await readFile(path, "utf8"));
      await writeFile(path, JSON.stringify({ ...begun, versions: { ...begun.versions, "dual-head": "0.0.1" } }));
      const notes: string[] = [];
      await inRun({ ...options, onNote: (line) => notes.push(line) }, async () => {});
      expect(notes).toEqual([expect.stringContaining("was begun by version 0.0.1")]);
    }));

  it("keeps what judges were paid, also by a part that failed", () =>
    inFolder(async (options) => {
      const failed = inRun(options, async (ledger) => {
        ledger.costSoFar = () => ledger.costBefore + 1.25;
        throw new Error("stopped");
      });
      await expect(failed).rejects.toThrow("stopped");
      // A part that pays nobody keeps it.
      await inRun(options, async ({ costSoFar }) => expect(costSoFar()).toBe(1.25));
      expect(await inRun(options, async ({ costBefore }) => costBefore)).toBe(1.25);
    }));
});
