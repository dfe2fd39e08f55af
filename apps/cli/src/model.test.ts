// Models put together: prefixes that a policy keeps, and conversations that begin with them.
import { mkdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "./model.ts";
import { temporaryFolder } from "./testing/folder.ts";
import { run } from "./testing/run.ts";
import { writeTinyHeads, writeTinyModel } from "./testing/tiny-model.ts";

let world: Awaited<ReturnType<typeof temporaryFolder>>;
const place = (name: string) => `${world.path}/${name}`;
beforeAll(async () => {
  world = await temporaryFolder();
  await writeTinyModel(place("model"), { max_position_embeddings: 256 });
  await mkdir(place("heads"));
  await writeTinyHeads(place("heads"), place("model"));
});
afterAll(() => world.remove());

describe("openModel()", () => {
  it("feeds what a former sequence began with only once where prefixes are kept", async () => {
    const io = {
      ...{ out: () => {}, note: () => {}, interactive: false, colour: false, columns: 80, environment: {} },
      signal: new AbortController().signal,
      lines: async function* () {},
    };
    const heads = [{ directory: place("heads"), weight: 1 }];
    using model = await openModel({ model: place("model"), device: "cpu", heads }, io);
    const tokens = Array.from({ length: 44 }, (_, at) => (at * 7) % 200);
    for (const [keepsPrefixes, expected] of [
      [false, 40 + 44],
      [true, 40 + 12],
    ] as const) {
      const policy = model.createPolicy(64, 1, { keepsPrefixes });
      for (const length of [40, 44]) {
        const sequence = policy.open();
        await policy.advance([{ sequence, tokens: tokens.slice(0, length) }]);
        policy.close(sequence);
      }
      expect(policy.cost.tokens).toBe(expected);
    }
  });
});

describe("chat", () => {
  it("answers turn after turn, the same for the same seed, and forgets when it is asked to", async () => {
    const argv = [
      "chat",
      "--model",
      place("model"),
      "--device",
      "cpu",
      "--max-new-tokens",
      "3",
      "--heads",
      place("heads"),
    ];
    const talk = (lines: readonly string[]) => run(argv, { lines });
    const [first, second] = [await talk(["the", "in", "/quit"]), await talk(["the", "in", "/quit"])];
    expect(first).toEqual(second);
    expect(first.status).toBe(0);
    expect(first.out.split("\n").length).toBeGreaterThanOrEqual(3);
    expect((await talk(["the", "/reset", "a"])).note).toContain("forgotten");
  });
});
