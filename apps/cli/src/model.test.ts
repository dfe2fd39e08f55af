// Models put together: prefixes that a policy keeps, and conversations that begin with them.
import { mkdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "./model.ts";
import { examineModel } from "./preflight.ts";
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

describe("memory of chat", () => {
  const io = {
    ...{ out: () => {}, note: () => {}, interactive: false, colour: false, columns: 80, environment: {} },
    signal: new AbortController().signal,
    lines: async function* () {},
  };

  it("is what doctor counts: caches and prefixes of every length, with heads and without, with a window", async () => {
    const window = { model_type: "mistral", sliding_window: 64, max_position_embeddings: 2048 };
    await writeTinyModel(place("window"), window);
    await mkdir(place("block"));
    await writeTinyHeads(place("block"), place("model"), { kind: "block" });
    for (const [name, folders, context] of [
      ["model", [], 256],
      ["model", ["heads"], 256],
      ["model", ["heads"], 48],
      ["model", ["block", "heads"], 256],
      ["window", [], 2048],
    ] as const) {
      const paths = folders.map(place);
      const heads = paths.map((directory) => ({ directory, weight: 1 }));
      using model = await openModel({ model: place(name), device: "cpu", heads, context }, io);
      const { needs } = await examineModel(place(name), paths, model.device, io, {
        context,
      });
      const { cacheBytes, prefixBytes } = needs.find(({ dtype }) => dtype === "f32")!;
      const before = model.device.stats.bytes;
      model.createPolicy(model.chooseContext(), 1, { keepsPrefixes: true });
      const actual = model.device.stats.bytes - before;
      // Whole pages, and the last rows of sequences.
      expect(actual / (cacheBytes + prefixBytes)).toBeGreaterThanOrEqual(1);
      expect(actual / (cacheBytes + prefixBytes)).toBeLessThan(1.06);
    }
  });
});

describe("heads of a mode", () => {
  const generate = (...extra: string[]) =>
    run([
      ...[
        "generate",
        "--model",
        place("model"),
        "--device",
        "cpu",
        "--tokens",
        "3,5",
        "--max-new-tokens",
        "4",
        "--json",
      ],
      ...["--temperature", "0", ...extra],
    ]);
  const logps = async (...extra: string[]) => {
    const { out } = await generate(...extra);
    return (JSON.parse(out) as { readonly tokens: readonly { readonly logp: number }[] }).tokens.map(
      ({ logp }) => logp,
    );
  };

  it("are mixed as they were trained where nothing is said, and heads of several modes are refused then", async () => {
    await mkdir(place("exact"));
    await writeTinyHeads(place("exact"), place("model"), { mixing: "klExact" });
    const exact = ["--heads", place("exact")];
    const said = await logps(...exact);
    expect(said).toEqual(await logps(...exact, "--mixing", "klExact"));
    expect(said).not.toEqual(await logps(...exact, "--mixing", "convex"));
    expect(await logps("--heads", place("heads"))).toEqual(
      await logps("--heads", place("heads"), "--mixing", "convex"),
    );
    const both = await generate(...exact, "--heads", place("heads"));
    expect(both.status).toBe(2);
    expect(both.note).toContain(
      "trained in the modes klExact and convex, and one fusion has one; choose it by --mixing",
    );
    expect((await generate(...exact, "--heads", place("heads"), "--mixing", "additive")).status).toBe(0);
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
    const short = await run([...argv, "--context", "30"], { lines: ["the the the the the the the the the the"] });
    expect([short.status, short.note.includes("there is room for 30; /reset begins anew, or start with a")]).toEqual([
      0,
      true,
    ]);
  });

  it("refuses caches that there is no room for, and a context that the model does not read", async () => {
    await writeTinyModel(place("endless"), { max_position_embeddings: 2 ** 30 });
    const model = ["--model", place("endless"), "--device", "cpu"];
    const huge = await run(["chat", ...model, "--context", `${2 ** 30}`]);
    expect([huge.status, huge.note.includes("there is room for")]).toEqual([2, true]);
    const beyond = await run(["chat", "--model", place("model"), "--device", "cpu", "--context", "257"]);
    expect([beyond.status, beyond.note.includes("this model reads 256; give --context up to 256")]).toEqual([2, true]);
    const score = await run(["score", "--model", place("model"), "--context", "2", "--tokens", "1,2,3"]);
    expect([score.status, score.note.includes("Cannot read 3 tokens: --context is 2; raise it")]).toEqual([2, true]);
  });
});
