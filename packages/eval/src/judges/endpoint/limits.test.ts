// Limits as laws: no window of a minute holds more than it may, the purse is never overdrawn, waits are within bounds.
import { createRandom } from "@dual-head/sampler";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTestClock, startTestEndpoint } from "../../testing/index.ts";
import { createEndpoint } from "./endpoint.ts";
import { createRateLimit } from "./rate-limit.ts";
import { delayAfter, parseRetryAfter } from "./retry.ts";
import { createPurse } from "./spending.ts";

describe("createRateLimit()", () => {
  const arrivals = fc.array(
    fc.record({ gap: fc.nat(30_000), tokens: fc.integer({ min: 1, max: 50 }), used: fc.integer({ min: 0, max: 50 }) }),
    { minLength: 1, maxLength: 30 },
  );
  const limits = fc.record({
    requestsPerMinute: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    tokensPerMinute: fc.option(fc.integer({ min: 50, max: 120 }), { nil: undefined }),
  });

  it("keeps every minute within both limits, in the order of arrival, and lets nobody wait for nothing", () =>
    fc.assert(
      fc.asyncProperty(arrivals, limits, async (given, { requestsPerMinute, tokensPerMinute }) => {
        const clock = createTestClock();
        const gate = createRateLimit({ requestsPerMinute, tokensPerMinute }, clock);
        const entered: { readonly time: number; readonly tokens: number }[] = [];
        await Promise.all(
          given.map(async ({ gap, tokens }, index) => {
            await clock.sleep(given.slice(0, index).reduce((sum, each) => sum + each.gap, gap));
            const { time } = await gate.enter(tokens, []);
            entered.push({ time, tokens });
          }),
        );
        expect(entered.map(({ tokens }) => tokens)).toEqual(given.map(({ tokens }) => tokens));
        let arrival = 0;
        for (const [index, { time, tokens }] of entered.entries()) {
          arrival += given[index]!.gap;
          const minute = entered.slice(0, index + 1).filter((other) => time - other.time < 60_000);
          expect(minute.length).toBeLessThanOrEqual(requestsPerMinute ?? Infinity);
          expect(minute.reduce((sum, each) => sum + each.tokens, 0)).toBeLessThanOrEqual(tokensPerMinute ?? Infinity);
          const before = entered[index - 1]?.time ?? 0;
          if (time > Math.max(arrival, before)) {
            // A moment earlier there was no room.
            const earlier = entered.slice(0, index).filter((other) => time - other.time <= 60_000);
            const isFull = earlier.length + 1 > (requestsPerMinute ?? Infinity);
            const sum = earlier.reduce((total, each) => total + each.tokens, tokens);
            expect(isFull || sum > (tokensPerMinute ?? Infinity)).toBe(true);
          }
        }
      }),
      { seed: 41, numRuns: 60 },
    ));

  it("counts what was used instead of what was expected", async () => {
    const clock = createTestClock();
    const gate = createRateLimit({ tokensPerMinute: 100 }, clock);
    const first = await gate.enter(90, []);
    first.tokens = 40;
    expect((await gate.enter(60, [])).time).toBe(0);
    expect((await gate.enter(1, [])).time).toBe(60_000);
  });

  it("lets one in alone that takes more than a minute's tokens", async () => {
    const clock = createTestClock();
    const gate = createRateLimit({ tokensPerMinute: 10 }, clock);
    await gate.enter(1, []);
    expect((await gate.enter(1000, [])).time).toBe(60_000);
    expect((await gate.enter(1, [])).time).toBe(120_000);
  });

  it("goes on after one who left the queue", async () => {
    const clock = createTestClock();
    const gate = createRateLimit({ requestsPerMinute: 1 }, clock);
    await gate.enter(1, []);
    const ends = new AbortController();
    const left = gate.enter(1, [undefined, ends.signal]);
    const next = gate.enter(1, []);
    ends.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    expect((await next).time).toBe(60_000);
  });
});

describe("createPurse()", () => {
  const price = { promptPerMillion: 3, completionPerMillion: 5 };
  const tokens = fc.record({ promptTokens: fc.nat(1000), completionTokens: fc.nat(1000) });
  const steps = fc.array(
    fc.record({
      most: tokens,
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      end: fc.constantFrom("used" as const, "unknown" as const, "nothing" as const),
    }),
    { minLength: 4, maxLength: 30 },
  );

  it("is never overdrawn, whatever is under way, and refuses only what could overdraw it", () =>
    fc.assert(
      fc.asyncProperty(steps, fc.double({ min: 0, max: 0.01, noNaN: true }), async (given, limit) => {
        const purse = createPurse(price, limit);
        const costOf = (used: { promptTokens: number; completionTokens: number }) =>
          (used.promptTokens * 3 + used.completionTokens * 5) / 1e6;
        let expected = 0;
        await Promise.all(
          given.map(async ({ most, share, end }) => {
            const reservation = await purse.reserve(most);
            if (reservation === null) {
              expect(purse.spending.cost! + costOf(most)).toBeGreaterThan(limit);
              return;
            }
            await new Promise((resolve) => setImmediate(resolve));
            const used = {
              promptTokens: Math.floor(most.promptTokens * share),
              completionTokens: Math.floor(most.completionTokens * share),
            };
            reservation.settle(end === "used" ? used : end);
            reservation.settle("unknown");
            expected += end === "nothing" ? 0 : costOf(end === "used" ? used : most);
            expect(purse.spending.cost!).toBeCloseTo(expected, 12);
            expect(purse.spending.cost!).toBeLessThanOrEqual(limit * (1 + 1e-12));
          }),
        );
        const { counted, uncounted } = purse.spending;
        expect(counted + uncounted).toBeLessThanOrEqual(given.filter(({ end }) => end !== "nothing").length);
      }),
      { seed: 42, numRuns: 100 },
    ));
});

describe("a spending limit", () => {
  it("stops before it is passed, and lets what is under way end", async () => {
    await using server = await startTestEndpoint(() => ({
      content: "[[A]]",
      usage: { prompt: 200, completion: 50 },
    }));
    const price = { promptPerMillion: 1000, completionPerMillion: 1000 };
    const options = { baseUrl: server.baseUrl, model: "m", keyVariable: null, price, spendingLimit: 1.5 };
    const endpoint = createEndpoint({ ...options, clock: createTestClock(), random: createRandom(1) });
    const request = {
      messages: [{ role: "user" as const, content: "é".repeat(100) }],
      maxTokens: 64,
      temperature: 0,
    };
    const settled = await Promise.allSettled(Array.from({ length: 9 }, () => endpoint.complete(request)));
    // At most 200 + 32 + 128 + 64 tokens each, and 250 in fact: after five, 1.25 + 0.424 is too much.
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
    expect(server.requests).toHaveLength(5);
    expect(endpoint.spending.cost).toBeCloseTo(1.25, 9);
    await expect(endpoint.complete(request)).rejects.toMatchObject({
      facts: { fault: "spending-limit" },
      message: expect.stringMatching(/: 1\.25 is spent and .* could pass the limit of 1\.5; raise spendingLimit/),
    });
    const resumed = createEndpoint({
      ...options,
      spentBefore: 1.25,
      clock: createTestClock(),
      random: createRandom(1),
    });
    await expect(resumed.complete(request)).rejects.toMatchObject({ facts: { fault: "spending-limit" } });
    expect(server.requests).toHaveLength(5);
    expect(resumed.spending.cost).toBe(1.25);
  });
});

describe("delayAfter() and parseRetryAfter()", () => {
  const policy = fc.record({
    count: fc.nat(9),
    delaySeconds: fc.double({ min: 0, max: 10, noNaN: true }),
    longestDelaySeconds: fc.double({ min: 0, max: 100, noNaN: true }),
  });

  it("waits half to all of a doubling delay, never less than is asked, the same for a seed", () =>
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 1, max: 12 }),
        fc.option(fc.nat(100), { nil: undefined }),
        fc.nat(),
        (given, failures, asked, seed) => {
          const delay = delayAfter(failures, asked, given, createRandom(seed));
          expect(delayAfter(failures, asked, given, createRandom(seed))).toBe(delay);
          const longest = Math.min(given.longestDelaySeconds, given.delaySeconds * 2 ** (failures - 1));
          expect(delay).toBeGreaterThanOrEqual(Math.max(longest / 2, asked ?? 0));
          expect(delay).toBeLessThanOrEqual(Math.max(longest, (asked ?? 0) + given.delaySeconds / 2));
        },
      ),
      { seed: 43, numRuns: 300 },
    ));

  it("reads numbers and dates, and nothing else", () => {
    const now = Date.parse("Wed, 25 Nov 2026 10:00:00 GMT");
    const cases: readonly [string | null, number | undefined][] = [
      ["0", 0],
      [" 12 ", 12],
      ["1.5", 1.5],
      ["Wed, 25 Nov 2026 10:00:30 GMT", 30],
      ["Wednesday, 25-Nov-26 10:00:30 GMT", 30],
      ["Wed, 25 Nov 2026 09:00:00 GMT", 0],
      [null, undefined],
      ["", undefined],
      ["-1", undefined],
      ["soon", undefined],
      ["2026", 2026],
      ["1e9", undefined],
      ["2026-11-25", undefined],
    ];
    for (const [header, seconds] of cases) expect([header, parseRetryAfter(header, now)]).toEqual([header, seconds]);
    fc.assert(
      fc.property(fc.string(), (header) => {
        const seconds = parseRetryAfter(header, now) ?? 0;
        expect(seconds >= 0 && Number.isFinite(seconds)).toBe(true);
      }),
      { seed: 44, numRuns: 300 },
    );
  });
});
