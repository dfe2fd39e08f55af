// The cpu device inside a worker: the loop that started it goes on while it computes, and the numbers are the same.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDevice } from "../../device.ts";
import { matmul } from "../../ops/matmul/op.ts";

const folder = mkdtempSync(join(tmpdir(), "dual-head-event-loop-"));
const wave = Float32Array.from({ length: 64 * 64 }, (_, index) => Math.sin(index));

// What a user's own worker would hold: it opens a device, computes until it is told to stop, and answers.
const program = `
import { parentPort, workerData } from "node:worker_threads";
import { matmul, openDevice } from "./index.js";
const device = await openDevice("cpu", { threads: 2 });
const stop = new Int32Array(workerData.stop);
const x = device.tensor(workerData.wave, [64, 64]);
parentPort.postMessage("computing");
let product = matmul(x, x);
while (Atomics.load(stop, 0) === 0) {
  product.dispose();
  product = matmul(x, x);
}
parentPort.postMessage(await product.read());
device.dispose();
`;

/** Compiles the package from source: a worker of Node 20 reads JavaScript only. */
function compilePackage(): void {
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  const project = fileURLToPath(new URL("../../../tsconfig.json", import.meta.url));
  const off = ["composite", "incremental", "isolatedDeclarations", "declaration", "declarationMap", "sourceMap"];
  const flags = ["--noCheck", "--outDir", folder, ...off.flatMap((flag) => [`--${flag}`, "false"])];
  execFileSync(process.execPath, [compiler, "-p", project, ...flags]);
}

beforeAll(() => {
  compilePackage();
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "worker.js"), program);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('openDevice("cpu") in a worker', () => {
  it("leaves the timers of the loop that started it running while it computes", async () => {
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(join(folder, "worker.js"), { workerData: { stop: stop.buffer, wave } });
    const product = await new Promise((resolve, reject) => {
      let ticks = 0;
      worker.once("error", reject);
      worker.on("message", (message) => {
        if (message !== "computing") resolve(message);
        // It computes until the tenth tick of this loop: were the loop held up, there would be none.
        else setInterval(() => Atomics.store(stop, 0, ++ticks >= 10 ? 1 : 0), 1).unref();
      });
    });
    await worker.terminate();
    using device = await openDevice("cpu", { threads: 1 });
    using x = device.tensor(wave, [64, 64]);
    using expected = matmul(x, x);
    expect(product).toEqual(await expected.read());
  });
});
