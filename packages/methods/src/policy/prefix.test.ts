// Chunks and prefixes of a policy: what is fed in pieces or read from a prefix cache gives what feeding it whole gives,
// to the last bit on reference, and runs the backbone over the rest only, whatever the heads.
import { createPrefixCache } from "@dual-head/backbone";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { attentionGate } from "@dual-head/gating";
import { randomTensor } from "@dual-head/gating/testing";
import { blockHead } from "@dual-head/heads";
import type { DecodePolicy } from "@dual-head/sampler";
import { decodePolicyLaws } from "@dual-head/sampler/testing";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { createBasePolicy } from "../base/base-policy.ts";
import { createDualHeadPolicy } from "../dual-head/dual-head-policy.ts";

const pageSize = 4;

async function openBench(name: "reference" | "cpu", window: number | null = null) {
  const device = await sharedDevice(name);
  const { backbone, params } = tinyLlama(device, 7, window === null ? {} : { window, architecture: "mistral" });
  const { hiddenSize } = backbone.config;
  const gate = attentionGate({ hiddenSize, width: 6, headCount: 2, initialAlpha: 0.4 });
  const block = blockHead({ width: 6, headCount: 2, feedForwardSize: 5 });
  const lmHead = backbone.lmHead(params);
  const common = { backbone, params, device, slotCount: 5, capacity: 29 };
  const prefixes = (pages: number) => {
    const probe = createPrefixCache(backbone, device, { slotCount: 1, capacity: 1, prefixBytes: 0 });
    const prefixBytes = pages * pageSize * probe.cache.bytesPerRow;
    probe[Symbol.dispose]();
    return createPrefixCache(backbone, device, { slotCount: 10, capacity: 29, pageSize, chunkSize: 8, prefixBytes });
  };
  const dualHead = (seed: number, options: object = {}) => {
    // Changed hidden states, where an untrained block leaves them as they are.
    const params = {
      ...block.init(device, seed, lmHead),
      output: randomTensor(device, seed + 1, [hiddenSize, 6]),
      down: randomTensor(device, seed, [hiddenSize, 5]),
    };
    const projection = block.projection(params, lmHead);
    const gateParams = {
      ...gate.init(device, seed),
      weight: device.tensor(new Array(hiddenSize).fill(0.3), [1, hiddenSize]),
    };
    const heads = [{ name: "head", projection, encoding: block.encoding(params), gate, gateParams }];
    return createDualHeadPolicy({ ...common, heads, mixing: "convex", ...options });
  };
  return { device, prefixes, dualHead, base: (options: object = {}) => createBasePolicy({ ...common, ...options }) };
}

async function logitsAfter(policy: DecodePolicy, tokens: readonly number[]): Promise<number[]> {
  const sequence = policy.open();
  const [step] = await policy.advance([{ sequence, tokens }]);
  const logits = [...(await step!.logits())];
  policy.close(sequence);
  return logits;
}

const tokens = [3, 17, 0, 22, 11, 5, 9, 1, 14, 2, 8, 20, 6, 19, 7, 4, 13, 10];

for (const name of ["reference", "cpu"] as const) {
  const tolerance = name === "reference" ? 1e-11 : 2e-4;
  const controls = [{ strength: 0.5 }, { strength: 1.5, alphaMax: 0.7 }] as const;
  decodePolicyLaws(
    `dual-head in chunks of 3 on ${name}`,
    async () => (await openBench(name)).dualHead(1, { chunkSize: 3 }),
    {
      tolerance,
      controls,
    },
  );
  decodePolicyLaws(
    `dual-head with a window of 3 and a prefix cache on ${name}`,
    async () => {
      const bench = await openBench(name, 3);
      return bench.dualHead(1, { chunkSize: 5, prefixCache: bench.prefixes(12) });
    },
    { tolerance, controls },
  );

  describe(`prefixes on ${name}`, () => {
    it("are read instead of computed, by policies of other heads too, with the same logits", async () => {
      const { prefixes, dualHead, base } = await openBench(name);
      using prefixCache = prefixes(12);
      for (const [round, make] of [() => dualHead(1), () => dualHead(2), () => base()].entries()) {
        using plain = make();
        using cached = [dualHead(1, { prefixCache }), dualHead(2, { prefixCache }), base({ prefixCache })][round]!;
        const expected = await logitsAfter(plain, tokens);
        for (const isSecond of [round > 0, true]) {
          const before = cached.cost.tokens;
          const actual = await logitsAfter(cached, tokens);
          // Few rows take another kernel on cpu, whose sums run in another order.
          if (name === "reference") expect(actual).toEqual(expected);
          else checkClose("logits", actual, expected, tolerance);
          expect(cached.cost.tokens - before).toBe(isSecond ? 2 : 18);
        }
        const [sequence, whole] = [cached.open(), plain.open()];
        const [scores] = await cached.score([{ sequence, tokens }]);
        const [direct] = await plain.score([{ sequence: whole, tokens }]);
        checkClose("scores", scores!.logp.slice(1), direct!.logp.slice(1), tolerance);
      }
      prefixCache.clear();
      expect(prefixCache.cache.freeRows).toBe(prefixCache.cache.rowCount);
    });

    it("are those of the whole sequence, fed before or now", async () => {
      const { prefixes, base } = await openBench(name);
      using prefixCache = prefixes(12);
      using plain = base();
      using cached = base({ prefixCache });
      const [beginning, rest] = [tokens.slice(0, pageSize), tokens.slice(8, 17)];
      // Both begin sequences of their own.
      for (const each of [beginning, rest]) await logitsAfter(cached, each);
      const expected = await logitsAfter(plain, [...beginning, ...rest]);
      const sequence = cached.open();
      await cached.advance([{ sequence, tokens: beginning }]);
      const [step] = await cached.advance([{ sequence, tokens: rest }]);
      checkClose("logits", await step!.logits(), expected, tolerance);
    });
  });
}
