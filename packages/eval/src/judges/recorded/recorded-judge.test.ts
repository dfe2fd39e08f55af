// Replays: what was recorded is said again to the letter, what was not is an error that names it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { judgeLaws } from "../../testing/index.ts";
import { openCachedJudge } from "../cache/cached-judge.ts";
import type { Comparison, Exchange, Judge } from "../judge.ts";
import { createScoreJudge } from "../score/score-judge.ts";
import { readRecordedJudge } from "./recorded-judge.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-recorded-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const longer = createScoreJudge({
  name: "longer",
  score: async (exchanges) => exchanges.map(({ answer }) => answer.length),
});
const conversation = [{ role: "human" as const, content: "Which is longer?" }];
const texts = ["", "a", "bb", "ccc", "dd"];
const comparisons: readonly Comparison[] = texts.flatMap((first) =>
  texts.map((second) => ({ conversation, first, second })),
);
const exchanges: readonly Exchange[] = texts.map((answer) => ({ conversation, answer }));

async function record(folder: string, judge: Judge): Promise<string> {
  using cached = await openCachedJudge(judge, folder);
  await cached.prefer(comparisons);
  await cached.grade!(exchanges);
  return cached.path;
}

judgeLaws("recorded verdicts", async () => readRecordedJudge(await record(join(root, "laws"), longer)), {
  isSymmetric: true,
  comparisons: fc.constantFrom(...comparisons),
  exchanges: fc.constantFrom(...exchanges),
});

describe("readRecordedJudge()", () => {
  it("says what the judge said, under its name and identity, from a file or a folder", async () => {
    const folder = join(root, "alone");
    const path = await record(folder, longer);
    for (const judge of [await readRecordedJudge(path), await readRecordedJudge(folder)]) {
      expect([judge.name, judge.identity]).toEqual([longer.name, longer.identity]);
      expect(await judge.prefer(comparisons)).toEqual(await longer.prefer(comparisons));
      expect(await judge.grade!(exchanges)).toEqual(await longer.grade!(exchanges));
    }
  });

  it("names what was never judged, and then says nothing", async () => {
    const path = await record(join(root, "missing"), longer);
    const judge = await readRecordedJudge(path);
    const unknown = { conversation, first: "a", second: "never" };
    const onSaid = () => expect.unreachable();
    await expect(judge.prefer([comparisons[0]!, unknown], { onSaid })).rejects.toMatchObject({
      name: "MissingVerdictError",
      fault: "no-verdict",
      index: 1,
      path,
      asked: unknown,
      message: expect.stringMatching(
        /^Cannot replay longer: .* has nothing of comparison 1 \([\da-f]{32}\), to "Which is longer\?"; let the judge/,
      ),
    });
    await expect(judge.grade!([{ conversation, answer: "never" }])).rejects.toThrow(/nothing of answer 0/);
  });

  it("asks which of several judges is meant", async () => {
    const folder = join(root, "several");
    await record(folder, longer);
    const shorter = createScoreJudge({
      name: "shorter",
      score: async (given) => given.map(({ answer }) => -answer.length),
    });
    await record(folder, shorter);
    expect((await readRecordedJudge(folder, "shorter")).identity).toEqual(shorter.identity);
    await expect(readRecordedJudge(folder)).rejects.toThrow(/it has longer \(longer-.*\), shorter \(.*\); name one/);
    await expect(readRecordedJudge(folder, "other")).rejects.toMatchObject({ name: "JudgeError", fault: "no-verdict" });
  });
});
