// Tests of generation on a table policy: tokens, traces, ends, aborts, batches, and that every sequence is closed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argmax, logProbability } from "./distribution.ts";
import { InvalidRequestError, SamplingError } from "./errors.ts";
import { type BatchEvent, generateBatch, sampled } from "./generate.ts";
import type { Detokenizer, GenerateEvent, GenerateRequest } from "./request.ts";
import { randomTable, type TableModel, type TablePolicy, tablePolicy } from "./testing/index.ts";
import { warpLogits } from "./warps/warp.ts";

const vocabSize = 13;
const model = randomTable(vocabSize, 8);
const createPolicy = (maxTokens = 64): TablePolicy => tablePolicy(model, { maxTokens });

/** A table whose greedy continuation of `path[0]` is the rest of `path`. */
function pathModel(path: readonly number[]): TableModel {
  const rows = Array.from({ length: vocabSize }, () => new Array<number>(vocabSize).fill(0));
  path.forEach((token, i) => {
    const next = path[i + 1];
    if (next !== undefined) rows[token]![next] = 5;
  });
  return { base: rows, reward: rows, alpha: new Array<number>(vocabSize).fill(0.5) };
}

/** Spells token i as the i-th of these pieces, and adds `rest` at the end. */
function spell(pieces: readonly string[], rest = ""): () => Detokenizer {
  return () => ({ push: (id) => pieces[id] ?? "?", flush: () => rest });
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const tokensOf = (events: readonly GenerateEvent[]): number[] =>
  events.flatMap((event) => (event.type === "token" ? [event.token] : []));
const textOf = (events: readonly GenerateEvent[]): string => events.map((event) => event.text).join("");
const reasonOf = (events: readonly GenerateEvent[]): string | undefined => {
  const last = events.at(-1);
  return last?.type === "end" ? last.reason : undefined;
};

describe("sampled()", () => {
  it("follows the largest logit at temperature 0, and traces logp and α of the policy's own distribution", async () => {
    const policy = createPolicy();
    const request = {
      prompt: [3, 1],
      controls: { strength: 0.7 },
      maxNewTokens: 5,
      temperature: 0,
      repetitionPenalty: 1.2,
    };
    const events = await collect(sampled(policy).generate(request));
    const seen = new Set(request.prompt);
    let last = 1;
    for (const event of events) {
      if (event.type === "end") continue;
      const alpha = 0.7 * model.alpha[last]!;
      const logits = Float64Array.from(
        model.base[last]!,
        (z, id) => (1 - alpha) * z + alpha * model.reward[last]![id]!,
      );
      expect(event.token).toBe(argmax(warpLogits(logits, request, seen)));
      expect(event.logp).toBeCloseTo(logProbability(logits, event.token), 12);
      expect(event.alpha).toBeCloseTo(alpha, 12);
      last = event.token;
      seen.add(last);
    }
    expect(tokensOf(events).length).toBe(5);
    expect(events.at(-1)).toEqual({ type: "end", reason: "length", text: "" });
    expect(policy.openCount).toBe(0);
  });

  it("gives the same tokens for the same seed and others for another", async () => {
    const run = async (seed: number) =>
      tokensOf(await collect(sampled(createPolicy()).generate({ prompt: [2], maxNewTokens: 30, seed })));
    expect(await run(5)).toEqual(await run(5));
    expect(await run(5)).not.toEqual(await run(6));
  });

  it("draws with the frequencies of the distribution", async () => {
    const counts = new Array<number>(vocabSize).fill(0);
    const drawCount = 4000;
    const requests = Array.from({ length: drawCount }, (_, seed) => ({
      prompt: [4],
      controls: { strength: 0 },
      maxNewTokens: 1,
      seed,
    }));
    for await (const { event } of generateBatch(createPolicy(), requests, { concurrency: 13 })) {
      if (event.type === "token") counts[event.token]!++;
    }
    const logits = Float64Array.from(model.base[4]!);
    const chiSquare = counts.reduce((sum, count, id) => {
      const expected = drawCount * Math.exp(logProbability(logits, id));
      return sum + (count - expected) ** 2 / expected;
    }, 0);
    // The 99.9th percentile at 12 degrees of freedom.
    expect(chiSquare).toBeLessThan(32.9);
  });

  it("ends with a stop token, which is yielded without text", async () => {
    const policy = tablePolicy(pathModel([0, 1, 2, 3, 4]));
    const request = {
      prompt: [0],
      maxNewTokens: 9,
      temperature: 0,
      stopTokens: [3],
      createDetokenizer: spell(["a", "b", "c", "<end>"], "!"),
    };
    const events = await collect(sampled(policy).generate(request));
    expect(tokensOf(events)).toEqual([1, 2, 3]);
    expect(textOf(events)).toBe("bc!");
    expect(reasonOf(events)).toBe("stop-token");
  });

  it("excludes stop tokens before minNewTokens", async () => {
    const policy = tablePolicy(pathModel([0, 1, 0]));
    const request = { prompt: [0], maxNewTokens: 9, minNewTokens: 3, temperature: 0, stopTokens: [1] };
    const tokens = tokensOf(await collect(sampled(policy).generate(request)));
    expect(tokens.slice(0, 3)).not.toContain(1);
    expect(tokens.at(-1)).toBe(1);
  });

  it("ends before a stop string, across token boundaries, and holds back what may become one", async () => {
    const policy = tablePolicy(pathModel([0, 1, 2, 3, 4, 5]));
    const createDetokenizer = spell(["", "one E", "N", "Two EN", "D three", "four"]);
    const request = { prompt: [0], maxNewTokens: 9, temperature: 0, stopStrings: ["END", "never"], createDetokenizer };
    const events = await collect(sampled(policy).generate(request));
    expect(events.map((event) => event.text)).toEqual(["one ", "", "ENTwo ", "", ""]);
    expect(reasonOf(events)).toBe("stop-string");
    expect(policy.openCount).toBe(0);
  });

  it("finds a stop string that only the detokeniser's rest completes", async () => {
    const policy = tablePolicy(pathModel([0, 1]));
    const request = {
      prompt: [0],
      maxNewTokens: 1,
      temperature: 0,
      stopStrings: ["END"],
      createDetokenizer: spell(["", "a E"], "ND"),
    };
    const events = await collect(sampled(policy).generate(request));
    expect([textOf(events), reasonOf(events)]).toEqual(["a ", "stop-string"]);
  });

  it("gives back text held for a stop string that never came", async () => {
    const policy = tablePolicy(pathModel([0, 1]));
    const request = {
      prompt: [0],
      maxNewTokens: 1,
      temperature: 0,
      stopStrings: ["END"],
      createDetokenizer: spell(["", "a EN"]),
    };
    const events = await collect(sampled(policy).generate(request));
    expect(events.at(-1)).toEqual({ type: "end", reason: "length", text: "EN" });
  });

  it("uses every place of the context and ends there", async () => {
    const policy = createPolicy(5);
    const events = await collect(sampled(policy).generate({ prompt: [1, 2, 3], maxNewTokens: 50 }));
    expect([tokensOf(events).length, reasonOf(events)]).toEqual([3, "context"]);
    const full = await collect(sampled(policy).generate({ prompt: [1, 2, 3, 4, 5], maxNewTokens: 50 }));
    expect([tokensOf(full).length, reasonOf(full)]).toEqual([1, "context"]);
  });

  it("ends with reason aborted, also before the first token, and closes", async () => {
    const policy = createPolicy();
    const controller = new AbortController();
    const events: GenerateEvent[] = [];
    for await (const event of sampled(policy).generate({ prompt: [1], maxNewTokens: 50, signal: controller.signal })) {
      events.push(event);
      if (events.length === 3) controller.abort();
    }
    expect([tokensOf(events).length, reasonOf(events)]).toEqual([3, "aborted"]);
    const none = await collect(
      sampled(policy).generate({ prompt: [1], maxNewTokens: 50, signal: AbortSignal.abort() }),
    );
    expect(none).toEqual([{ type: "end", reason: "aborted", text: "" }]);
    expect([policy.openCount, policy.cost.forwards]).toEqual([0, 3]);
  });

  it("closes when the consumer breaks out, and opens nothing when nothing is read", async () => {
    const policy = createPolicy();
    sampled(policy).generate({ prompt: [1], maxNewTokens: 50 });
    for await (const _ of sampled(policy).generate({ prompt: [1], maxNewTokens: 50 })) break;
    expect(policy.openCount).toBe(0);
  });

  it("closes when logits cannot be used, and says so", async () => {
    const broken = tablePolicy({ ...model, base: model.base.map((row) => row.map(() => Number.NaN)) });
    await expect(collect(sampled(broken).generate({ prompt: [1], maxNewTokens: 3 }))).rejects.toThrow(SamplingError);
    expect(broken.openCount).toBe(0);
    const logitBias = new Map(Array.from({ length: vocabSize }, (_, id) => [id, -Infinity]));
    const policy = createPolicy();
    await expect(collect(sampled(policy).generate({ prompt: [1], maxNewTokens: 3, logitBias }))).rejects.toThrow(
      "every token is excluded",
    );
    expect(policy.openCount).toBe(0);
  });

  it("lets streams of one policy run side by side", async () => {
    const requests = [1, 2, 3].map((seed) => ({ prompt: [seed], maxNewTokens: 12, seed }));
    const policy = createPolicy();
    const together = await Promise.all(requests.map((request) => collect(sampled(policy).generate(request))));
    for (const [i, request] of requests.entries()) {
      expect(together[i]).toEqual(await collect(sampled(createPolicy()).generate(request)));
    }
  });

  it("throws at once on an invalid request, naming the field", () => {
    const good: GenerateRequest = { prompt: [1], maxNewTokens: 3 };
    const bad: readonly [string, Partial<GenerateRequest>][] = [
      ["prompt", { prompt: [] }],
      ["prompt", { prompt: [vocabSize] }],
      ["prompt", { prompt: new Array<number>(65).fill(1) }],
      ["maxNewTokens", { maxNewTokens: 0 }],
      ["maxNewTokens", { maxNewTokens: Number.NaN }],
      ["minNewTokens", { minNewTokens: -1 }],
      ["temperature", { temperature: -0.1 }],
      ["temperature", { temperature: Infinity }],
      ["topK", { topK: 1.5 }],
      ["topP", { topP: 0 }],
      ["topP", { topP: 1.1 }],
      ["minP", { minP: 2 }],
      ["repetitionPenalty", { repetitionPenalty: 0 }],
      ["seed", { seed: -1 }],
      ["stopTokens", { stopTokens: [-1] }],
      ["stopStrings", { stopStrings: [""], createDetokenizer: spell([]) }],
      ["createDetokenizer", { stopStrings: ["x"] }],
      ["logitBias", { logitBias: new Map([[0, Infinity]]) }],
      ["logitBias", { logitBias: new Map([[99, 0]]) }],
    ];
    const generator = sampled(createPolicy());
    for (const [option, part] of bad) {
      const attempt = () => generator.generate({ ...good, ...part });
      expect(attempt, option).toThrow(InvalidRequestError);
      expect(attempt).toThrow(`Cannot generate: ${option} is`);
    }
  });
});

describe("generateBatch()", () => {
  const request = fc.record({
    prompt: fc.array(fc.nat(vocabSize - 1), { minLength: 1, maxLength: 7 }),
    controls: fc.record({ strength: fc.constantFrom(0, 0.5, 1, 2) }),
    maxNewTokens: fc.integer({ min: 1, max: 11 }),
    temperature: fc.constantFrom(0, 0.7, 1),
    topK: fc.constantFrom(0, 3),
    repetitionPenalty: fc.constantFrom(1, 1.5),
    seed: fc.nat(99),
    stopTokens: fc.constantFrom([], [5]),
  });

  it("gives each request what it gets alone, at any concurrency, and closes all", async () => {
    const property = fc.asyncProperty(
      fc.array(request, { maxLength: 5 }),
      fc.constantFrom(1, 2, 3, undefined),
      async (requests, concurrency) => {
        const policy = createPolicy(11);
        const events = await collect(generateBatch(policy, requests, { concurrency }));
        for (const [index, each] of requests.entries()) {
          const own = events.filter((item) => item.index === index).map((item) => item.event);
          expect(own).toEqual(await collect(sampled(createPolicy(11)).generate(each)));
        }
        expect(policy.openCount).toBe(0);
      },
    );
    await fc.assert(property, { seed: 51, numRuns: 40 });
  });

  it("advances all open sequences in one call per step", async () => {
    const policy = createPolicy();
    const requests = [[1], [2, 3], [4, 5, 6]].map((prompt) => ({ prompt, maxNewTokens: 7 }));
    await collect(generateBatch(policy, requests));
    expect(policy.cost).toEqual({ forwards: 7, tokens: 6 + 3 * 6, rewardCalls: 0 });
  });

  it("lets the others go on when one is aborted", async () => {
    const policy = createPolicy();
    const controller = new AbortController();
    const requests = [
      { prompt: [1], maxNewTokens: 9, signal: controller.signal },
      { prompt: [2], maxNewTokens: 9 },
    ];
    const events: BatchEvent[] = [];
    for await (const item of generateBatch(policy, requests)) {
      events.push(item);
      if (events.length === 4) controller.abort();
    }
    const of = (index: number) => events.filter((item) => item.index === index).map((item) => item.event);
    expect([tokensOf(of(0)).length, reasonOf(of(0))]).toEqual([2, "aborted"]);
    expect([tokensOf(of(1)).length, reasonOf(of(1))]).toEqual([9, "length"]);
    expect(policy.openCount).toBe(0);
  });

  it("waits for places of the policy, and closes what is open when somebody else has taken one", async () => {
    const policy = tablePolicy(model, { slotCount: 2 });
    const requests = [1, 2, 3].map((token) => ({ prompt: [token], maxNewTokens: 3 }));
    expect((await collect(generateBatch(policy, requests))).length).toBe(12);
    const other = policy.open();
    await expect(collect(generateBatch(policy, requests))).rejects.toThrow("all 2 are open");
    policy.close(other);
    expect(policy.openCount).toBe(0);
  });

  it("throws at once on an invalid request or concurrency", () => {
    expect(() => generateBatch(createPolicy(), [{ prompt: [], maxNewTokens: 1 }])).toThrow(InvalidRequestError);
    expect(() => generateBatch(createPolicy(), [], { concurrency: 0 })).toThrow(RangeError);
  });
});
