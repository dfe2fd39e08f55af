// The table of mutations is in step with sources, tests and docs/mutations.md; and a mutant is judged as it should be.
// Runs no mutant: `npm run mutate` does.
import { describe, expect, it } from "vitest";
import { readRepository } from "../repository.ts";
import { findRepositoryRoot } from "../shared-asset.ts";
import { mutationsDocument, mutationsPath, type Outcome, rowsOf, updatedDocument } from "./document.ts";
import { faultsOfBaseline, judge } from "./judge.ts";
import { faultsOf, type Mutation, mutate } from "./mutation.ts";
import type { RunReport, TestReport } from "./run-tests.ts";
import { mutations } from "./tables/index.ts";

const mutation: Mutation = {
  id: "sign",
  what: "a | sign",
  file: "packages/a/src/a.ts",
  find: "1 - x",
  replace: "1 + x",
  test: "packages/a/src/a.test.ts",
  property: "a() on cpu > adds up",
};

describe("the mutations of this repository", () => {
  const files = readRepository(findRepositoryRoot());

  it("find their text once, and have names of their own", () => {
    expect(faultsOf(mutations, files)).toEqual([]);
  });

  it("stand in docs/mutations.md, all of them killed; otherwise run npm run mutate", () => {
    const rows = rowsOf(files.get(mutationsPath) ?? "");
    expect(rows).toEqual(mutations.map(({ what, file, test }) => ({ what, file, test, result: "killed" })));
  });
});

describe("faultsOf()", () => {
  const files = new Map([
    [mutation.file, "y = 1 - x;"],
    [mutation.test, ""],
  ]);

  it("names texts that are missing or doubled, changes of nothing, absent files and names used twice", () => {
    expect(faultsOf([mutation], files)).toEqual([]);
    const faultOf = (change: Partial<Mutation>) => faultsOf([{ ...mutation, ...change }], files);
    expect(faultOf({ find: "2 - x" })).toEqual([
      "sign: its text occurs 0 times in packages/a/src/a.ts and must occur once",
    ]);
    expect(faultOf({ find: " " })[0]).toContain("occurs 4 times");
    expect(faultOf({ replace: mutation.find })).toEqual(["sign: it changes nothing"]);
    expect(faultOf({ file: "b.ts", test: "c.ts" })).toEqual(["sign: there is no b.ts", "sign: there is no c.ts"]);
    expect(faultsOf([mutation, { ...mutation, what: "other" }], files)).toEqual(["sign: two mutations have this id"]);
  });
});

describe("mutate()", () => {
  it("changes the one place, takes the new text literally, and refuses any other number of places", () => {
    expect(mutate("y = 1 - x;", mutation)).toBe("y = 1 + x;");
    expect(mutate("y = 1 - x;", { ...mutation, replace: "$& $1" })).toBe("y = $& $1;");
    expect(() => mutate("1 - x, 1 - x", mutation)).toThrow("occurs 2 times in packages/a/src/a.ts");
    expect(() => mutate("", mutation)).toThrow("occurs 0 times");
  });
});

describe("judge()", () => {
  const title = "a() on cpu > adds up to 1";
  const report = (test: Partial<TestReport> | null, more: Partial<RunReport> = {}): RunReport => ({
    tests:
      test === null ? [] : [{ file: mutation.test, title, state: "failed", errors: ["AssertionError: 1"], ...test }],
    loadErrors: [],
    applied: true,
    ...more,
  });

  it("counts a mutant as killed only by a failed check of the named property", () => {
    const resultOf = (...args: Parameters<typeof report>) => judge(mutation, report(...args)).result;
    expect(judge(mutation, report({}))).toEqual({ mutation, result: "killed", detail: title });
    expect(resultOf({ errors: ["Error: Property failed after 1 tests", "Error: element 3 is 1"] })).toBe("killed");
    expect(resultOf({ state: "passed", errors: [] })).toBe("survived");
    expect(resultOf({ errors: ["TypeError: x is not a function"] })).toBe("wrong test");
    expect(resultOf({ errors: ["Error: Property failed after 1 tests", "SlotError: no room"] })).toBe("wrong test");
    expect(resultOf({ errors: ["Error: Test timed out in 60000ms."] })).toBe("wrong test");
    expect(resultOf({ title: "another" })).toBe("did not load");
    expect(resultOf(null, { loadErrors: ["SyntaxError"], applied: true })).toBe("did not load");
    expect(resultOf({}, { applied: false })).toBe("did not load");
  });

  it("requires the named tests to exist and to pass without a mutation", () => {
    expect(faultsOfBaseline([mutation], report({ state: "passed" }))).toEqual([]);
    expect(faultsOfBaseline([mutation], report({}))[0]).toContain("fails without any mutation: a() on cpu");
    expect(faultsOfBaseline([mutation], report(null))).toEqual([
      'sign: packages/a/src/a.test.ts has no test named "a() on cpu > adds up"',
    ]);
  });
});

describe("mutationsDocument()", () => {
  it("is read back row by row", () => {
    const outcomes: readonly Outcome[] = [
      { mutation, result: "killed", detail: "a | b" },
      { mutation: { ...mutation, what: "other" }, result: "survived", detail: "x" },
    ];
    expect(rowsOf(mutationsDocument(outcomes))).toEqual([
      { what: "a | sign", file: mutation.file, test: mutation.test, result: "killed" },
      { what: "other", file: mutation.file, test: mutation.test, result: "survived" },
    ]);
  });
});

describe("updatedDocument()", () => {
  it("changes the rows of what was run, keeps the others', and has the table's order", () => {
    const [first, second, third] = ["a | b", "second", "third"].map((what) => ({ ...mutation, id: what, what }));
    const whole = mutationsDocument([
      { mutation: first!, result: "killed", detail: "x" },
      { mutation: third!, result: "survived", detail: "x" },
    ]);
    const run: readonly Outcome[] = [
      { mutation: third!, result: "killed", detail: "y" },
      { mutation: second!, result: "killed", detail: "y" },
    ];
    expect(updatedDocument(whole, [first!, second!, third!], run)).toBe(
      mutationsDocument([{ mutation: first!, result: "killed", detail: "x" }, run[1]!, run[0]!]),
    );
    expect(updatedDocument(whole, [second!, third!], [])).toBe(
      mutationsDocument([{ mutation: third!, result: "survived", detail: "x" }]),
    );
  });
});
