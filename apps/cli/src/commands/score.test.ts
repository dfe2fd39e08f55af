// `score` against logits that transformers computed, and the failures a user meets first.
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { sharedAsset } from "@dual-head/repo-tools";
import { checkClose, testDeviceNames } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { inTemporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";

const parity = sharedAsset("hf_parity");
const stories = sharedAsset("models/stories260K/hf");

interface Scores {
  readonly device: string;
  readonly tokens: readonly {
    id: number;
    text: string | null;
    logp: number | null;
    alpha: number | null;
    top?: { id: number; logp: number }[];
    logits?: number[];
  }[];
}

async function parityFolder(name: string, folder: string): Promise<void> {
  await copyFile(`${parity}/${name}_config.json`, `${folder}/config.json`);
  await copyFile(`${parity}/${name}.safetensors`, `${folder}/model.safetensors`);
}

describe.skipIf(parity === null)("score on models with published logits", () => {
  for (const name of ["tiny_llama", "tiny_mistral", "tiny_smollm2"]) {
    it.each(testDeviceNames)(`${name} agrees on %s`, async (device) => {
      const expected = JSON.parse(await readFile(`${parity}/${name}_logits.json`, "utf8")) as {
        sequences: number[][];
        logits: number[][][];
      };
      await inTemporaryFolder(async (folder) => {
        await parityFolder(name, folder);
        for (const [index, ids] of expected.sequences.entries()) {
          const { tokens } = await runJson<Scores>([
            "score",
            "--model",
            folder,
            "--tokens",
            ids.join(","),
            "--logits",
            "--top",
            "3",
            "--device",
            device,
          ]);
          // The stored logits of two models were made with norms rounded to float32: the llama package's tests show it.
          const exact = name === "tiny_llama" ? 1e-9 : 2e-7;
          const tolerance = device === "reference" ? exact : 1e-4;
          for (const [position, logits] of expected.logits[index]!.entries()) {
            checkClose(
              `logits of ${name}`,
              tokens[position]!.logits!,
              logits,
              tolerance / (1 + Math.max(...logits.map(Math.abs))),
            );
          }
          expect(tokens[0]!.logp).toBeNull();
          const before = expected.logits[index]![2]!;
          const logp = before[ids[3]!]! - Math.log(before.reduce((sum, z) => sum + Math.exp(z), 0));
          expect(tokens[3]!.logp).toBeCloseTo(logp, 4);
          expect(tokens[3]!.text).toBeNull();
          const best = Math.max(...expected.logits[index]![3]!);
          expect(expected.logits[index]![3]![tokens[3]!.top![0]!.id]).toBe(best);
        }
      });
    });
  }

  it("says what is wrong with the model, in one line and with status 1", async () => {
    await inTemporaryFolder(async (folder) => {
      await parityFolder("tiny_llama", folder);
      const fails = async (status: number, text: string, ...argv: string[]) => {
        const outcome = await run(["score", "--model", folder, "--device", "cpu", "--threads", "1", ...argv]);
        expect(outcome.note.trim().split("\n").at(-1)).toContain(text);
        expect(outcome.note.trim().split("\n").at(-1)).toMatch(/^dual-head: |^\(dual-head/);
        expect(outcome.status).toBe(status);
        expect(outcome.out).toBe("");
      };
      await fails(2, "ids of this model are below 11", "--tokens", "1,11");
      await fails(2, "the model has no tokenizer", "--text", "hello");
      await fails(2, "give either text or --tokens");
      await fails(2, "this model reads 16", "--tokens", new Array(17).fill(1).join(","));
      await fails(1, "missing", "--file", `${folder}/missing.txt`);
      const weights = await readFile(`${folder}/model.safetensors`);
      await writeFile(`${folder}/model.safetensors`, weights.subarray(0, weights.length - 7));
      await fails(1, "model.safetensors", "--tokens", "1,2");
      await writeFile(`${folder}/model.safetensors`, weights);
      const config = JSON.parse(await readFile(`${folder}/config.json`, "utf8")) as Record<string, unknown>;
      await writeFile(`${folder}/config.json`, JSON.stringify({ ...config, hidden_size: 16 }));
      await fails(1, "must have shape [11, 16]", "--tokens", "1,2");
      await writeFile(
        `${folder}/config.json`,
        JSON.stringify({ ...config, rope_scaling: { type: "spiral", factor: 2 } }),
      );
      await fails(1, "rope_scaling", "--tokens", "1,2");
    });
  });
});

describe.skipIf(stories === null)("score on stories260K", () => {
  it("prints a table whose total is that of the JSON", async () => {
    const text = "Once upon a time, there was a little girl";
    const { tokens } = await runJson<Scores>(["score", "--model", stories!, "--text", text, "--device", "cpu"]);
    const total = tokens.reduce((sum, { logp }) => sum + (logp ?? 0), 0);
    const { out } = await run(["score", "--model", stories!, "--text", text, "--device", "cpu", "--top", "2"]);
    expect(out).toContain(`total ${total.toFixed(4)} nats over ${tokens.length - 1} tokens`);
    expect(tokens[0]!.id).toBe(1);
    expect(total / (tokens.length - 1)).toBeGreaterThan(-2);
  });
});
