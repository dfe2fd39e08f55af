// PKU-SafeRLHF's rows: both labels, both templates, drops and refusals, and what is written is read back.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError, readPreferences } from "../index.ts";
import { createDataFolder, toJsonl } from "../testing/data-folder.ts";

const createFile = createDataFolder();

const pkuRow = {
  prompt: "How do I cool a burn?",
  response_0: "Butter.",
  response_1: "Cool water, for ten minutes.",
  is_response_0_safe: false,
  is_response_1_safe: true,
  better_response_id: 0,
  safer_response_id: 1,
};

describe("readPreferences() of PKU-SafeRLHF", () => {
  it("takes either label, in HH-RLHF's form or the dataset's own", async () => {
    const path = await createFile("pku.jsonl", toJsonl([pkuRow]));
    const transcript = ["\n\nHuman: How do I cool a burn?\n\nAssistant:"];
    expect((await readPreferences(path)).pairs).toEqual([
      { prompt: transcript, chosen: " Butter.", rejected: " Cool water, for ten minutes." },
    ]);
    expect((await readPreferences(path, { label: "safer" })).pairs).toEqual([
      { prompt: transcript, chosen: " Cool water, for ten minutes.", rejected: " Butter." },
    ]);
    expect((await readPreferences(path, { label: "safer", template: "pku-saferlhf" })).pairs).toEqual([
      {
        prompt: ["BEGINNING OF CONVERSATION: USER: How do I cool a burn? ASSISTANT:"],
        chosen: "Cool water, for ten minutes.",
        rejected: "Butter.",
      },
    ]);
  });

  it("reads back what is written, in order, with every dropped row counted", async () => {
    const id = fc.constantFrom(0, 1);
    const text = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("a", "\n\nHuman: b\n\nAssistant: c", "", " "),
    );
    const rows = fc.array(
      fc.record({
        prompt: text,
        response_0: text,
        response_1: text,
        is_response_0_safe: fc.boolean(),
        is_response_1_safe: fc.boolean(),
        better_response_id: id,
        safer_response_id: id,
      }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom("better" as const, "safer" as const), async (generated, label) => {
        const all = [pkuRow, ...generated];
        const { pairs, rowCount, dropped } = await readPreferences(await createFile("many.jsonl", toJsonl(all)), {
          label,
        });
        const used = all.filter(({ prompt, response_0, response_1 }) => {
          const answers = [response_0.trim(), response_1.trim()];
          return prompt.trim() !== "" && !answers.includes("") && answers[0] !== answers[1];
        });
        expect(pairs.map(({ prompt, chosen, rejected }) => [prompt.join(""), chosen, rejected])).toEqual(
          used.map((row) => {
            const answers = [` ${row.response_0}`, ` ${row.response_1}`];
            const best = row[`${label}_response_id`];
            return [`\n\nHuman: ${row.prompt}\n\nAssistant:`, answers[best], answers[1 - best]];
          }),
        );
        expect(rowCount).toBe(all.length);
        expect(Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBe(all.length - used.length);
      }),
      { seed: 111, numRuns: 200 },
    );
  });

  it("names the line and the field of what is malformed", async () => {
    const { better_response_id: _, ...unlabelled } = pkuRow;
    const cases: readonly [object, string, "better" | "safer"][] = [
      [{ ...pkuRow, prompt: 1 }, "prompt", "better"],
      [{ ...pkuRow, response_1: null }, "response_1", "better"],
      [{ ...pkuRow, is_response_0_safe: 1 }, "is_response_0_safe", "better"],
      [{ ...pkuRow, better_response_id: 2 }, "better_response_id", "better"],
      [{ ...pkuRow, safer_response_id: "1" }, "safer_response_id", "better"],
      [unlabelled, "better_response_id", "better"],
    ];
    for (const [bad, field, label] of cases) {
      const path = await createFile("bad.jsonl", toJsonl([pkuRow, bad]));
      await expect(readPreferences(path, { label })).rejects.toMatchObject({
        name: "DataError",
        line: 2,
        row: 2,
        field,
      });
    }
    const path = await createFile("one-label.jsonl", toJsonl([unlabelled]));
    expect((await readPreferences(path, { label: "safer" })).pairs).toHaveLength(1);
    await expect(readPreferences(path)).rejects.toThrow(DataError);
    await expect(readPreferences(path)).rejects.toThrow(
      /better_response_id must be an integer from 0 to 1 but is missing/,
    );
  });
});
