// `export`: the folder that is written gives the logits of the heads at a constant α; the rest is refused with a remedy.
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { openCheckpoint } from "@dual-head/checkpoint";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";
import { type TinyHeads, writeTinyHeads, writeTinyModel } from "../testing/tiny-model.ts";

interface Scores {
  readonly tokens: readonly { readonly logits: readonly number[] }[];
}

const text = "1,290,260,291,297,280,276,265";

describe("export", () => {
  let world: Awaited<ReturnType<typeof temporaryFolder>>;
  let outCount = 0;
  const place = (name: string) => `${world.path}/${name}`;
  const freshPlace = () => place(`out-${outCount++}`);
  const heads: Readonly<Record<string, TinyHeads>> = {
    linear: {},
    other: { seed: 2 },
    "low-rank": { kind: "low-rank" },
    residual: { kind: "residual" },
    biased: { bias: true },
    constant: { alpha: 0.3 },
  };
  beforeAll(async () => {
    world = await temporaryFolder();
    for (const model of ["tied", "untied"]) {
      await writeTinyModel(place(model), { tie_word_embeddings: model === "tied" });
      for (const [name, options] of Object.entries(heads)) {
        await mkdir(place(`${model}-${name}`));
        await writeTinyHeads(place(`${model}-${name}`), place(model), options);
      }
    }
  });
  afterAll(() => world.remove());

  const logitsOf = async (model: string, ...extra: string[]) => {
    const argv = ["score", "--model", model, "--tokens", text, "--logits", "--device", "reference", ...extra];
    return (await runJson<Scores>(argv)).tokens.map(({ logits }) => logits);
  };
  const distance = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]) =>
    Math.max(...a.flatMap((row, at) => row.map((value, id) => Math.abs(value - b[at]![id]!))));
  const fold = (model: string, names: readonly string[], ...extra: string[]) => {
    const out = freshPlace();
    const argv = ["export", "--model", place(model), "--fold", "--out", out, ...extra];
    return { out, argv: [...argv, ...names.flatMap((name) => ["--heads", place(`${model}-${name}`)])] };
  };

  it("folds heads into a folder with the logits of dual-head at that alpha (seed 9)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("tied", "untied"),
        fc.constantFrom(["linear"], ["low-rank"], ["linear", "other=3"], ["other", "low-rank=0.25"]),
        fc.constantFrom(0, 0.25, 0.7, 1),
        async (model, names, alpha) => {
          const { out, argv } = fold(model, names, "--alpha", String(alpha), "--dtype", "f32");
          const outcome = await run(argv);
          expect([outcome.status, outcome.note.includes(`alpha is ${alpha} for every token`)]).toEqual([0, true]);
          const mixed = names.flatMap((name) => ["--heads", place(`${model}-${name}`)]);
          const expected = await logitsOf(place(model), ...mixed, "--alpha", String(alpha));
          expect(distance(await logitsOf(out), expected)).toBeLessThan(2e-6);
        },
      ),
      { seed: 9, numRuns: 12, examples: [["tied", ["linear", "other=3"], 0.7]] },
    );
  });

  it("unties the model, keeps every other tensor to the last bit, and copies what lies beside", async () => {
    const { out, argv } = fold("tied", ["linear"], "--alpha", "0.5");
    const before = await readFile(place("tied/tokenizer.json"));
    expect((await run(argv)).status).toBe(0);
    expect((await readdir(out)).sort()).toEqual([
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    expect(await readFile(`${out}/tokenizer.json`)).toEqual(before);
    const config = JSON.parse(await readFile(`${out}/config.json`, "utf8")) as Record<string, unknown>;
    expect([config.tie_word_embeddings, config.hidden_size]).toEqual([false, 32]);
    const [source, written] = [await openCheckpoint(place("tied")), await openCheckpoint(out)];
    expect(written.names).toEqual([...source.names, "lm_head.weight"].sort());
    for (const name of source.names) expect(await written.readRaw(name)).toEqual(await source.readRaw(name));
    await source.close();
    await written.close();
  });

  it("takes alpha from a constant gate, and asks for it where the gate decides", async () => {
    const { out, argv } = fold("tied", ["constant"]);
    const outcome = await run(argv);
    expect([outcome.status, outcome.note.includes("for every token")]).toEqual([0, false]);
    const expected = await logitsOf(place("tied"), "--heads", place("tied-constant"));
    expect(distance(await logitsOf(out), expected)).toBeLessThan(2e-6);
    const gated = await run(fold("tied", ["linear"]).argv);
    expect([gated.status, gated.note.includes("give --alpha to fold them")]).toEqual([2, true]);
  });

  it("refuses a bias unless it may be dropped, and then bounds what is lost", async () => {
    const refused = await run(fold("tied", ["biased"], "--alpha", "0.5").argv);
    expect([refused.status, refused.note.includes("--no-head-bias, or leave it out with --drop-bias")]).toEqual([
      2,
      true,
    ]);
    const { out, argv } = fold("tied", ["biased"], "--alpha", "0.5", "--drop-bias");
    const { biasError } = await runJson<{ biasError: number }>(argv);
    const expected = await logitsOf(place("tied"), "--heads", place("tied-biased"), "--alpha", "0.5");
    const written = await logitsOf(out);
    // A constant shift is no difference.
    const shifts = written[0]!.map((value, id) => value - expected[0]![id]!);
    const half = (Math.max(...shifts) - Math.min(...shifts)) / 2;
    expect(half).toBeGreaterThan(0.9 * biasError);
    expect(half).toBeLessThan(biasError * 1.001);
  });

  it("converts dtypes, and writes the same model without heads", async () => {
    for (const [dtype, bound] of [["stored", 0] as const, ["bf16", 0.05] as const, ["f16", 0.01] as const]) {
      const out = freshPlace();
      const result = await runJson<Record<string, unknown>>([
        ...["export", "--model", place("untied"), "--out", out, "--dtype", dtype],
      ]);
      expect(result).toMatchObject({ out, format: "huggingface", dtype, alpha: null });
      expect(distance(await logitsOf(out), await logitsOf(place("untied")))).toBeLessThanOrEqual(bound);
    }
  });

  it("overwrites nothing and leaves nothing half written", async () => {
    const model = ["export", "--model", place("tied")];
    await mkdir(place("empty"));
    expect((await run([...model, "--out", place("empty")])).status).toBe(0);
    const again = await run([...model, "--out", place("empty")]);
    expect([again.status, again.note.includes("overwrites nothing")]).toEqual([2, true]);
    await writeFile(place("file.gguf"), "mine");
    expect((await run([...model, "--gguf", "--out", place("file.gguf")])).status).toBe(2);
    expect(await readFile(place("file.gguf"), "utf8")).toBe("mine");
    const before = await readdir(world.path);
    const aborted = freshPlace();
    const abort = AbortSignal.abort(new Error("interrupted"));
    expect((await run([...model, "--out", aborted], { signal: abort })).status).toBe(130);
    expect(await readdir(world.path)).toEqual(before);
  });

  it("refuses what cannot be carried out, with the remedy", async () => {
    const say = async (...argv: string[]) => {
      const { status, note } = await run(["export", "--out", place("never"), ...argv]);
      return `${status} ${note.trim().split("\n").at(-1)}`;
    };
    const tied = ["--model", place("tied")];
    const linear = ["--heads", place("tied-linear")];
    expect(await say(...tied, ...linear)).toMatch(/^2 .*add --fold/);
    expect(await say(...tied, "--fold", "--alpha", "0.5")).toMatch(/^2 .*there are no heads/);
    const residual = ["--heads", place("tied-residual")];
    expect(await say(...tied, ...residual, "--fold", "--alpha", "0.5")).toMatch(
      /^[12] .*a head with features of its own .* train a linear/,
    );
    expect(await say(...tied, "--dtype", "q8_0")).toMatch(/^2 .*add --gguf/);
    expect(await say(...tied, "--dtype", "q3")).toMatch(/^2 /);
    expect(await say("--model", place("untied"), ...linear, "--fold", "--alpha", "1")).toMatch(
      /^1 .*SHA-256 of the backbone/,
    );
    expect(await say("--model", place("tied/config.json"))).toMatch(/^1 .*weight_map/);
    await expect(stat(place("never"))).rejects.toThrow("ENOENT");
  });

  it("writes GGUF with the tensors, fields and vocabulary of the model", async () => {
    for (const dtype of ["stored", "f16", "q8_0", "q4_0"]) {
      const out = place(`model-${dtype}.gguf`);
      const result = await runJson<Record<string, unknown>>([
        ...["export", "--model", place("tied"), "--gguf", "--dtype", dtype, "--out", out],
      ]);
      expect(result).toMatchObject({ out, format: "gguf", dtype, widened: [], bytes: (await stat(out)).size });
    }
    const written = await openCheckpoint(place("model-stored.gguf"));
    expect(written.names).toContain("blk.1.attn_q.weight");
    expect(written.names).not.toContain("output.weight");
    expect(written.fields.get("llama.attention.head_count_kv")).toBe(2);
    expect(written.fields.get("tokenizer.ggml.add_bos_token")).toBe(true);
    expect((written.fields.get("tokenizer.ggml.tokens") as readonly string[]).slice(-3)).toEqual([
      "▁s",
      "[PAD298]",
      "[PAD299]",
    ]);
    await written.close();
    const { out, argv } = fold("tied", ["linear"], "--alpha", "0.5", "--gguf");
    expect((await run(argv)).status).toBe(0);
    const folded = await openCheckpoint(out);
    expect(folded.names).toContain("output.weight");
    await folded.close();
  });

  it("writes GGUF that gives the logits of the folder, whatever the family's knobs", async () => {
    const families: Readonly<Record<string, Record<string, unknown>>> = {
      untied: { tie_word_embeddings: false },
      biased: { attention_bias: true, mlp_bias: true },
      wide: { head_dim: 16, num_key_value_heads: 4 },
      linear: { rope_scaling: { rope_type: "linear", factor: 4 } },
      mistral: { model_type: "mistral", sliding_window: null },
      qwen2: { model_type: "qwen2", sliding_window: null },
      llama3: {
        rope_scaling: {
          rope_type: "llama3",
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 16,
        },
      },
    };
    for (const [family, extra] of Object.entries(families)) {
      const [folder, out] = [place(`family-${family}`), place(`family-${family}.gguf`)];
      await writeTinyModel(folder, extra);
      expect((await run(["export", "--model", folder, "--gguf", "--out", out])).status).toBe(0);
      const expected = await logitsOf(folder);
      const error = distance(await logitsOf(out), expected);
      expect([family, error < 1e-6 || error]).toEqual([family, true]);
      // From the file on, no number changes any more: as GGUF again, and as a folder.
      const [again, back] = [place(`again-${family}.gguf`), place(`back-${family}`)];
      expect((await run(["export", "--model", out, "--gguf", "--out", again])).status).toBe(0);
      expect((await run(["export", "--model", out, "--out", back])).status).toBe(0);
      for (const model of [again, back]) {
        expect([family, distance(await logitsOf(model), await logitsOf(out))]).toEqual([family, 0]);
      }
    }
  });

  it("keeps divisors of frequencies that no rule has made", async () => {
    const [folder, out, again, back] = ["divided", "divided.gguf", "divided-again.gguf", "divided-back"].map(place);
    const factors = [1, 1.25, 2.5, 3];
    await writeTinyModel(folder!, {
      original_max_position_embeddings: 64,
      rope_scaling: { rope_type: "longrope", short_factor: factors, long_factor: factors, attention_factor: 1 },
    });
    expect((await run(["export", "--model", folder!, "--gguf", "--out", out!])).status).toBe(0);
    expect((await run(["export", "--model", out!, "--gguf", "--out", again!])).status).toBe(0);
    expect((await run(["export", "--model", out!, "--out", back!])).status).toBe(0);
    const expected = await logitsOf(out!);
    for (const model of [again!, back!]) expect(distance(await logitsOf(model), expected)).toBe(0);
    // ε of the norms is f32 in the file.
    expect(distance(await logitsOf(folder!), expected)).toBeLessThan(1e-9);
  });

  it("refuses as GGUF what llama.cpp would compute otherwise", async () => {
    await writeTinyModel(place("yarn"), {
      rope_scaling: { rope_type: "yarn", factor: 2, original_max_position_embeddings: 32 },
    });
    const outcome = await run(["export", "--model", place("yarn"), "--gguf", "--out", place("yarn.gguf")]);
    expect([outcome.status, outcome.note.includes("rope scaling yarn is not written exactly")]).toEqual([2, true]);
    await writeTinyModel(place("window"), { model_type: "mistral", sliding_window: 16 });
    const windowed = await run(["export", "--model", place("window"), "--gguf", "--out", place("window.gguf")]);
    expect([windowed.status, windowed.note.includes("the file reads 16 tokens")]).toEqual([0, true]);
  });
});
