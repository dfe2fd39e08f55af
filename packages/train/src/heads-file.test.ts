// Heads files: round trip, and refusal of every kind of wrong file.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors, openCheckpoint } from "@dual-head/checkpoint";
import { attentionGate } from "@dual-head/gating";
import { linearHead } from "@dual-head/heads";
import type { Projection, Tensor } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeHeads, HeadsFileError, type HeadsTarget, headsFileName, loadHeads, saveHeads } from "./index.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dual-head-heads-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const [hiddenSize, vocabSize] = [5, 11];
const target: HeadsTarget = { backboneSha256: "b".repeat(64), tokenizerSha256: "a".repeat(64), hiddenSize, vocabSize };
const description = {
  head: linearHead({ bias: false }).config,
  gate: attentionGate({ hiddenSize, width: 6, headCount: 2 }).config,
  hiddenSize,
  vocabSize,
  backboneSha256: target.backboneSha256,
  backboneDtype: "q8",
  tokenizerSha256: target.tokenizerSha256!,
  settings: { learningRate: 0.001 },
  figures: {
    step: 3,
    stepCount: 3,
    trainLoss: 1.25,
    heldOut: { pairs: 7, accuracy: 0.6, low: 0.3, high: 0.8, untrained: 0.5, shorterWins: 0.4 },
    device: "reference",
  },
};

async function save() {
  const device = await sharedDevice("reference");
  const values = Array.from({ length: vocabSize * hiddenSize }, (_, at) => Math.sin(at));
  const lmHead: Projection = { kind: "linear", weight: device.tensor(values, [vocabSize, hiddenSize]), bias: null };
  const head = linearHead({ bias: false }).init(device, 1, lmHead);
  const gate = attentionGate({ hiddenSize, width: 6, headCount: 2 }).init(device, 2);
  await saveHeads(folder, { head, gate }, description);
  return { head, gate };
}

describe("heads files", () => {
  it("come back as they were, on every precision", async () => {
    const params = await save();
    using exact = await loadHeads(folder, await sharedDevice("reference"), target);
    expect(exact.description).toEqual(description);
    expect(exact.headParams.bias).toBe(null);
    expect(await exact.headParams.weight!.read()).toEqual(await params.head.weight.read());
    for (const [name, tensor] of Object.entries(params.gate)) {
      expect(await exact.gateParams[name]!.read()).toEqual(await (tensor as Tensor).read());
    }
    using single = await loadHeads(join(folder, headsFileName), await sharedDevice("cpu"), target);
    expect(await single.headParams.weight!.read()).toEqual(Float32Array.from(await params.head.weight.read()));
    expect(await readFile(join(folder, "card.md"), "utf8")).toContain("60.0 %");
    expect((await describeHeads(folder)).figures).toEqual(description.figures);
  });

  it("hold the matrix of a head packed where that is asked for, and nothing else", async () => {
    const params = await save();
    const device = await sharedDevice("cpu");
    using packed = await loadHeads(folder, device, target, { dtype: "q8" });
    expect(packed.headParams.weight!.dtype).toBe("q8");
    for (const tensor of Object.values(packed.gateParams)) expect(tensor.dtype).toBe("f32");
    const [found, expected] = [await packed.headParams.weight!.read(), await params.head.weight.read()];
    // Weights are sines: a block's scale is at most 1/127.
    for (const [at, value] of expected.entries()) expect(Math.abs(found[at]! - value)).toBeLessThanOrEqual(0.51 / 127);
  });

  it("are refused for another backbone, tokenizer or shape, with both in the message", async () => {
    await save();
    const device = await sharedDevice("reference");
    const wrong: readonly [Partial<HeadsTarget>, RegExp][] = [
      [{ backboneSha256: "c".repeat(64) }, /SHA-256 of the backbone is b+ but must be c+/],
      [{ tokenizerSha256: "c".repeat(64) }, /tokenizer is a+ but must be c+/],
      [{ hiddenSize: 7 }, /hidden size is 5 but must be 7/],
      [{ vocabSize: 13 }, /vocabulary size is 11 but must be 13/],
    ];
    for (const [part, message] of wrong)
      await expect(loadHeads(folder, device, { ...target, ...part })).rejects.toThrow(message);
    const { tokenizerSha256: _, ...unchecked } = target;
    (await loadHeads(folder, device, unchecked))[Symbol.dispose]();
    await expect(loadHeads(join(folder, "nowhere"), device, target)).rejects.toThrow(/no such file/);
  });

  it("are refused with other metadata or tensors, naming the field", async () => {
    await save();
    const device = await sharedDevice("reference");
    const checkpoint = await openCheckpoint(join(folder, headsFileName));
    const metadata = { ...checkpoint.metadata };
    const tensors = Object.fromEntries(
      await Promise.all(
        checkpoint.names.map(async (name) => {
          const data = await checkpoint.read(name, "f64");
          return [name, { dtype: "F64" as const, shape: checkpoint.spec(name).shape, data }] as const;
        }),
      ),
    );
    await checkpoint.close();
    const path = join(folder, "other.safetensors");
    const refuse = async (changed: Record<string, string>, changedTensors: typeof tensors, message: RegExp) => {
      await writeFile(path, encodeSafetensors(changedTensors, changed));
      await expect(loadHeads(path, device, target)).rejects.toThrow(message);
    };
    await refuse({}, tensors, /the format is missing/);
    await refuse({ ...metadata, version: "2" }, tensors, /the version is 2 but must be 1/);
    await refuse({ ...metadata, gate: "{" }, tensors, /metadata gate/);
    await refuse({ ...metadata, head: '{"kind":"other"}' }, tensors, /metadata head/);
    await refuse({ ...metadata, backboneSha256: "short" }, tensors, /metadata backboneSha256/);
    await refuse({ ...metadata, hiddenSize: "0" }, tensors, /metadata hiddenSize/);
    const { "gate.bias": _, ...missing } = tensors;
    await refuse(metadata, missing, /"gate.bias" of shape \[1\] is missing/);
    await refuse(metadata, { ...tensors, stranger: tensors["gate.bias"]! }, /a tensor is "stranger"/);
    await refuse(metadata, { ...tensors, "head.weight": tensors["gate.key"]! }, /must have shape \[11, 5\]/);
  });

  it("never load from damaged bytes without an error of this package", async () => {
    await save();
    const device = await sharedDevice("reference");
    const bytes = await readFile(join(folder, headsFileName));
    const headerSize = 8 + Number(bytes.readBigUInt64LE(0));
    const path = join(folder, "damaged.safetensors");
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: headerSize - 1 }), fc.nat({ max: 255 }), async (at, value) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = value;
        await writeFile(path, damaged);
        try {
          (await loadHeads(path, device, target))[Symbol.dispose]();
        } catch (error) {
          const expected = [
            "HeadsFileError",
            "SafetensorsError",
            "CheckpointError",
            "FileError",
            "GatingError",
            "HeadError",
          ];
          expect(expected).toContain((error as Error).name);
        }
      }),
      { seed: 97, numRuns: 60 },
    );
    await writeFile(path, bytes.subarray(0, bytes.length - 3));
    await expect(loadHeads(path, device, target)).rejects.toThrow(/safetensors/);
    expect(new HeadsFileError("p", { field: "f", expected: "e", actual: "a", remedy: "r" }).message).toBe(
      "Cannot load heads p: f is a but must be e; r",
    );
  });
});
