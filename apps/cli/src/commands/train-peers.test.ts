// `train --method` end to end in a small world: every peer learns, its folder is read back, runs resume, and options of
// other methods are refused.
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { loadLlamaClassifier } from "@dual-head/backbone-llama";
import { shippedBackbone, toHhRlhf } from "@dual-head/mini-world";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import type { TuneSummary } from "@dual-head/train";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";

interface Generated {
  readonly tokens: readonly { id: number; logp: number }[];
}

describe("train --method", () => {
  let world: Awaited<ReturnType<typeof temporaryFolder>>;
  const place = (name: string) => `${world.path}/${name}`;
  const train = (method: string, out: string, ...extra: string[]) => [
    ...["train", "--method", method, "--model", place("model"), "--data", place("pairs.jsonl"), "--out", place(out)],
    ...["--device", "cpu", "--threads", "2", "--batch-size", "8", ...extra],
  ];
  const idsOf = async (...extra: string[]) => {
    const { tokens } = await runJson<Generated>([
      ...["generate", "--prompt", "\n\nHuman: How do I boil an egg?\n\nAssistant:", "--device", "cpu"],
      ...["--max-new-tokens", "16", "--temperature", "0", ...extra],
    ]);
    return tokens.map(({ id, logp }) => [id, logp]);
  };

  beforeAll(async () => {
    world = await temporaryFolder();
    await cp(await shippedBackbone("s"), place("model"), { recursive: true });
    await writeFile(place("pairs.jsonl"), toHhRlhf({ seed: 3, count: 56, split: "train" }, "helpful"));
  });
  afterAll(() => world.remove());

  it.each([
    ["genarm", "0.01", ["adapter_config.json", "adapter_model.safetensors"]],
    ["dpo", "0.001", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]],
    ["simpo", "0.001", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]],
    ["bradley-terry", "0.002", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]],
  ])("%s learns and writes its folder, a card and metrics", async (method, rate, files) => {
    // A step sees all pairs, so that losses of steps differ by what was learnt alone.
    const { status, out } = await run([...train(method, method, "--learning-rate", rate, "--epochs", "3"), "--json"]);
    expect(status).toBe(0);
    const rows = out.trim().split("\n");
    const summary = JSON.parse(rows.at(-1)!) as TuneSummary;
    expect(rows.length - 1).toBe(summary.steps);
    expect(summary.trainLoss).toBeLessThan(summary.trainLossAtStart);
    expect(summary.heldOut!.pairs).toBeGreaterThan(0);
    expect(summary.tokensPerSecond).toBeGreaterThan(0);
    const found = (await readdir(place(method))).sort();
    const kept = ["card.md", "metrics.jsonl", "training-state.safetensors"];
    expect(found.filter((name) => !/special_tokens|generation_config|LICENSE|NOTICE/.test(name))).toEqual(
      [...files, ...kept].sort(),
    );
    const card = await readFile(place(`${method}/card.md`), "utf8");
    expect(card).toContain("Held-out accuracy on");
    expect(card).toContain(`"learningRate": ${rate}`);
  });

  it("gives models and adapters that generate reads, and classifiers that score", async () => {
    const base = await idsOf("--model", place("model"));
    expect(await idsOf("--model", place("dpo"))).not.toEqual(base);
    expect(await idsOf("--model", place("model"), "--adapter", place("genarm"))).not.toEqual(base);
    const other = await run(["generate", "--prompt", "x", "--model", place("dpo"), "--adapter", place("genarm")]);
    expect([other.status, other.note]).toEqual([2, expect.stringContaining("use the model it was trained on")]);
    using classifier = await loadLlamaClassifier(place("bradley-terry"), await sharedDevice("cpu"));
    expect([classifier.labels, classifier.padTokenId]).toEqual([["LABEL_0"], 1]);
    const heads = ["--model", place("model"), "--adapter", place("genarm"), "--heads", place("genarm")];
    const refused = await run(["generate", "--prompt", "x", ...heads]);
    expect([refused.status, refused.note]).toEqual([2, expect.stringContaining("leave one out")]);
  });

  it("trains what the options say", async () => {
    const score = await run(train("bradley-terry", "score", "--score-only", "--margin", "0.5", "--centre", "0"));
    expect(score.out).toContain("the score head alone");
    expect((await run(train("genarm", "all", "--whole", "--beta", "0.2"))).out).toContain("all parameters");
    expect(await readFile(place("all/card.md"), "utf8")).toContain('"beta": 0.2');
  });

  it("resumes to the very bits of an uninterrupted run", async () => {
    const lora = await run(train("dpo", "lora", "--lora", "2", "--label-smoothing", "0.1", "--seed", "5"));
    expect(lora.status).toBe(0);
    expect(lora.out).toContain("LoRA of rank 2 and alpha 4 on query, key, value, output, gate, up, down");
    const abort = new AbortController();
    const halves = train("dpo", "halves", "--lora", "2", "--label-smoothing", "0.1", "--seed", "5");
    const interrupted = await run([...halves, "--json", "--checkpoint-every", "2"], {
      signal: abort.signal,
      onOut: (text) => text.includes('"step":4') && abort.abort(new Error("interrupted")),
    });
    expect(interrupted.status).toBe(130);
    expect((await run(halves)).note).toContain("resume that run");
    expect((await run([...halves, "--resume"])).status).toBe(0);
    const weights = (out: string) => readFile(place(`${out}/adapter_model.safetensors`));
    expect((await weights("halves")).equals(await weights("lora"))).toBe(true);
  });

  it("refuses options of other methods and numbers that cannot be, before anything is read", async () => {
    for (const [method, extra, message] of [
      ["dpo", ["--lambda-gate", "1"], "--lambda-gate belongs to dual-head"],
      ["genarm", ["--no-head-bias"], "--no-head-bias belongs to dual-head"],
      ["dual-head", ["--beta", "1"], "--beta belongs to genarm, dpo, simpo"],
      ["simpo", ["--label-smoothing", "0.1"], "--label-smoothing belongs to dpo"],
      ["bradley-terry", ["--lora", "4"], "--lora belongs to genarm, dpo, simpo"],
      ["dpo", ["--whole", "--gamma-ratio", "1"], "belongs to"],
      ["genarm", ["--whole", "--lora", "4"], "--whole"],
      ["dpo", ["--beta", "0"], "above 0"],
      ["nothing", [], "Allowed choices"],
    ] as const) {
      const outcome = await run(train(method, "never", ...extra, "--data", place("missing.jsonl")));
      expect([outcome.status, outcome.note]).toEqual([2, expect.stringContaining(message)]);
    }
  });
});
