// The laws of a backbone on tiny models, and agreement with plain loops for every knob of the config.
import { createTokenBatch, weightDtypes } from "@dual-head/backbone";
import { backboneLaws } from "@dual-head/backbone/testing";
import { segmentsOf } from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import type { LlamaConfig } from "./config.ts";
import { ropeAngles, ropeRotation } from "./rope.ts";
import { readParams, scalarHidden } from "./testing/scalar-llama.ts";
import { tinyLlama } from "./testing/tiny-llama.ts";

backboneLaws("tinyLlama", (device) => tinyLlama(device, 1));
backboneLaws("tinyLlama with a window of 3, tied", (device) =>
  tinyLlama(device, 2, { window: 3, tiedEmbeddings: true, architecture: "mistral" }),
);

for (const dtype of weightDtypes.filter((each) => each !== "f32")) {
  // Integer weights meet activations of 15 bits in few rows, and as they are in many.
  const tolerance = dtype === "q8" || dtype === "q4" ? 5e-4 : 1e-4;
  backboneLaws(
    `tinyLlama in ${dtype} where the device packs weights`,
    (device) => tinyLlama(device, 9, {}, device.info.features.includes("packed weights") ? dtype : "f32"),
    tolerance,
  );
}

const variants: Readonly<Record<string, Partial<LlamaConfig>>> = {
  "grouped heads": {},
  "one group, one head": { headCount: 1, groupCount: 1, headSize: 6 },
  "as many groups as heads": { headCount: 3, groupCount: 3 },
  "a window": { window: 5 },
  "biases everywhere": { attentionBias: true, outputBias: true, feedForwardBias: true },
  "another theta and epsilon": { ropeTheta: 500, normEpsilon: 0.1 },
};

for (const name of testDeviceNames) {
  describe(`createLlama() on ${name} agrees with plain loops`, () => {
    for (const [label, overrides] of Object.entries(variants)) {
      it(label, async () => {
        const device = await sharedDevice(name);
        using model = tinyLlama(device, 3, overrides);
        const tokens = [5, 0, 22, 7, 7, 1, 13, 19, 2, 3, 11];
        const expected = scalarHidden(model.config, await readParams(model.params), tokens).flat();
        using hidden = model.backbone.hidden(model.params, Uint32Array.from(tokens), segmentsOf([tokens.length]));
        checkClose(label, await hidden.read(), expected, name === "reference" ? 1e-12 : 2e-5);
      });
    }
  });
}

describe("createLlama()", () => {
  it("refuses a cache longer than the model's positions", async () => {
    using model = tinyLlama(await sharedDevice("reference"), 4);
    const { backbone, params } = model;
    expect(() => backbone.createCache(params.embedding.device, { slotCount: 1, capacity: 32 })).toThrow(
      "has 31 positions",
    );
  });

  it("gives its head by reference, tied or not", async () => {
    const device = await sharedDevice("reference");
    using tied = tinyLlama(device, 5, { tiedEmbeddings: true });
    using untied = tinyLlama(device, 5);
    expect(tied.backbone.lmHead(tied.params)).toEqual({ kind: "linear", weight: tied.params.embedding, bias: null });
    expect(untied.backbone.lmHead(untied.params)).toMatchObject({ weight: untied.params.lmHead });
  });

  it("keeps a ring of window + chunk − 1 rows and says what truncation cannot bring back", async () => {
    using model = tinyLlama(await sharedDevice("reference"), 8, { window: 5, architecture: "mistral" });
    const { backbone, params } = model;
    const extent = { slotCount: 1, capacity: 31, pageSize: 1, chunkSize: 3 };
    using cache = backbone.createCache(params.embedding.device, extent);
    expect(cache.rowCount).toBe(5 + 3 - 1);
    const slot = cache.open();
    for (let length = 0; length < 30; length += 3) {
      backbone
        .extend(
          params,
          createTokenBatch([{ slot, tokens: [1, 2, length % 23] }], () => length),
          cache,
        )
        .dispose();
    }
    expect(() => cache.truncate(slot, 26)).toThrow(
      "rows before 23 left the window of 5 and are gone; keep at least 27",
    );
    cache.truncate(slot, 27);
    expect(() =>
      backbone.extend(
        params,
        createTokenBatch([{ slot, tokens: [1, 2, 3, 4] }], () => 27),
        cache,
      ),
    ).toThrow("feed it in chunks");
    cache.close(slot);
    expect(cache.freeRows).toBe(cache.rowCount);
  });

  it("does not lengthen a slot whose rows come out of order", async () => {
    using model = tinyLlama(await sharedDevice("reference"), 6);
    using cache = model.backbone.createCache(model.params.embedding.device, { slotCount: 2, capacity: 5 });
    const slot = cache.open();
    const batch = { ...createTokenBatch([{ slot, tokens: [1, 2] }], () => 0), positions: Uint32Array.of(1, 0) };
    expect(() => model.backbone.extend(model.params, batch, cache)).toThrow("its next position is 0");
    expect(cache.length(slot)).toBe(0);
  });
});

describe("ropeAngles()", () => {
  it("turns pair i at position p by p·θ^(−2i/K)", () => {
    expect([...ropeAngles({ headSize: 4, ropeTheta: 10000 }, 7)]).toEqual([7, 7 * 10000 ** -0.5]);
    expect([...ropeRotation({ headSize: 2, ropeTheta: 10000 }, Uint32Array.of(0, 3))]).toEqual([
      1,
      0,
      Math.cos(3),
      Math.sin(3),
    ]);
  });
});
