// `generate` against llama2.c's text, its JSON, stop strings, seeds and aborting.
import { readFile } from "node:fs/promises";
import { sharedAsset } from "@dual-head/repo-tools";
import { testDeviceNames } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { run, runJson } from "../testing/run.ts";

const stories = sharedAsset("models/stories260K/hf");
const expectedPath = sharedAsset("ref/stories260K_expected.json");

interface Generated {
  readonly text: string;
  readonly tokens: readonly { id: number; text: string; logp: number; alpha: number | null }[];
  readonly device: string;
  readonly cost: { forwards: number; tokens: number; rewardCalls: number };
  readonly timing: { prefillSeconds: number; decodeSeconds: number; tokensPerSecond: number };
}

describe.skipIf(stories === null || expectedPath === null)("generate on stories260K", () => {
  const base = ["generate", "--model", stories ?? "", "--prompt", ""];

  it.each(testDeviceNames)("reproduces 200 greedy steps of llama2.c on %s", async (device) => {
    const expected = JSON.parse(await readFile(expectedPath!, "utf8")) as { expected_stdout: string; steps: number };
    const result = await runJson<Generated>([
      ...base,
      "--temperature",
      "0",
      "--max-new-tokens",
      String(expected.steps),
      "--device",
      device,
    ]);
    expect(result.text).toBe(expected.expected_stdout);
    expect(
      result.tokens
        .map(({ text }) => text)
        .join("")
        .trimStart(),
    ).toBe(expected.expected_stdout);
    expect(result.device).toBe(device);
    expect(result.cost).toEqual({ forwards: expected.steps, tokens: expected.steps, rewardCalls: 0 });
    expect(result.tokens.every(({ logp, alpha }) => logp <= 0 && alpha === null)).toBe(true);
  });

  it("streams the text of its JSON, and repeats it for a seed", async () => {
    const options = ["--seed", "7", "--max-new-tokens", "40", "--top-k", "20", "--device", "cpu"];
    const { text } = await runJson<Generated>([...base, ...options]);
    const streamed = await run([...base, ...options]);
    expect(streamed.out).toBe(`${text}\n`);
    expect(streamed.status).toBe(0);
    const other = await runJson<Generated>([...base, ...options.with(1, "8")]);
    expect(other.text).not.toBe(text);
  });

  it("ends before a stop string that spans tokens", async () => {
    const { text } = await runJson<Generated>([
      ...base,
      "--temperature",
      "0",
      "--max-new-tokens",
      "60",
      "--stop",
      "little girl",
      "--device",
      "cpu",
    ]);
    expect(text).toBe("Once upon a time, there was a ");
  });

  it("continues a prompt with its own space", async () => {
    const { text } = await runJson<Generated>([
      "generate",
      "--model",
      stories!,
      "--prompt",
      "Once upon",
      "--temperature",
      "0",
      "--max-new-tokens",
      "4",
      "--device",
      "cpu",
    ]);
    expect(text.startsWith(" a time")).toBe(true);
  });

  it("ends with status 130 when interrupted, and keeps what was written", async () => {
    const outcome = await run([...base, "--max-new-tokens", "400", "--device", "cpu"], {
      signal: AbortSignal.abort(new Error("interrupted")),
    });
    expect(outcome.status).toBe(130);
    expect(outcome.note).toContain("interrupted");
  });

  it("ends within a token of Ctrl-C, whatever the device", async () => {
    for (const device of ["cpu", "reference"]) {
      const abort = new AbortController();
      // A signal handler runs where a timer does: between turns of the event loop.
      const onOut = () => void setImmediate(() => abort.abort(new Error("interrupted")));
      const outcome = await run([...base, "--temperature", "0", "--max-new-tokens", "300", "--device", device], {
        signal: abort.signal,
        onOut,
      });
      expect(outcome.status).toBe(130);
      expect(outcome.out.length).toBeLessThan(60);
    }
  });

  it("names the model's limit for a prompt it cannot read, and explains weights of 0", async () => {
    const long = await run([
      "generate",
      "--model",
      stories!,
      "--tokens",
      new Array(513).fill(5).join(","),
      "--device",
      "cpu",
    ]);
    expect([long.status, long.note.includes("this model reads 512")]).toEqual([2, true]);
    const weightless = await run([...base, "--heads", "anything=0", "--device", "cpu"]);
    expect([weightless.status, weightless.note.includes("all weights are 0")]).toEqual([2, true]);
  });

  it("refuses options it does not know or cannot use with status 2", async () => {
    for (const extra of [
      ["--temperature", "-1"],
      ["--top-p", "0"],
      ["--mixing", "sum"],
      ["--device", "tpu"],
      ["--colour"],
      ["--seed", "1.5"],
    ]) {
      const outcome = await run([...base, ...extra]);
      expect(outcome.status).toBe(2);
      expect(outcome.out).toBe("");
    }
    expect((await run(["generate"])).status).toBe(2);
    expect((await run(["no-such-command"])).status).toBe(2);
    expect((await run(["--help"])).status).toBe(0);
  });
});
