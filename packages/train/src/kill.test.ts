// Real kills (SIGKILL) of a training process, during extraction, between steps and while files are being written:
// resumed after each, the run ends with the heads of one that was left alone. Needs the built files.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { headsFileName, metricsFileName } from "./index.ts";

const script = fileURLToPath(new URL("../dist/testing/killed-run.test-program.js", import.meta.url));

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-kill-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** How a run to a moment ends: the signal that killed it, or its exit code. */
function run(folder: string, moment: string, what: string): Promise<NodeJS.Signals | number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, folder, moment, what], { stdio: ["ignore", "ignore", "inherit"] });
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal ?? code));
  });
}

describe.skipIf(!existsSync(script))("a training process", () => {
  it.each([
    ["heads", headsFileName, ["features 3", "step 2", "writing training-state 1", "writing heads 1", "step 2"]],
    ["model", "tuned.safetensors", ["reference 1", "step 2", "writing training-state 1", "writing tuned 1", "step 4"]],
  ])(
    "of %s killed at one moment after the other and resumed, gives the bits of one run",
    async (what, file, moments) => {
      const [whole, killed] = [join(root, `${what}-whole`), join(root, `${what}-killed`)];
      expect(await run(whole, "never", what)).toBe(0);
      for (const moment of moments) expect([moment, await run(killed, moment, what)]).toEqual([moment, "SIGKILL"]);
      expect(await run(killed, "never", what)).toBe(0);
      expect((await readFile(join(killed, file))).equals(await readFile(join(whole, file)))).toBe(true);
      const losses = async (folder: string) =>
        (await readFile(join(folder, metricsFileName), "utf8")).match(/"step":\d+|"loss":[^,]+/g);
      expect(await losses(killed)).toEqual(await losses(whole));
      expect((await readdir(killed)).sort()).toEqual((await readdir(whole)).sort());
    },
  );
});
