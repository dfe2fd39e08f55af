// The scheduler keeps the laws; prompts in chunks beside running streams, and options that cannot be.
import { describe, expect, it } from "vitest";
import type { GenerateEvent } from "./request.ts";
import { createScheduler } from "./scheduler.ts";
import { randomTable, schedulerLaws, tablePolicy } from "./testing/index.ts";

const model = randomTable(13, 8);

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

schedulerLaws("createScheduler()", createScheduler);

describe("createScheduler()", () => {
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

  it("throws on limits that are no integers of at least 1", () => {
    const policy = tablePolicy(model);
    expect(() => createScheduler(policy, { aheadLimit: 0 })).toThrow(RangeError);
    expect(() => createScheduler(policy, { tokenBudget: 0.5 })).toThrow(RangeError);
  });
});
