// Labels of sequence classifiers: what configs say, what they may leave out, and whatever else they hold.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classifierLabelsFrom } from "./classifier-labels.ts";
import { ConfigError } from "./config-error.ts";

describe("classifierLabelsFrom()", () => {
  it("reads names, counts and padding", () => {
    expect(classifierLabelsFrom({ id2label: { 0: "bad", 1: "good" }, pad_token_id: 7 })).toEqual({
      labels: ["bad", "good"],
      padTokenId: 7,
    });
    expect(classifierLabelsFrom({ num_labels: 1 })).toEqual({ labels: ["LABEL_0"], padTokenId: null });
    expect(classifierLabelsFrom({}).labels).toEqual(["LABEL_0", "LABEL_1"]);
    expect(() => classifierLabelsFrom({ id2label: { 1: "good" } })).toThrow("the keys 0 to 0");
    expect(() => classifierLabelsFrom({ id2label: {} })).toThrow("the keys 0 to 0");
    expect(() => classifierLabelsFrom({ id2label: { 0: "good" }, num_labels: 2 })).toThrow("as id2label has");
  });

  it("throws only ConfigError whatever the JSON (seed 5)", () => {
    const keys = fc.constantFrom("id2label", "num_labels", "pad_token_id");
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(keys, fc.jsonValue())), (json) => {
        try {
          expect(classifierLabelsFrom(json).labels.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { seed: 5, numRuns: 1000 },
    );
  });
});
