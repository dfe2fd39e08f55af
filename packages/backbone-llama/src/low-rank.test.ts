// LoRA: published outputs of an adapter, the merged model, training beside frozen weights in every dtype, PEFT folders.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint, writeSafetensors } from "@dual-head/checkpoint";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import {
  add,
  createRandom,
  type Device,
  leavesOf,
  matmul,
  multiply,
  openDevice,
  replaceLeaves,
  segmentsOf,
  sumTo,
  type Tensor,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  attachDeltas,
  createLlama,
  deltaTargets,
  initialiseDeltas,
  type LlamaDeltas,
  loadDeltas,
  saveDeltas,
  scaleDeltas,
  weightDtypes,
} from "./index.ts";
import { linear } from "./llama.ts";
import { tinyLlama, tinyLlamaConfig } from "./testing/index.ts";

const parity = sharedAsset("hf_parity");
const targets = Object.keys(deltaTargets) as (keyof typeof deltaTargets)[];
const tokens = Uint32Array.of(3, 9, 1, 14, 20, 5, 2);
const segments = segmentsOf([4, 3]);

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-lora-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Deltas that change something: b is random too. */
function randomDeltas(device: Device, seed: number): LlamaDeltas<Tensor> {
  const deltas = initialiseDeltas(tinyLlamaConfig, device, { rank: 2, targets }, seed);
  const leaves = new Map(
    leavesOf<Tensor>(deltas).map(({ path, leaf }) => {
      if (!path.endsWith(".b")) return [path, leaf];
      const random = createRandom(seed, path);
      const values = Array.from({ length: leaf.shape[0]! * leaf.shape[1]! }, () => 0.4 * random.normal());
      const shape = leaf.shape;
      leaf.dispose();
      return [path, device.keep(device.tensor(values, shape))];
    }),
  );
  return replaceLeaves(deltas, leaves);
}

const free = (tree: unknown) => {
  for (const { leaf } of leavesOf<Tensor>(tree)) leaf.dispose();
};

describe.skipIf(parity === null)("a published LoRA layer", () => {
  const vectors = countVectors(`peft's outputs, a LoRA layer on ${testDeviceNames.length} devices`);
  it.each(testDeviceNames)("has its float64 outputs on %s", async (name) => {
    const device = await sharedDevice(name);
    const json = async (file: string) => JSON.parse(await readFile(join(parity!, file), "utf8"));
    const { inputs, outputs, scale } = await json("tiny_lora_logits.json");
    const passed = vectors.begin(outputs.length);
    const { r: rank, lora_alpha: alpha } = await json("tiny_lora_adapter_config.json");
    expect(alpha / rank).toBe(scale);
    const read = async (file: string, tensor: string, shape: readonly number[], factor = 1) => {
      const checkpoint = await openCheckpoint(join(parity!, file));
      const values = Float64Array.from(await checkpoint.read(tensor, "f64"), (value) => factor * value);
      await checkpoint.close();
      return device.tensor(values, shape);
    };
    const [a, b] = ["A", "B"].map((part) => `base_model.model.proj.lora_${part}.default.weight`);
    const weight = await read("tiny_lora_base.safetensors", "proj.weight", [4, 5]);
    const delta = {
      a: await read("tiny_lora_adapter.safetensors", a!, [rank, 5]),
      b: await read("tiny_lora_adapter.safetensors", b!, [4, rank], scale),
    };
    const y = device.scope(() => linear(device.tensor(inputs.flat(), [3, 5]), { weight, bias: null, delta }));
    checkClose("outputs", await y.read(), outputs.flat(), name === "reference" ? 1e-6 : 1e-5);
    free([weight, delta, y]);
    passed();
  });
});

describe("attachDeltas()", () => {
  it("changes nothing at the start, and then what the merged weights change", async () => {
    const device = await sharedDevice("reference");
    using model = tinyLlama(device, 5);
    const { backbone, params } = model;
    const fresh = initialiseDeltas(model.config, device, { rank: 3 }, 1);
    const hiddenOf = async (own: typeof params) => {
      using hidden = backbone.hidden(own, tokens, segments);
      return [...(await hidden.read())];
    };
    const base = await hiddenOf(params);
    checkClose("at the start", await hiddenOf(attachDeltas(params, fresh)), base, 1e-12);
    const deltas = randomDeltas(device, 7);
    const changed = await hiddenOf(attachDeltas(params, deltas));
    expect(Math.max(...changed.map((value, at) => Math.abs(value - base[at]!)))).toBeGreaterThan(0.1);
    const merged = {
      ...params,
      layers: params.layers.map((layer, index) => ({
        ...layer,
        ...Object.fromEntries(
          Object.entries(deltas[index]!).map(([target, { a, b }]) => {
            const { weight, bias } = layer[target as keyof typeof deltaTargets];
            return [target, { bias, weight: add(weight, matmul(b, a)) }];
          }),
        ),
      })),
    };
    checkClose("merged", await hiddenOf(merged), changed, 1e-10);
    free([fresh, deltas, merged.layers.map((layer) => targets.map((target) => layer[target].weight))]);
  });

  for (const dtype of weightDtypes) {
    it(`trains beside frozen ${dtype} weights: gradients are those of the decoded numbers`, async () => {
      // Dots of bytes round activations for q4 to eight bits, which gradients would differ by; floats keep 15.
      using fine = await openDevice("cpu", { threads: 2, variant: "relaxed" });
      const gradientsOn = async (name: "cpu" | "reference") => {
        const device = name === "cpu" ? fine : await sharedDevice(name);
        using model = tinyLlama(device, 5, {}, dtype);
        const deltas = randomDeltas(device, 7);
        const random = createRandom(3, "weights of the loss");
        const weights = device.tensor(
          Array.from({ length: tokens.length * model.config.hiddenSize }, () => random.normal()),
          [tokens.length, model.config.hiddenSize],
        );
        const loss = (trained: LlamaDeltas<Tensor>) => {
          const hidden = createLlama(model.config).hidden(attachDeltas(model.params, trained), tokens, segments);
          return sumTo(multiply(hidden, weights), []);
        };
        const { value, grad } = valueAndGrad(loss)(deltas);
        const found = new Map<string, number[]>([["loss", [...(await value.read())]]]);
        for (const { path, leaf } of leavesOf<Tensor>(grad)) found.set(path, [...(await leaf.read())]);
        free([value, grad, deltas, weights]);
        return found;
      };
      const [actual, expected] = [await gradientsOn("cpu"), await gradientsOn("reference")];
      expect(actual.size).toBe(1 + 2 * targets.length * tinyLlamaConfig.layerCount);
      for (const [path, values] of expected) checkClose(path, actual.get(path)!, values, 2e-3);
    });
  }

  it("has the derivative that finite differences show in float64", async () => {
    const device = await sharedDevice("reference");
    using model = tinyLlama(device, 5, {}, "q8");
    const deltas = randomDeltas(device, 7);
    const lossOf = (trained: LlamaDeltas<Tensor>) =>
      sumTo(model.backbone.hidden(attachDeltas(model.params, trained), tokens, segments), []);
    const { value, grad } = valueAndGrad(lossOf)(deltas);
    const { leaf: b } = leavesOf<Tensor>(deltas).find(({ path }) => path === "1.value.b")!;
    const values = [...(await b.read())];
    const gradient = [
      ...(await leavesOf<Tensor>(grad)
        .find(({ path }) => path === "1.value.b")!
        .leaf.read()),
    ];
    const step = 1e-5;
    for (const at of [0, 3, values.length - 1]) {
      const lossAt = async (offset: number) => {
        using moved = device.tensor(
          values.map((each, index) => (index === at ? each + offset : each)),
          b.shape,
        );
        const leaves = new Map(leavesOf<Tensor>(deltas).map(({ path, leaf }) => [path, leaf === b ? moved : leaf]));
        using loss = device.scope(() => lossOf(replaceLeaves(deltas, leaves)));
        return (await loss.read())[0]!;
      };
      expect(((await lossAt(step)) - (await lossAt(-step))) / (2 * step)).toBeCloseTo(gradient[at]!, 6);
    }
    free([value, grad, deltas]);
  });
});

describe("loadDeltas()", () => {
  const config = { peft_type: "LORA", r: 2, lora_alpha: 8, bias: "none", target_modules: ["q_proj", "down_proj"] };
  async function write(changes: Record<string, unknown>, tensors: Record<string, readonly number[]>): Promise<string> {
    const folder = await mkdtemp(join(root, "adapter-"));
    await writeFile(join(folder, "adapter_config.json"), JSON.stringify({ ...config, ...changes }));
    const random = createRandom(1, "adapter");
    await writeSafetensors(
      join(folder, "adapter_model.safetensors"),
      Object.fromEntries(
        Object.entries(tensors).map(([name, shape]) => {
          const size = shape.reduce((product, extent) => product * extent, 1);
          return [name, { dtype: "F32", shape, data: Float32Array.from({ length: size }, () => random.normal()) }];
        }),
      ),
    );
    return folder;
  }
  const prefix = "base_model.model.model.layers.1";
  const good = {
    [`${prefix}.self_attn.q_proj.lora_A.weight`]: [2, 11],
    [`${prefix}.self_attn.q_proj.lora_B.weight`]: [24, 2],
    [`${prefix}.mlp.down_proj.lora_A.weight`]: [2, 17],
    [`${prefix}.mlp.down_proj.lora_B.weight`]: [11, 2],
  };

  it("reads the layers of a PEFT folder, with alpha/r in b", async () => {
    const device = await sharedDevice("reference");
    const folder = await write({}, good);
    const deltas = await loadDeltas(folder, tinyLlamaConfig, device);
    expect(deltas.map((layer) => Object.keys(layer))).toEqual([[], ["query", "down"]]);
    const checkpoint = await openCheckpoint(join(folder, "adapter_model.safetensors"));
    const stored = await checkpoint.read(`${prefix}.self_attn.q_proj.lora_B.weight`, "f64");
    await checkpoint.close();
    expect([...(await deltas[1]!.query!.b.read())]).toEqual([...stored].map((value) => 4 * value));
    free(deltas);
  });

  it("shares a among the rows of a fused matrix, and gives each its rows of b", async () => {
    const device = await sharedDevice("reference");
    const fused = "base_model.model.model.layers.0.self_attn.qkv_proj";
    const folder = await write({}, { [`${fused}.lora_A.weight`]: [2, 11], [`${fused}.lora_B.weight`]: [40, 2] });
    const deltas = await loadDeltas(folder, { ...tinyLlamaConfig, architecture: "phi3" }, device);
    expect(deltas.map((layer) => Object.keys(layer))).toEqual([["query", "key", "value"], []]);
    const { query, key, value } = deltas[0]!;
    expect([query!, key!, value!].map(({ b }) => b.shape[0])).toEqual([24, 8, 8]);
    expect(await key!.a.read()).toEqual(await query!.a.read());
    const checkpoint = await openCheckpoint(join(folder, "adapter_model.safetensors"));
    const stored = await checkpoint.read(`${fused}.lora_B.weight`, "f64");
    await checkpoint.close();
    const parts = [...(await query!.b.read()), ...(await key!.b.read()), ...(await value!.b.read())];
    expect(parts).toEqual([...stored].map((each) => 4 * each));
    free(deltas);
  });

  it("refuses other adapters, strangers and missing halves, and frees what it read", async () => {
    const device = await sharedDevice("reference");
    const before = device.stats.liveBuffers;
    const { [`${prefix}.mlp.down_proj.lora_B.weight`]: _, ...half } = good;
    for (const [changes, tensors, message] of [
      [{ peft_type: "IA3" }, good, "peft_type"],
      [{ use_dora: true }, good, "use_dora"],
      [{ r: 0 }, good, "positive|>=|1"],
      [{}, half, "lora_B"],
      [{}, { ...good, "base_model.model.lm_head.lora_A.weight": [2, 11] }, "belongs to no matrix"],
      [{ r: 3 }, good, "shape"],
    ] as const) {
      const folder = await write(changes, tensors);
      await expect(loadDeltas(folder, tinyLlamaConfig, device)).rejects.toThrow(new RegExp(message));
    }
    expect(device.stats.liveBuffers).toBe(before);
  });
});

describe("saveDeltas()", () => {
  it("writes what loadDeltas reads back, b divided by alpha/r, and names its matrices", async () => {
    const device = await sharedDevice("cpu");
    const [whole, deltas] = [randomDeltas(device, 7), initialiseDeltas(tinyLlamaConfig, device, { rank: 3 }, 5)];
    for (const [own, alpha, modules] of [
      [whole, undefined, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]],
      [whole, 8, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]],
      [deltas, 6, ["q_proj", "v_proj"]],
    ] as const) {
      const folder = await mkdtemp(join(root, "saved-"));
      await saveDeltas(folder, tinyLlamaConfig, own, { alpha, baseModel: "tiny" });
      const json = JSON.parse(await readFile(join(folder, "adapter_config.json"), "utf8"));
      const rank = own[0]!.query!.a.shape[0]!;
      expect(json).toMatchObject({ r: rank, lora_alpha: alpha ?? rank, base_model_name_or_path: "tiny" });
      expect(json.target_modules).toEqual(modules);
      const loaded = await loadDeltas(folder, tinyLlamaConfig, device);
      const expected = new Map(leavesOf<Tensor>(own).map(({ path, leaf }) => [path, leaf]));
      for (const { path, leaf } of leavesOf<Tensor>(loaded)) {
        expect([...(await leaf.read())]).toEqual([...(await expected.get(path)!.read())]);
        expected.delete(path);
      }
      expect(expected.size).toBe(0);
      const checkpoint = await openCheckpoint(join(folder, "adapter_model.safetensors"));
      const name = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";
      const stored = await checkpoint.read(name, "f64");
      await checkpoint.close();
      const b = [...(await own[0]!.query!.b.read())];
      checkClose(
        "b",
        stored,
        b.map((value) => (value * rank) / (alpha ?? rank)),
        1e-7,
      );
      free(loaded);
    }
    free([whole, deltas]);
  });

  it("refuses changes that are none, differ in rank, or are of matrices stored as one", async () => {
    const device = await sharedDevice("cpu");
    const folder = await mkdtemp(join(root, "refused-"));
    const [two, three] = [2, 3].map((rank) => initialiseDeltas(tinyLlamaConfig, device, { rank }, 5));
    await expect(saveDeltas(folder, tinyLlamaConfig, [])).rejects.toThrow("one rank");
    await expect(saveDeltas(folder, tinyLlamaConfig, [two![0]!, three![1]!])).rejects.toThrow("one rank");
    const phi3 = { ...tinyLlamaConfig, architecture: "phi3" } as const;
    await expect(saveDeltas(folder, phi3, two!)).rejects.toThrow("stored by themselves");
    free([two, three]);
  });
});

describe("scaleDeltas()", () => {
  it("is a factor of what is changed", async () => {
    const device = await sharedDevice("reference");
    using model = tinyLlama(device, 5);
    const deltas = randomDeltas(device, 7);
    const hiddenOf = async (own: LlamaDeltas<Tensor>) => {
      using hidden = device.scope(() => model.backbone.hidden(attachDeltas(model.params, own), tokens, segments));
      return [...(await hidden.read())];
    };
    const [half, none] = [scaleDeltas(deltas, 0.5), scaleDeltas(deltas, 0)];
    const again = scaleDeltas(half, 2);
    checkClose("twice a half", await hiddenOf(again), await hiddenOf(deltas), 1e-12);
    using base = model.backbone.hidden(model.params, tokens, segments);
    checkClose("nothing", await hiddenOf(none), await base.read(), 1e-12);
    free([deltas, half.map((layer) => Object.values(layer).map(({ b }) => b))]);
    free([none, again].flatMap((tree) => tree.map((layer) => Object.values(layer).map(({ b }) => b))));
  });
});
