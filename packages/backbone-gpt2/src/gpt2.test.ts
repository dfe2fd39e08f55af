// The laws of a backbone on tiny GPT-2s.
import { backboneLaws } from "@dual-head/backbone/testing";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { tinyGpt2 } from "./testing/index.ts";

backboneLaws("tinyGpt2", (device) => tinyGpt2(device, 1));
backboneLaws("tinyGpt2 with scores by layer, untied", (device) =>
  tinyGpt2(device, 2, { scoresByLayer: true, scaledScores: false, tiedEmbeddings: false }),
);
backboneLaws("tinyGpt2 in q8 where the device packs weights", (device) =>
  tinyGpt2(device, 3, {}, device.info.features.includes("packed weights") ? "q8" : "f32"),
);

describe("createGpt2()", () => {
  it("gives its head by reference, tied or not", async () => {
    const device = await sharedDevice("reference");
    using tied = tinyGpt2(device, 5);
    using untied = tinyGpt2(device, 5, { tiedEmbeddings: false });
    expect(tied.backbone.lmHead(tied.params)).toEqual({ kind: "linear", weight: tied.params.embedding, bias: null });
    expect(untied.backbone.lmHead(untied.params)).toMatchObject({ weight: untied.params.lmHead });
  });
});
