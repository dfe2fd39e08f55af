// Rows of every format one by one: what becomes a pair, what is dropped and why, and thousands of strange rows.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isHhRow, readHhRow } from "./hh-rlhf/read-row.ts";
import { DataError, splitTurns } from "./index.ts";
import type { Row } from "./row.ts";
import { readSftRow } from "./sft/read-row.ts";
import { isTrlRow, readTrlRow } from "./trl/read-row.ts";

const row = (fields: Readonly<Record<string, unknown>>): Row => ({ path: "x.jsonl", line: 7, row: 5, fields });
const say = (role: string, content: unknown) => ({ role, content });
const from = (role: string, value: string) => ({ from: role, value });

describe("splitTurns()", () => {
  it("cuts where turns begin and loses nothing", () => {
    const part = fc.constantFrom("\n\nHuman:", "\n\nAssistant:", "\n\n", "\n", " Human:", " a", "Human: b", "😀");
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const transcript = parts.join("");
        const turns = splitTurns(transcript);
        expect(turns.join("")).toBe(transcript);
        for (const turn of turns.slice(1)) expect(turn).toMatch(/^\n\n(Human|Assistant):/);
        for (const turn of turns) expect(turn).not.toBe("");
      }),
      { seed: 91, numRuns: 500 },
    );
    expect(splitTurns("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:")).toEqual([
      "\n\nHuman: a",
      "\n\nAssistant: b",
      "\n\nHuman: c\n\nAssistant:",
    ]);
  });
});

describe("readHhRow()", () => {
  const start = "\n\nHuman: Why?\n\nAssistant: Because.\n\nHuman: Really?\n\nAssistant:";

  it("takes the prompt through the last assistant's mark", () => {
    expect(readHhRow(row({ chosen: `${start} Yes.`, rejected: `${start} No.` }))).toEqual({
      prompt: ["\n\nHuman: Why?", "\n\nAssistant: Because.", "\n\nHuman: Really?\n\nAssistant:"],
      chosen: " Yes.",
      rejected: " No.",
    });
  });

  it("gives transcripts back whole, whatever the turns", () => {
    const words = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.trim() !== "");
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 5 }), words, words, (turns, chosen, rejected) => {
        const prompt = turns.map((turn) => `\n\nHuman: ${turn}\n\nAssistant:`).join("");
        const pair = readHhRow(row({ chosen: prompt + chosen, rejected: prompt + rejected }));
        if (chosen.trim() === rejected.trim()) expect(pair).toBe("equal-answers");
        else if (typeof pair !== "string") expect(pair.prompt.join("") + pair.chosen).toBe(prompt + chosen);
        else expect.unreachable();
      }),
      { seed: 92, numRuns: 200 },
    );
  });

  it("says why a row is dropped", () => {
    const reason = (chosen: string, rejected: string) => readHhRow(row({ chosen, rejected }));
    expect(reason(`${start} a`, `\n\nHuman: Why\n\nAssistant: b`)).toBe("prefixes-differ");
    expect(reason(`${start} a`, start)).toBe("empty-answer");
    expect(reason(`${start} a`, `${start}a `)).toBe("equal-answers");
    expect(reason("\n\nHuman: a", "\n\nHuman: b")).toBe("no-assistant-turn");
    expect(() => readHhRow(row({ chosen: 1, rejected: "" }))).toThrow(
      expect.objectContaining({ name: "DataError", path: "x.jsonl", line: 7 }),
    );
  });
});

describe("readTrlRow()", () => {
  const question = [say("user", "Why?")];
  const pair = { prompt: ["\n\nHuman: Why?\n\nAssistant:"], chosen: " Yes.", rejected: " No." };
  const answers = { chosen: [say("assistant", "Yes.")], rejected: [say("assistant", "No.")] };

  it("uses texts as they are", () => {
    const fields = { prompt: "Q: why?\nA:", chosen: " y", rejected: "n" };
    expect(readTrlRow(row(fields))).toEqual({ prompt: ["Q: why?\nA:"], chosen: " y", rejected: "n" });
    const transcript = { prompt: "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", chosen: "y", rejected: "n" };
    expect(readTrlRow(row(transcript))).toMatchObject({ prompt: { length: 3 } });
  });

  it("renders messages alike, wherever the prompt stands", () => {
    const forms = [
      { prompt: question, ...answers },
      { prompt: "Why?", ...answers },
      { prompt: question, chosen: "Yes.", rejected: "No." },
      { chosen: [...question, ...answers.chosen], rejected: [...question, ...answers.rejected] },
      { prompt: "Why?", chosen: [...question, ...answers.chosen], rejected: [...question, ...answers.rejected] },
      { conversations: [from("human", "Why?")], chosen: from("gpt", "Yes."), rejected: from("gpt", "No.") },
      { prompt: [say("user", [{ type: "text", text: "Why?" }])], ...answers },
    ];
    for (const fields of forms) {
      expect(isTrlRow(fields)).toBe(true);
      expect(isHhRow(fields)).toBe(false);
      expect(readTrlRow(row(fields))).toEqual(pair);
    }
  });

  it("keeps turns apart and lets the system speak first", () => {
    const prompt = [say("system", "Be brief."), ...question, say("assistant", "Hm."), say("user", "So?")];
    expect(readTrlRow(row({ prompt, ...answers }))).toMatchObject({
      prompt: ["\n\nHuman: Be brief.\n\nWhy?", "\n\nAssistant: Hm.", "\n\nHuman: So?\n\nAssistant:"],
    });
  });

  it("says why a row is dropped", () => {
    const other = [say("user", "What?"), ...answers.rejected];
    const cases: readonly [Readonly<Record<string, unknown>>, string][] = [
      [{ chosen: [...question, ...answers.chosen], rejected: other }, "prefixes-differ"],
      [{ prompt: [...question, say("assistant", "x")], ...answers }, "no-question"],
      [{ prompt: [], ...answers }, "no-question"],
      [{ prompt: [say("tool", "x"), ...question], ...answers }, "unsupported-role"],
      [{ prompt: question, chosen: question, rejected: question }, "no-answer"],
      [{ prompt: question, chosen: [], rejected: [] }, "no-answer"],
      [{ prompt: question, chosen: "", rejected: "x" }, "empty-answer"],
      [{ prompt: question, chosen: "x", rejected: "x " }, "equal-answers"],
    ];
    for (const [fields, reason] of cases) expect(readTrlRow(row(fields))).toBe(reason);
    for (const fields of [{}, { prompt: 1, chosen: "", rejected: "" }, { prompt: "x", chosen: "y" }]) {
      expect(() => readTrlRow(row(fields))).toThrow(DataError);
    }
  });
});

describe("readSftRow()", () => {
  it("reads every form", () => {
    const messages = [say("user", "Why?"), say("assistant", "Yes.")];
    const rendered = { prompt: ["\n\nHuman: Why?\n\nAssistant:"], response: " Yes." };
    expect(readSftRow(row({ messages }))).toEqual(rendered);
    expect(readSftRow(row({ conversations: [from("human", "Why?"), from("gpt", "Yes.")] }))).toEqual(rendered);
    expect(readSftRow(row({ prompt: "Q:", response: " A" }))).toEqual({ prompt: ["Q:"], response: " A" });
    expect(readSftRow(row({ prompt: "Q:", completion: " A" }))).toEqual({ prompt: ["Q:"], response: " A" });
    expect(readSftRow(row({ text: "Once" }))).toEqual({ prompt: [], response: "Once" });
  });

  it("takes only what is labelled true where there is a label", () => {
    const messages = [say("user", "Why?"), say("assistant", "Yes.")];
    expect(readSftRow(row({ messages, label: true }))).toMatchObject({ response: " Yes." });
    expect(readSftRow(row({ messages, label: false }))).toBe("undesirable");
    expect(() => readSftRow(row({ messages, label: 1 }))).toThrow(expect.objectContaining({ line: 7, field: "label" }));
  });

  it("says why a row is dropped or refused", () => {
    expect(readSftRow(row({ text: " \n" }))).toBe("empty-answer");
    expect(readSftRow(row({ messages: [say("user", "Why?")] }))).toBe("no-answer");
    expect(readSftRow(row({ messages: [say("assistant", "Yes.")] }))).toBe("no-question");
    for (const fields of [{}, { prompt: "x" }, { messages: "x" }, { messages: [{}] }]) {
      expect(() => readSftRow(row(fields))).toThrow(DataError);
    }
  });
});

describe("strange rows", () => {
  it("give a pair, a reason or a typed error, never anything else", () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("\n\nHuman: a\n\nAssistant:", "\n\nAssistant: b", ""));
    const message = fc.oneof(
      fc.record({ role: fc.constantFrom("user", "assistant", "system", "tool", "__proto__", 1), content: text }),
      fc.record({ from: fc.constantFrom("human", "gpt", "constructor"), value: fc.oneof(text, fc.jsonValue()) }),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const value = fc.oneof(text, message, fc.array(message, { maxLength: 4 }), fc.jsonValue({ maxDepth: 2 }));
    const keys = ["prompt", "chosen", "rejected", "conversations", "messages", "text", "response"] as const;
    const fields = fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] });
    fc.assert(
      fc.property(fields, fc.constantFrom(readHhRow, readTrlRow, readSftRow), (given, read) => {
        try {
          const result = read(row(given));
          if (typeof result === "string") return;
          const answers = "response" in result ? [result.response] : [result.chosen, result.rejected];
          for (const answer of answers) expect(answer.trim()).not.toBe("");
          for (const turn of result.prompt) expect(typeof turn).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { seed: 93, numRuns: 3000 },
    );
  });
});
