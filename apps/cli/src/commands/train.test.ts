// `train` end to end in a small world: summary, resume, use of the heads, and what is refused.
import { appendFile, cp, readFile, writeFile } from "node:fs/promises";
import { shippedBackbone, toHhRlhf } from "@dual-head/mini-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";

interface Summary {
  readonly steps: number;
  readonly trainLoss: number;
  readonly trainLossAtStart: number;
  readonly heldOut: {
    pairs: number;
    accuracy: number;
    low: number;
    high: number;
    untrained: number;
    shorterWins: number;
  };
  readonly trainable: { head: number; gate: number };
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly peakBytes: number;
}

interface Generated {
  readonly tokens: readonly { id: number; logp: number; alpha: number | null }[];
}

describe("train", () => {
  let world: Awaited<ReturnType<typeof temporaryFolder>>;
  const place = (name: string) => `${world.path}/${name}`;
  const train = (out: string, ...extra: string[]) => [
    ...["train", "--model", place("model"), "--data", place("pairs.jsonl"), "--out", place(out)],
    ...["--device", "cpu", "--threads", "2", "--batch-size", "16", "--learning-rate", "0.01", ...extra],
  ];
  const generate = (...extra: string[]) => [
    ...["generate", "--model", place("model"), "--prompt", "\n\nHuman: How do I boil an egg?\n\nAssistant:"],
    ...["--device", "cpu", "--max-new-tokens", "24", "--temperature", "0", ...extra],
  ];

  beforeAll(async () => {
    world = await temporaryFolder();
    await cp(await shippedBackbone("s"), place("model"), { recursive: true });
    // Of one turn each, so that every format has a form for them.
    const rows = toHhRlhf({ seed: 3, count: 150, split: "train" }, "helpful").trim().split("\n");
    await writeFile(place("pairs.jsonl"), rows.filter((row) => row.split("Human:").length === 3).join("\n"));
  });
  afterAll(() => world.remove());

  it("prints a line a step and the summary last, and writes heads, card and metrics", async () => {
    const { status, out } = await run([...train("heads", "--epochs", "3"), "--json"]);
    expect(status).toBe(0);
    const rows = out
      .trim()
      .split("\n")
      .map((row) => JSON.parse(row) as Record<string, unknown>);
    const summary = rows.at(-1) as unknown as Summary;
    expect(rows.length - 1).toBe(summary.steps);
    expect(summary.trainLoss).toBeLessThan(summary.trainLossAtStart);
    expect(summary.heldOut.low).toBeLessThanOrEqual(summary.heldOut.accuracy);
    expect(summary.heldOut.high).toBeGreaterThanOrEqual(summary.heldOut.accuracy);
    expect(summary.trainable.head).toBeGreaterThan(summary.trainable.gate);
    expect(summary.peakBytes).toBeGreaterThan(0);
    expect((await readFile(place("heads/card.md"), "utf8")).includes("Held-out accuracy")).toBe(true);
    expect((await readFile(place("heads/metrics.jsonl"), "utf8")).trim().split("\n").length).toBe(summary.steps);
  });

  it("changes what is generated, but not at strength 0 or alpha 0", async () => {
    const ids = async (...extra: string[]) =>
      (await runJson<Generated>(generate(...extra))).tokens.map(({ id, logp }) => [id, logp]);
    const base = await ids();
    const heads = ["--heads", place("heads")];
    expect(await ids(...heads)).not.toEqual(base);
    for (const mixing of ["convex", "klExact", "additive", "mixture"]) {
      expect(await ids(...heads, "--mixing", mixing, "--strength", "0")).toEqual(base);
      expect(await ids(...heads, "--mixing", mixing, "--alpha", "0")).toEqual(base);
    }
    const { tokens } = await runJson<Generated>(generate(...heads, "--alpha", "0.25"));
    expect(tokens.every(({ alpha }) => alpha === 0.25)).toBe(true);
    const mixed = await ids("--heads", `${place("heads")}=1`, "--heads", `${place("heads")}=3`);
    expect(mixed.map(([id]) => id)).toEqual((await ids(...heads)).map(([id]) => id));
  });

  it("trains a block head, which decodes as floats and packed, and is the base at strength 0", async () => {
    const sizes = ["--head-width", "64", "--head-heads", "2", "--head-feed-forward", "64", "--no-head-bias"];
    const { status } = await run(train("block", "--head", "block", ...sizes, "--learning-rate", "0.001"));
    expect(status).toBe(0);
    for (const [dtype, mixing] of [
      ["f32", "klExact"],
      ["q8", "mixture"],
    ] as const) {
      const ids = async (...extra: string[]) =>
        (await runJson<Generated>(generate("--dtype", dtype, ...extra))).tokens.map(({ id, logp }) => [id, logp]);
      const base = await ids();
      const heads = ["--heads", place("block"), "--mixing", mixing];
      expect(await ids(...heads)).not.toEqual(base);
      expect(await ids(...heads, "--strength", "0")).toEqual(base);
    }
  });

  it("resumes to the very bits of an uninterrupted run", async () => {
    const whole = await run(train("whole", "--seed", "5"));
    expect(whole.status).toBe(0);
    const abort = new AbortController();
    const interrupted = run([...train("halves", "--seed", "5", "--checkpoint-every", "2"), "--json"], {
      signal: abort.signal,
      onOut: (text) => text.includes('"step":4') && abort.abort(new Error("interrupted")),
    });
    expect((await interrupted).status).toBe(130);
    expect((await run(train("halves", "--seed", "5"))).note).toContain("resume");
    const resumed = await run(train("halves", "--seed", "5", "--resume"));
    expect(resumed.status).toBe(0);
    expect(resumed.note).toContain("going on from step");
    const [a, b] = await Promise.all(
      ["whole", "halves"].map((out) => readTensorBytes(place(`${out}/heads.safetensors`))),
    );
    expect(b!.equals(a!)).toBe(true);
  });

  it("trains to the same bits on the same pairs as rows of PKU-SafeRLHF", async () => {
    const lines = (await readFile(place("pairs.jsonl"), "utf8")).trim().split("\n");
    const rows = lines.map((line, index) => {
      const { chosen, rejected } = JSON.parse(line) as { chosen: string; rejected: string };
      const [question, good] = chosen.slice("\n\nHuman: ".length).split("\n\nAssistant: ");
      const bad = rejected.split("\n\nAssistant: ")[1];
      const safer = index % 2;
      const responses = safer === 0 ? { response_0: good, response_1: bad } : { response_0: bad, response_1: good };
      const labels = { better_response_id: 1 - safer, safer_response_id: safer };
      return JSON.stringify({ prompt: question, ...responses, ...labels });
    });
    await writeFile(place("pku.jsonl"), rows.join("\n"));
    const argv = train("pku", "--seed", "5", "--label", "safer");
    argv[4] = place("pku.jsonl");
    expect((await run(argv)).status).toBe(0);
    const [a, b] = await Promise.all(["whole", "pku"].map((out) => readTensorBytes(place(`${out}/heads.safetensors`))));
    expect(b!.equals(a!)).toBe(true);
  });

  it("refuses heads of another model and another tokenizer, and says so", async () => {
    const config = await readFile(place("model/tokenizer.json"), "utf8");
    try {
      await writeFile(place("model/tokenizer.json"), `${config}\n`);
      const outcome = await run(generate("--heads", place("heads")));
      expect(outcome.status).toBe(1);
      expect(outcome.note).toContain("SHA-256 of the tokenizer");
    } finally {
      await writeFile(place("model/tokenizer.json"), config);
    }
    const outcome = await run(generate("--heads", place("nothing")));
    expect(outcome.status).toBe(1);
    expect(outcome.out).toBe("");
  });

  it("refuses data that cannot be used, naming line or reason, and leaves no output behind it", async () => {
    const attempt = async (text: string, ...extra: string[]) => {
      await writeFile(place("bad.jsonl"), text);
      const argv = train("never", ...extra);
      argv[4] = place("bad.jsonl");
      return run(argv);
    };
    expect((await attempt("")).note).toContain("no rows");
    expect((await attempt('{"chosen": "x"\n')).note).toMatch(/line 1|:1/);
    const same = JSON.stringify({ chosen: "\n\nHuman: a\n\nAssistant: b", rejected: "\n\nHuman: a\n\nAssistant: b" });
    expect((await attempt(`${same}\n`)).note).toContain("equal-answers");
    expect((await attempt(`${same}\n`, "--epochs", "0")).status).toBe(2);
    expect((await attempt(`${same}\n`, "--entropy-sign", "wrong")).status).toBe(2);
    await appendFile(place("blocked"), "a file, not a folder");
    const blocked = await run(train("blocked/heads"));
    expect(blocked.status).toBe(1);
    expect(blocked.note.trim().split("\n").at(-1)).toContain("blocked");
  });
});

/** The data of a safetensors file without its header, which holds run times. */
async function readTensorBytes(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
}
