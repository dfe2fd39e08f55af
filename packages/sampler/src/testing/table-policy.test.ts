// The table policy keeps the laws, and its own knobs do what they say.
import { describe, expect, it } from "vitest";
import { decodePolicyLaws, randomTable, tablePolicy } from "./index.ts";

decodePolicyLaws("tablePolicy", () => tablePolicy(randomTable(7, 3)));

describe("tablePolicy()", () => {
  it("is exactly base at strength 0 and exactly the reward table at α clamped to 1", async () => {
    const model = randomTable(5, 4);
    const policy = tablePolicy(model);
    const logitsFor = async (controls: object) => {
      const [step] = await policy.advance([{ sequence: policy.open(controls), tokens: [2] }]);
      return [...(await step!.logits())];
    };
    expect(await logitsFor({ strength: 0 })).toEqual(model.base[2]);
    expect(await logitsFor({ alphaMin: 1, alphaMax: 1 })).toEqual(model.reward[2]);
  });

  it("refuses a spent step, bad controls and more sequences than it has places for", async () => {
    const policy = tablePolicy(randomTable(5, 4), { slotCount: 1 });
    const sequence = policy.open();
    const [step] = await policy.advance([{ sequence, tokens: [1] }]);
    await policy.advance([{ sequence, tokens: [1] }]);
    await expect(step!.logits()).rejects.toThrow("the policy has advanced since");
    expect(() => policy.setControls(sequence, { strength: -1 })).toThrow(RangeError);
    expect(() => policy.open()).toThrow("all 1 are open");
  });
});
