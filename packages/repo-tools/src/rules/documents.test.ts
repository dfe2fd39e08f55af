// Tests of the rules for generated documents, on small repositories held in memory.
import { describe, expect, it } from "vitest";
import type { Files, Finding } from "../repository.ts";
import { checkErrata, errata, errataSections } from "./errata-rule.ts";
import { checkPaperMap, equations, paperMap } from "./paper-map-rule.ts";

const lines = (findings: readonly Finding[]): string[] =>
  findings.map(({ file, line, rule, message }) => `${file}:${line} ${rule}: ${message}`);

const code = "packages/losses/src/a.ts";

/** One symbol for each equation but the given ones. */
function symbols(...left: readonly string[]): string {
  return Object.keys(equations)
    .filter((equation) => !left.includes(equation))
    .map((equation) => `/**\n * Computes it.\n * @equation ${equation}\n */\nexport function f${equation}(): void {}\n`)
    .join("");
}

function withDocument(files: Files, { path, text }: { readonly path: string; readonly text: string }): Files {
  return new Map([...files, [path, text]]);
}

describe("checkPaperMap()", () => {
  const check = (text: string) => {
    const files = new Map([[code, text]]);
    return lines(checkPaperMap(withDocument(files, paperMap(files))));
  };

  it("accepts one symbol an equation, and several equations a symbol", () => {
    expect(check(symbols())).toEqual([]);
    expect(
      check(
        `${symbols("E6", "E7")}/** Both. @equation inside a text is none.\n * @equation E6, E7 */\nexport const both = 1;`,
      ),
    ).toEqual([]);
  });

  it("has a row for each of the 17 equations, with the symbol and a link without a line number", () => {
    const { text } = paperMap(new Map([[code, symbols("E1")]]));
    const rows = text.split("\n").filter((line) => /^\| E\d+ \|/.test(line));
    expect(rows.map((row) => row.split(" ")[1])).toEqual(Array.from({ length: 17 }, (_, index) => `E${index + 1}`));
    expect(rows[0]).toMatch(/\| – \| – \| – \|$/);
    expect(rows[1]).toMatch(/\| `fE2` \| losses \| \[a\.ts\]\(\.\.\/packages\/losses\/src\/a\.ts\) \|$/);
    // A bar inside a formula is no border of a column.
    for (const row of rows) expect(row.split(/(?<!\\)\|/).length).toBe(8);
  });

  it("names a missing, a doubled and an unknown equation, and a tag above no exported symbol", () => {
    expect(check(symbols("E16"))).toEqual([
      "docs/paper-map.md:1 equation: no symbol carries @equation E16 (the proof's gradient), add it to the docstring of the one that computes it",
    ]);
    expect(check(`${symbols()}/** @equation E4 */\nexport interface Again {}`)).toEqual([
      `${code}:86 equation: Again carries @equation E4, which fE4 has already (${code}:18), keep the tag on one of them`,
    ]);
    expect(check(`${symbols()}/**\n * @equation E18 */\nexport const x = 1;`)).toEqual([
      `${code}:87 equation: @equation names "E18", which is none of E1 to E17, write e.g. @equation E6, E7`,
    ]);
    expect(check(`${symbols()}/** @equation E1 */\nconst hidden = 1;\n/** @equation E1 */\nimport "x";`)).toEqual([
      `${code}:86 equation: @equation stands above no exported symbol, move it to the docstring of the symbol that computes it`,
      `${code}:88 equation: @equation stands above no exported symbol, move it to the docstring of the symbol that computes it`,
    ]);
  });

  it("reads no tests, no strings and no files outside of source", () => {
    const tag = "/** @equation E1 */\nexport const x = 1;";
    const files = new Map([
      [code, `${symbols()}const s = \`${tag}\`;`],
      ["packages/losses/src/a.test.ts", tag],
      ["docs/a.md", tag],
    ]);
    expect(paperMap(files).findings).toEqual([]);
  });

  it("reports a document that is missing or out of step", () => {
    const files = new Map([[code, symbols()]]);
    expect(lines(checkPaperMap(files))[0]).toContain("docs/paper-map.md:1 equation: does not exist");
    expect(lines(checkPaperMap(new Map([...files, ["docs/paper-map.md", "x"]])))[0]).toContain("differs from");
  });
});

const claims = "packages/theorems/src/claims/a.test.ts";

interface ClaimParts {
  readonly section?: string;
  readonly claim?: string;
  readonly below?: string;
}

function claim({
  section = "Gate",
  claim: text = "It is so.",
  below = 'describe("it is not so", () => {',
}: ClaimParts = {}): string {
  return `/**\n * @section ${section}\n * @claim ${text}\n * @verdict false\n * @statement What holds,\n *   over two lines.\n */\n${below}\n});\n`;
}

describe("checkErrata()", () => {
  const check = (files: Readonly<Record<string, string>>) => {
    const all = new Map(Object.entries(files));
    return lines(checkErrata(withDocument(all, errata(all))));
  };

  it("writes each claim under its section, in the order of sections, with a link to its test", () => {
    const files = new Map([
      [claims, claim({ section: "Losses", below: 'describe("of losses", () => {' }) + claim()],
      ["packages/gating/src/b.test.ts", claim({ section: "Fusion", below: "describe(\n  'fused', () => {" })],
    ]);
    const { text, findings } = errata(files);
    expect(findings).toEqual([]);
    expect(text.split("\n").filter((line) => line.startsWith("## "))).toEqual(["## Gate", "## Fusion", "## Losses"]);
    expect(text).toContain(
      "- **Claim:** It is so.\n- **Verdict:** false\n- **What holds:** What holds, over two lines.\n- **Shown by:** [theorems/claims/a.test.ts](../packages/theorems/src/claims/a.test.ts) `it is not so`\n",
    );
    expect(errataSections[0]).toBe("Gate");
  });

  it("names tags without text and unknown sections", () => {
    expect(check({ [claims]: claim({ claim: "" }) })).toEqual([
      `${claims}:1 errata: the claim has no text after @claim, write it`,
    ]);
    expect(check({ [claims]: claim().replace(/ \* @verdict.*\n/, "") })).toEqual([
      `${claims}:1 errata: the claim has no text after @verdict, write it`,
    ]);
    expect(check({ [claims]: `// A.\n${claim({ section: "Gates" })}` })).toEqual([
      `${claims}:2 errata: the claim's @section is "Gates", it must be one of ${errataSections.join(", ")}`,
    ]);
  });

  it("requires a describe with a literal title below, each title once", () => {
    const message = 'the claim is not followed by describe("…", with a title in quotes, put it directly above the test';
    for (const below of ["const a = (() => {", "describe(title, () => {", "describe(`of $" + "{name}`, () => {"]) {
      expect(check({ [claims]: claim({ below }) })).toEqual([`${claims}:1 errata: ${message}`]);
    }
    expect(check({ [claims]: claim() + claim() })).toEqual([
      `${claims}:10 errata: the claim's title "it is not so" is that of ${claims}:1 too, change one of them`,
    ]);
  });

  it("requires a claim in each file of claims, and none elsewhere", () => {
    expect(check({ [claims]: 'describe("x", () => {});' })[0]).toContain(`${claims}:1 errata: holds no claim`);
    expect(check({ "packages/heads/src/a.test.ts": "/** No claim. */\ndescribe.each([])(name, () => {});" })).toEqual(
      [],
    );
  });

  it("reports a document that is missing or out of step", () => {
    const files = new Map([[claims, claim()]]);
    expect(lines(checkErrata(files))).toEqual(["docs/errata.md:1 errata: does not exist, run npm run check -- --fix"]);
    expect(lines(checkErrata(new Map([...files, ["docs/errata.md", "x"]])))[0]).toContain("differs from");
  });
});
