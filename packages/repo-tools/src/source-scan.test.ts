// Tests of the source scanner: literals never read as code, every import and export form is seen.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { docstringOf, lineAt, listExports, listImports, maskSource } from "./source-scan.ts";

describe("maskSource()", () => {
  it("keeps length and line breaks of any text", () => {
    const pieces = fc.constantFrom("`", "${", "}", "{", "/", "*", "'", '"', "\\", "\n", "a", " ", "[", "]", "import");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        const text = parts.join("");
        const { code } = maskSource(text);
        expect(code.length).toBe(text.length);
        expect(code.split("\n").length).toBe(text.split("\n").length);
      }),
      { seed: 11, numRuns: 500 },
    );
  });

  it("blanks comments, strings, templates and regular expressions", () => {
    const text = [
      "const a = 'import 1'; // import 2",
      "/* import 3 */ const b = `import 4 @{f({ c: `import 5` })} import 6`;".replace("@", "$"),
      "const d = /import 7[/]/.test(e) || e / 2 / 3;",
    ].join("\n");
    const { code } = maskSource(text);
    expect(code).not.toContain("import");
    expect(code).toContain("f({ c: `");
    expect(code).toContain("e / 2 / 3;");
  });

  it("lists comments with their place", () => {
    const text = "a /* b */ c // d\n";
    expect(maskSource(text).comments).toEqual([
      { start: 2, end: 9, text: "/* b */" },
      { start: 12, end: 16, text: "// d" },
    ]);
  });
});

describe("lineAt()", () => {
  it("counts from one", () => {
    expect(["a", "b", "c"].map((char) => lineAt("a\nb\nc", "a\nb\nc".indexOf(char)))).toEqual([1, 2, 3]);
  });
});

describe("listImports()", () => {
  const specifiers = (text: string) => listImports(text).map((each) => each.specifier);

  it("sees every form", () => {
    const text = [
      'import a from "m1";',
      'import * as b from "m2";',
      "import {\n  c,\n  type D, // why\n} from 'm3';",
      'import "m4";',
      'export { e } from "m5";',
      'export * from "m6";',
      'const f = await import("m7");',
      'import g, { h } from "m8";',
    ].join("\n");
    expect(specifiers(text)).toEqual(["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"]);
    expect(listImports(text).every((each) => !each.typeOnly)).toBe(true);
    expect(listImports(text).at(-1)!.line).toBe(11);
  });

  it("marks what is erased", () => {
    const text = [
      'import type { A } from "m1";',
      'import { type B, type C } from "m2";',
      'export type { D } from "m3";',
      'let e: import("m4").E;',
      'type F = typeof import("m5");',
      'import type G from "m6";',
    ].join("\n");
    expect(listImports(text).map((each) => each.typeOnly)).toEqual([true, true, true, true, true, true]);
  });

  it("ignores imports in comments and strings, and import.meta", () => {
    expect(specifiers('// import a from "m1";\nconst b = \'import "m2"\'; import.meta.url; c.import("m3");')).toEqual(
      [],
    );
  });

  it("keeps neighbouring statements apart", () => {
    expect(specifiers('export const from = 1;\nexport { a };\nimport { b } from "m1";')).toEqual(["m1"]);
  });
});

describe("listExports()", () => {
  it("sees declarations and lists", () => {
    const text = [
      "export const a = 1;",
      "export async function b() {}",
      "export abstract class C {}",
      "export interface D {}",
      "export type E = 1;",
      'export { f, g as h, type I } from "./x.ts";',
      'export type { J } from "./y.ts";',
      "export { k };",
      "export function* l() {}",
    ].join("\n");
    expect(listExports(text).names.map(({ name, localName, from }) => [name, localName, from])).toEqual([
      ["a", "a", null],
      ["b", "b", null],
      ["C", "C", null],
      ["D", "D", null],
      ["E", "E", null],
      ["l", "l", null],
      ["f", "f", "./x.ts"],
      ["h", "g", "./x.ts"],
      ["I", "I", "./x.ts"],
      ["J", "J", "./y.ts"],
      ["k", "k", null],
    ]);
  });

  it("reports export * by line", () => {
    expect(listExports('\nexport * from "./x.ts";\nexport * as y from "./y.ts";').starLines).toEqual([2, 3]);
  });
});

describe("docstringOf()", () => {
  it("reads the docstring directly above", () => {
    expect(docstringOf("/** Adds.\n * Twice. */\nexport function add() {}", "add")).toBe("Adds.\n Twice.");
  });

  it("takes any documented overload", () => {
    expect(docstringOf("/** One. */\nexport function f(a: 1): 1;\nexport function f(a: 2): 2 {}", "f")).toBe("One.");
  });

  it("does not take a line comment, a distant docstring or a nested declaration", () => {
    expect(docstringOf("// x\nexport const a = 1;", "a")).toBe("");
    expect(docstringOf("/** x */\nconst b = 1;\nexport const a = 1;", "a")).toBe("");
    expect(docstringOf("function f() {\n  /** x */\n  const a = 1;\n}", "a")).toBeNull();
  });

  it("answers null for a name that is not declared", () => {
    expect(docstringOf("export const ab = 1;", "a")).toBeNull();
  });
});
