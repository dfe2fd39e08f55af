// The memory that a dry run counts for an open arm is what the device then holds of it.
import { loadLlama } from "@dual-head/backbone-llama";
import { openDevice } from "@dual-head/tensor-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { examineModel, type Preflight } from "../preflight.ts";
import { temporaryFolder } from "../testing/folder.ts";
import { writeTinyModel } from "../testing/tiny-model.ts";
import type { Arm, MethodId, PartSpec } from "./arm.ts";
import { armBytes, cacheBytes, headsCount, openBytes } from "./arm-memory.ts";
import { parseEvalConfig } from "./config.ts";
import { cachesOf, openMethod } from "./methods/methods.ts";
import { createMiniWorldSetting } from "./settings/mini-world.ts";
import { namedSuites } from "./suites/table.ts";

const silent = { environment: { HF_HOME: "/nowhere", HF_HUB_OFFLINE: "1" }, signal: new AbortController().signal };

describe("memory of open arms", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const place = (name: string) => `${folder.path}/${name}`;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeTinyModel(place("main"), { max_position_embeddings: 96 });
    await writeTinyModel(place("small"), { max_position_embeddings: 96, num_hidden_layers: 1 });
  });
  afterAll(() => folder.remove());

  const examine = async (device: Awaited<ReturnType<typeof openDevice>>) => {
    const found = new Map<string, Preflight>();
    for (const role of ["main", "small"]) found.set(role, await examineModel(place(role), [], device, silent as never));
    return found;
  };
  const armOf = (method: MethodId, rewards = ["overall"], helper?: string): Arm => ({
    ...{ name: method, method, backbone: "main", rewards, knobs: {}, training: {} },
    ...(helper === undefined ? {} : { helper }),
  });

  it("counts the caches that each method opens", async () => {
    using device = await openDevice("cpu", { threads: 1 });
    const models = await examine(device);
    using main = await loadLlama(place("main"), device, { dtype: "f32" });
    using small = await loadLlama(place("small"), device, { dtype: "f32" });
    using score = device.tensor(new Float32Array(main.config.hiddenSize), [1, main.config.hiddenSize]);
    const arms: readonly Arm[] = [
      ...(["base", "dpo", "simpo", "args", "best-of-n", "cards"] as const).map((method) => armOf(method)),
      ...[armOf("proxy-tuning", ["overall"], "small"), armOf("args", ["overall"], "small")],
      ...[armOf("genarm", ["helpful", "harmless"], "small"), armOf("genarm"), armOf("mod", ["helpful", "harmless"])],
    ];
    for (const arm of arms) {
      const loaded = arm.helper === undefined ? main : small;
      const part = (name: string, { backbone, params }: typeof main) => ({ name, backbone, params });
      const helper = part("helper", loaded);
      const { backbone, params } = loaded;
      const parts = {
        heads: [],
        models: arm.rewards.map((reward) => part(reward, loaded)),
        scores: arm.rewards.map((name) => ({ name, model: { backbone, params, score, padTokenId: null } })),
        helper,
      };
      for (const slotCount of [1, 5]) {
        const before = device.stats.bytes;
        const method = openMethod({ arm, device, base: part("main", main), parts, slotCount, capacity: 96 });
        const actual = device.stats.bytes - before;
        method[Symbol.dispose]();
        const counted = cachesOf(arm, slotCount).reduce(
          (sum, each) => sum + cacheBytes(models.get(each.backbone)!, each.slotCount, 96),
          0,
        );
        // Beside them last rows of sequences.
        const label = `${arm.method} ${arm.helper ?? ""} ${slotCount}`;
        expect([label, counted / actual > 0.9 && counted / actual < 1.1]).toEqual([label, true]);
      }
    }
  });

  it("counts the numbers of the head that is trained, whatever its kind", async () => {
    using device = await openDevice("cpu", { threads: 1 });
    const found = (await examine(device)).get("main")!;
    const { hiddenSize: D, vocabSize: V } = found.model;
    const count = (settings: PartSpec["settings"]) =>
      headsCount({ kind: "heads", backbone: "main", reward: "overall", settings }, found);
    const gate = { kind: "constant", alpha: 0.5 };
    expect(count({ gate })).toBe(V * (D + 1));
    expect(count({ gate, head: { kind: "residual", width: 3, bias: false } })).toBe(6 * D);
    expect(count({ head: { kind: "residual", width: 3, bias: false } })).toBeGreaterThan(6 * D);
  });

  it("of a suite that has all arms open is the sum, of others the largest", async () => {
    using device = await openDevice("cpu", { threads: 1 });
    const models = await examine(device);
    const setting = createMiniWorldSetting();
    const config = parseEvalConfig(
      {
        ...{ setting: { kind: "mini-world" }, backbones: { main: place("main"), small: place("small") } },
        ...{ pairs: 8, prompts: 5, concurrency: 7 },
      },
      "the test",
    );
    for (const suite of namedSuites) {
      const isTogether = suite.name === "efficiency";
      const all = suite.arms(config, setting).map((arm) => armBytes(arm, models, "f32", isTogether ? 1 : 7));
      const expected = isTogether ? all.reduce((sum, each) => sum + each, 0) : Math.max(...all);
      expect([suite.name, openBytes(suite, config, setting, models).bytes]).toEqual([suite.name, expected]);
      expect(expected).toBeGreaterThan(isTogether ? Math.max(...all) : 0);
    }
  });
});
