// The scheduler on a table policy: any order of arrival, limits, fairness, pace, aborts and errors of one among others.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampled } from "./generate.ts";
import type { GenerateEvent, GenerateRequest } from "./request.ts";
import { createScheduler } from "./scheduler.ts";
import { randomTable, tablePolicy } from "./testing/index.ts";

const vocabSize = 13;
const model = randomTable(vocabSize, 8);

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const alone = (request: GenerateRequest) => collect(sampled(tablePolicy(model)).generate(request));

const request = fc.record({
  prompt: fc.array(fc.nat(vocabSize - 1), { minLength: 1, maxLength: 9 }),
  controls: fc.record({ strength: fc.constantFrom(0, 0.5, 1, 2) }),
  maxNewTokens: fc.integer({ min: 1, max: 9 }),
  temperature: fc.constantFrom(0, 0.7, 1),
  seed: fc.nat(99),
});

describe("createScheduler()", () => {
  it("gives each request what it gets alone, in any order of arrival and within any limits", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(request, { minLength: 1, maxLength: 5 }),
        fc.record({ concurrency: fc.constantFrom(1, 2, 16), chunkSize: fc.constantFrom(1, 3, 256) }),
        fc.constantFrom(10, 20, Infinity),
        async (arrivals, requests, limits, tokenBudget) => {
          const policy = tablePolicy(model);
          const scheduler = createScheduler(policy, { ...limits, tokenBudget });
          const streams = requests.map(async (each, index) => {
            await arrivals.schedule(Promise.resolve(), `request ${index}`);
            return collect(scheduler.generate(each));
          });
          await arrivals.waitAll();
          for (const [index, events] of (await Promise.all(streams)).entries()) {
            expect(events).toEqual(await alone(requests[index]!));
          }
          expect([policy.openCount, scheduler.openCount, scheduler.waitingCount]).toEqual([0, 0, 0]);
        },
      ),
      { seed: 61, numRuns: 25 },
    );
  });

  it("keeps streams moving while a long prompt is fed in chunks", async () => {
    const policy = tablePolicy(model);
    const fed: number[][] = [];
    const { advance } = policy;
    policy.advance = (entries) => {
      fed.push(entries.map(({ tokens }) => tokens.length));
      return advance(entries);
    };
    const scheduler = createScheduler(policy, { chunkSize: 4 });
    const short = collect(scheduler.generate({ prompt: [1], maxNewTokens: 30 }));
    const long = collect(scheduler.generate({ prompt: new Array<number>(18).fill(2), maxNewTokens: 2 }));
    await Promise.all([short, long]);
    expect(fed.slice(0, 7)).toEqual([[1], [1, 4], [1, 4], [1, 4], [1, 4], [1, 2], [1, 1]]);
  });

  it("lets a slow consumer pause its own stream only", async () => {
    const policy = tablePolicy(model);
    const scheduler = createScheduler(policy, { aheadLimit: 2 });
    const slow = scheduler.generate({ prompt: [1], maxNewTokens: 20 })[Symbol.asyncIterator]();
    await slow.next();
    expect((await collect(scheduler.generate({ prompt: [2], maxNewTokens: 20 }))).length).toBe(21);
    // 20 of the fast one, and of the slow one what was taken and what it may be ahead.
    expect(policy.cost.tokens).toBeLessThanOrEqual(20 + 3);
    const rest: GenerateEvent[] = [];
    for (let next = await slow.next(); !next.done; next = await slow.next()) rest.push(next.value);
    expect(rest.length).toBe(20);
    expect(policy.openCount).toBe(0);
  });

  it("ends one by its signal, by its error or by its consumer, waiting or running, and the others go on", async () => {
    const policy = tablePolicy(model, { slotCount: 3 });
    const scheduler = createScheduler(policy);
    const controller = new AbortController();
    const good = { prompt: [1, 2], maxNewTokens: 12, seed: 3 };
    const running = collect(scheduler.generate(good));
    const excluded = new Map(Array.from({ length: vocabSize }, (_, id) => [id, -Infinity]));
    const failing = collect(scheduler.generate({ ...good, logitBias: excluded }));
    const left = (async () => {
      for await (const _ of scheduler.generate({ ...good, maxNewTokens: 40 })) break;
    })();
    const waiting = collect(scheduler.generate({ ...good, signal: controller.signal, maxNewTokens: 40 }));
    const refused = collect(scheduler.generate({ ...good, controls: { strength: -1 } }));
    controller.abort();
    await expect(failing).rejects.toThrow("every token is excluded");
    await expect(refused).rejects.toThrow("strength");
    await left;
    expect((await waiting).at(-1)).toEqual({ type: "end", reason: "aborted", text: "" });
    expect(await running).toEqual(await alone(good));
    expect(policy.openCount).toBe(0);
  });

  it("ends every stream when it is disposed", async () => {
    const policy = tablePolicy(model);
    const scheduler = createScheduler(policy);
    const events: GenerateEvent[] = [];
    for await (const event of scheduler.generate({ prompt: [1], maxNewTokens: 40 })) {
      events.push(event);
      if (events.length === 2) scheduler[Symbol.dispose]();
    }
    expect(events.at(-1)).toEqual({ type: "end", reason: "aborted", text: "" });
    expect(() => scheduler.generate({ prompt: [1], maxNewTokens: 1 })).toThrow("was disposed");
    expect(() => createScheduler(policy, { aheadLimit: 0 })).toThrow(RangeError);
    expect(() => createScheduler(policy, { tokenBudget: 0.5 })).toThrow(RangeError);
  });
});
