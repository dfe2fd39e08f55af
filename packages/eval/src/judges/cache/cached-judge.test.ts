// Memory on disk: laws, what is asked again and what not, torn lines, several judges, kills. The kill needs built files.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { JsonValue } from "@dual-head/bytes";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comparisonArbitrary, exchangeArbitrary, judgeLaws } from "../../testing/index.ts";
import type { Comparison, Grade, Judge, Verdict } from "../judge.ts";
import { createScoreJudge } from "../score/score-judge.ts";
import { openCachedJudge } from "./cached-judge.ts";
import { formatRecord, parseRecord } from "./record.ts";
import { readVerdicts, verdictFileName } from "./verdict-file.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-verdicts-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
const createFolder = () => mkdtemp(join(root, "run-"));

const longer = createScoreJudge({
  name: "longer",
  score: async (exchanges) => exchanges.map(({ answer }) => answer.length),
});

judgeLaws(
  "a judge with a memory",
  async () => {
    using opened = await openCachedJudge(longer, await createFolder());
    // A file that is opened again for each list, so that descriptors are not used up.
    return {
      ...opened,
      async prefer(...given) {
        using judge = await openCachedJudge(longer, join(opened.path, ".."));
        return await judge.prefer(...given);
      },
      async grade(...given) {
        using judge = await openCachedJudge(longer, join(opened.path, ".."));
        return await judge.grade!(...given);
      },
    };
  },
  { isSymmetric: true, runs: 8 },
);

const finite = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, -0, Infinity, -Infinity));
const verdicts: fc.Arbitrary<Verdict> = fc.record(
  {
    winner: fc.constantFrom("first" as const, "second" as const, "tie" as const, "unparsed" as const),
    raw: fc.option(fc.string({ unit: "binary" })),
    preference: fc.double({ min: 1, max: 2, noNaN: true }),
    scores: fc.tuple(finite, finite),
  },
  { requiredKeys: ["winner", "raw"] },
);
const grades: fc.Arbitrary<Grade> = fc.record({ score: fc.option(finite), raw: fc.option(fc.string()) });
const keys = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 });
const records = fc.oneof(
  fc.record({ kind: fc.constant("verdict" as const), key: keys, said: verdicts }),
  fc.record({ kind: fc.constant("grade" as const), key: keys, said: grades }),
  fc.record({
    kind: fc.constant("judge" as const),
    key: keys,
    name: fc.string(),
    identity: fc.jsonValue() as fc.Arbitrary<JsonValue>,
  }),
);

/** A judge that says a text drawn by the comparison, and counts what it is asked. */
function createCounting(name: string): Judge & { readonly asked: Comparison[] } {
  const asked: Comparison[] = [];
  return {
    name,
    asked,
    async prefer(comparisons, { onSaid } = {}) {
      return comparisons.map((comparison, index) => {
        asked.push(comparison);
        const said: Verdict = { winner: "tie", raw: `${name} says ${comparison.first}\u2028é\n"` };
        onSaid?.(index, said);
        return said;
      });
    },
  };
}

const numbered = (count: number): readonly Comparison[] =>
  Array.from({ length: count }, (_, n) => ({
    conversation: [{ role: "human", content: "which?" }],
    first: String(n),
    second: "é",
  }));

describe("records", () => {
  it("are read back as they were, from one line", () =>
    fc.assert(
      fc.property(records, (record) => {
        const line = formatRecord(record);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        // JSON has no negative zero, which an identity may hold.
        const expected = record.kind === "judge" ? JSON.parse(JSON.stringify(record)) : record;
        expect(parseRecord(line.slice(0, -1))).toEqual(expected);
      }),
      { seed: 31, numRuns: 500 },
    ));

  it("are torn wherever they are cut, and never thrown at", () =>
    fc.assert(
      fc.property(records, fc.double({ min: 0, max: 1, noNaN: true }), fc.string(), (record, share, noise) => {
        const line = formatRecord(record).slice(0, -1);
        expect(parseRecord(line.slice(0, Math.floor(share * (line.length - 1))))).toBe("torn");
        parseRecord(noise);
        parseRecord(JSON.stringify(noise));
      }),
      { seed: 32, numRuns: 500 },
    ));
});

describe("openCachedJudge()", () => {
  it("asks nothing twice, in one call and in later ones", async () => {
    const folder = await createFolder();
    const [judge, list] = [createCounting("a"), numbered(3)];
    using first = await openCachedJudge(judge, folder);
    const said = await first.prefer([...list, ...list]);
    expect(said.slice(3)).toEqual(said.slice(0, 3));
    expect([judge.asked.length, first.counts]).toEqual([3, { found: 0, asked: 3 }]);
    const again = createCounting("a");
    using second = await openCachedJudge(again, folder);
    expect(await second.prefer([...numbered(4)].reverse())).toEqual([
      { winner: "tie", raw: 'a says 3\u2028é\n"' },
      ...said.slice(0, 3).toReversed(),
    ]);
    expect([again.asked.map(({ first }) => first), second.counts]).toEqual([["3"], { found: 3, asked: 1 }]);
  });

  it("has written what it tells", async () => {
    using cached = await openCachedJudge(createCounting("written"), await createFolder());
    const lines = () => readFileSync(cached.path, "utf8").split("\n").length - 2;
    const written: number[] = [];
    await cached.prefer(numbered(3), { onSaid: () => void written.push(lines()) });
    expect(written).toEqual([1, 2, 3]);
  });

  it("keeps judges of other identities apart in one folder", async () => {
    const folder = await createFolder();
    const judges = [
      createCounting("same"),
      { ...createCounting("same"), identity: { model: "x", temperature: 0 } },
      { ...createCounting("same"), identity: { model: "x", temperature: 1 } },
    ];
    for (const judge of judges) {
      using cached = await openCachedJudge(judge, folder);
      await cached.prefer(numbered(2));
      expect(cached.counts.asked).toBe(2);
    }
    expect(await readdir(folder)).toHaveLength(3);
    const { identity, ...plain } = judges[1]!;
    // The order of keys says nothing.
    using same = await openCachedJudge({ ...plain, identity: { temperature: 0, model: "x" } }, folder);
    await same.prefer(numbered(2));
    expect([identity, same.counts.asked]).toEqual([{ model: "x", temperature: 0 }, 0]);
  });

  it("keeps what was said before the judge failed", async () => {
    const folder = await createFolder();
    const failing: Judge = {
      name: "failing",
      async prefer(comparisons, { onSaid } = {}) {
        for (const index of comparisons.keys()) {
          if (index === 2) throw new Error("no more");
          onSaid?.(index, { winner: "first", raw: null });
        }
        return [];
      },
    };
    using cached = await openCachedJudge(failing, folder);
    await expect(cached.prefer(numbered(5))).rejects.toThrow("no more");
    await expect(cached.prefer(numbered(5))).rejects.toThrow("no more");
    expect([...(await readVerdicts(cached.path)).verdicts]).toHaveLength(4);
    expect((await cached.prefer(numbered(4))).map(({ winner }) => winner)).toEqual(Array(4).fill("first"));
  });

  it("goes on after a file cut at any byte, and asks only for what the cut took", async () => {
    const folder = await createFolder();
    const judge = createCounting("torn");
    const path = join(folder, await verdictFileName(judge));
    {
      using cached = await openCachedJudge(judge, folder);
      await cached.prefer(numbered(3));
    }
    const whole = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), async (size) => {
        writeFileSync(path, whole.subarray(0, size));
        const linesLeft = whole.subarray(0, size).filter((byte) => byte === 0x0a).length;
        // A line that lacks nothing but its end is whole.
        const isWhole = whole[size] === 0x0a;
        const kept = Math.max(0, linesLeft + (isWhole ? 1 : 0) - 1);
        const next = createCounting("torn");
        {
          using cached = await openCachedJudge(next, folder);
          expect(await cached.prefer(numbered(3))).toHaveLength(3);
        }
        expect(next.asked).toHaveLength(3 - kept);
        const { verdicts: stored, tornLines } = await readVerdicts(path);
        expect(stored.size).toBe(3);
        expect(tornLines).toBeLessThanOrEqual(1);
      }),
      { seed: 33, numRuns: 60 },
    );
  });

  it("keeps what is written behind a line that was torn", async () => {
    const folder = await createFolder();
    const ask = async () => {
      using cached = await openCachedJudge(createCounting("torn"), folder);
      await cached.prefer(numbered(3));
      return cached;
    };
    const { path } = await ask();
    writeFileSync(path, readFileSync(path).subarray(0, -9));
    expect((await ask()).counts.asked).toBe(1);
    expect((await ask()).counts.asked).toBe(0);
  });

  it("names the line that is no record, and refuses another judge's", async () => {
    const folder = await createFolder();
    const judge = createCounting("b");
    const path = join(folder, await verdictFileName(judge));
    const refused = async (line: string, what: RegExp) => {
      await rm(path, { force: true });
      (await openCachedJudge(judge, folder))[Symbol.dispose]();
      appendFileSync(path, line);
      await expect(openCachedJudge(judge, folder)).rejects.toMatchObject({ name: "DataError", line: 2 });
      await expect(readVerdicts(path)).rejects.toThrow(what);
    };
    await refused('{"kind":"verdict"}\n', /key must be/);
    await refused(`{"kind":"verdict","key":"${"0".repeat(32)}","winner":"third","raw":null}\n`, /winner must be/);
    await refused("[]\n", /must be/);
    await refused(
      formatRecord({ kind: "judge", name: "c", identity: "c", key: "0".repeat(32) }),
      /keep a file for each/,
    );
    writeFileSync(path, `{"kind":"grade","key":"${"0".repeat(32)}","score":null,"raw":null}\n`);
    await expect(readVerdicts(path)).rejects.toThrow(/before the line that says whose it is/);
    writeFileSync(path, formatRecord({ kind: "judge", name: "c", identity: "c", key: "0".repeat(32) }));
    await expect(openCachedJudge(judge, folder)).rejects.toThrow(/it is of the judge c .*; it must be of/);
  });

  it("takes grades as it takes verdicts", () =>
    fc.assert(
      fc.asyncProperty(fc.array(exchangeArbitrary, { maxLength: 4 }), comparisonArbitrary, async (exchanges, one) => {
        const folder = await createFolder();
        using first = await openCachedJudge(longer, folder);
        await first.prefer([one]);
        const graded = await first.grade!(exchanges);
        using second = await openCachedJudge(longer, folder);
        expect(await second.grade!(exchanges)).toEqual(graded);
        expect(second.counts.asked).toBe(0);
      }),
      { seed: 34, numRuns: 10 },
    ));
});

const script = fileURLToPath(new URL("../../../dist/testing/killed-judge.test-program.js", import.meta.url));

/** What a process had heard, and asked, before it was killed after so many verdicts, or ended by itself. */
function run(folder: string, count: number, killAfter: number): Promise<{ heard: string[]; asked: string[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, folder, String(count)], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      if ((out.match(/heard/g)?.length ?? 0) >= killAfter) child.kill("SIGKILL");
    });
    child.once("error", reject);
    child.once("close", () => {
      const said = (verb: string) => [...out.matchAll(new RegExp(`^${verb} (\\d+)$`, "gm"))].map((each) => each[1]!);
      resolve({ heard: said("heard"), asked: said("asked") });
    });
  });
}

describe.skipIf(!existsSync(script))("a killed process", () => {
  it("has on disk all that it had heard, and the next one asks for the rest alone", async () => {
    const folder = await createFolder();
    const all = new Set<string>();
    for (const killAfter of [1, 7, 11, Number.POSITIVE_INFINITY]) {
      const { heard, asked } = await run(folder, 40, killAfter);
      for (const each of asked) expect(all).not.toContain(each);
      const [file] = await readdir(folder);
      const { verdicts: stored } = await readVerdicts(join(folder, file!));
      for (const { raw } of stored.values()) all.add(raw!.split(" ")[0]!);
      for (const each of heard) expect(all).toContain(each);
    }
    expect(all.size).toBe(40);
  });
});
