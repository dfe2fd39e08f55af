// What every scheduler keeps: a request gives what it gives alone, whoever comes, goes, waits, fails or is slow beside it,
// and no place is lost. Decodes tables, so that nothing but scheduling can differ. Knows no particular scheduler.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampled } from "../generate.ts";
import type { DecodePolicy } from "../policy.ts";
import type { GenerateEvent, GenerateRequest } from "../request.ts";
import type { Scheduler, SchedulerOptions } from "../scheduler.ts";
import { randomTable, tablePolicy } from "./table-policy.ts";

const vocabSize = 13;
const model = randomTable(vocabSize, 8);
const seed = 61;

const drawnRequest = fc.record({
  prompt: fc.array(fc.nat(vocabSize - 1), { minLength: 1, maxLength: 9 }),
  controls: fc.record({ strength: fc.constantFrom(0, 0.5, 1, 2) }),
  maxNewTokens: fc.integer({ min: 1, max: 9 }),
  temperature: fc.constantFrom(0, 0.7, 1),
  seed: fc.nat(99),
});

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const alone = (request: GenerateRequest) => collect(sampled(tablePolicy(model)).generate(request));

/** Runs the laws of one way to make schedulers under vitest; the caller's schedulers are theirs to make only. */
export function schedulerLaws(
  label: string,
  create: (policy: DecodePolicy, options?: SchedulerOptions) => Scheduler,
): void {
  describe(`${label} keeps the laws of a scheduler (seed ${seed})`, () => {
    it("gives each request what it gets alone, in any order of arrival and within any limits", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          fc.array(drawnRequest, { minLength: 1, maxLength: 5 }),
          fc.record({ concurrency: fc.constantFrom(1, 2, 16), chunkSize: fc.constantFrom(1, 3, 256) }),
          fc.constantFrom(10, 20, Infinity),
          async (arrivals, requests, limits, tokenBudget) => {
            const policy = tablePolicy(model);
            const scheduler = create(policy, { ...limits, tokenBudget });
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
        { seed, numRuns: 25 },
      );
    });

    it("opens no more sequences than it may, and serves in order of arrival", async () => {
      const policy = tablePolicy(model);
      const ended: number[] = [];
      let most = 0;
      const { advance } = policy;
      policy.advance = (entries) => {
        most = Math.max(most, policy.openCount);
        return advance(entries);
      };
      const scheduler = create(policy, { concurrency: 2 });
      await Promise.all(
        [0, 1, 2, 3, 4].map(async (index) => {
          await collect(scheduler.generate({ prompt: [index], maxNewTokens: 4 }));
          ended.push(index);
        }),
      );
      expect(most).toBe(2);
      expect(ended).toEqual([0, 1, 2, 3, 4]);
    });

    it("lets a slow consumer pause its own stream only", async () => {
      const policy = tablePolicy(model);
      const scheduler = create(policy, { aheadLimit: 2 });
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
      const scheduler = create(policy);
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
      const scheduler = create(policy);
      const events: GenerateEvent[] = [];
      for await (const event of scheduler.generate({ prompt: [1], maxNewTokens: 40 })) {
        events.push(event);
        if (events.length === 2) scheduler[Symbol.dispose]();
      }
      expect(events.at(-1)).toEqual({ type: "end", reason: "aborted", text: "" });
      expect(policy.openCount).toBe(0);
      expect(() => scheduler.generate({ prompt: [1], maxNewTokens: 1 })).toThrow("was disposed");
    });
  });
}
