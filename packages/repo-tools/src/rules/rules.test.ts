// Tests of every rule on small repositories held in memory.
import { describe, expect, it } from "vitest";
import { allowedImports, layers, testOnlyPackages } from "../layers.ts";
import { type Files, type Finding, listPackages, type WorkspacePackage } from "../repository.ts";
import { checkDeno, denoManifest } from "./deno-rule.ts";
import { checkExports } from "./export-rule.ts";
import { checkFiles } from "./file-rule.ts";
import { checkLayers } from "./layer-rule.ts";
import { checkText } from "./text-rule.ts";

interface PackageParts {
  readonly dependencies?: readonly string[];
  readonly devDependencies?: readonly string[];
  readonly references?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

/** A repository of `packages/<key>`, each with a manifest, references and the given files. */
function repository(parts: Readonly<Record<string, PackageParts>>): [Files, readonly WorkspacePackage[]] {
  const files = new Map<string, string>();
  for (const [
    key,
    { dependencies = [], devDependencies = [], references = dependencies, files: own = {} },
  ] of Object.entries(parts)) {
    const folder = key === "benchmarks" || key.startsWith("apps/") ? key : `packages/${key}`;
    const up = key === "benchmarks" ? ".." : "../..";
    const manifest = {
      name: `@dual-head/${key.replace("apps/", "")}`,
      version: "1.2.3",
      license: "MIT",
      exports: { ".": { "@dual-head/source": "./src/index.ts" } },
      dependencies: versionsOf(dependencies),
      devDependencies: versionsOf(devDependencies),
    };
    files.set(`${folder}/package.json`, JSON.stringify(manifest));
    files.set(
      `${folder}/tsconfig.json`,
      JSON.stringify({ references: references.map((name) => ({ path: `${up}/packages/${name}` })) }),
    );
    for (const [path, text] of Object.entries(own)) files.set(`${folder}/${path}`, text);
  }
  return [files, listPackages(files)];
}

function versionsOf(names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name.includes("/") ? name : `@dual-head/${name}`, "1.2.3"]));
}

const lines = (findings: readonly Finding[]): string[] =>
  findings.map(({ file, line, rule, message, severity }) => `${file}:${line} ${severity} ${rule}: ${message}`);

describe("layers", () => {
  it("names only packages of the table, and has no cycle", () => {
    const seen = new Set<string>();
    for (let added = -1; added !== 0; ) {
      const ready = Object.keys(layers).filter((key) => !seen.has(key) && layers[key]!.every((low) => seen.has(low)));
      added = ready.length;
      for (const key of ready) seen.add(key);
    }
    expect([...seen].sort()).toEqual(Object.keys(layers).sort());
    expect(testOnlyPackages.some((key) => key in layers)).toBe(false);
  });

  it("lets composition roots import every package, and knows no stranger", () => {
    expect(allowedImports("apps/cli")).toEqual(Object.keys(layers));
    expect(allowedImports("benchmarks")).toEqual(Object.keys(layers));
    expect(allowedImports("stranger")).toBeNull();
  });
});

describe("checkLayers()", () => {
  it("accepts a declared, referenced import of a lower package, and tools in tests", () => {
    const [files, packages] = repository({
      "tensor-core": {},
      "repo-tools": {},
      heads: {
        dependencies: ["tensor-core"],
        references: ["tensor-core", "repo-tools"],
        files: {
          "src/index.ts": 'import { a } from "@dual-head/tensor-core";\nimport { join } from "node:path";',
          "src/index.test.ts": 'import { b } from "@dual-head/repo-tools";\nimport { it } from "vitest";',
          "src/testing/index.ts": 'import fc from "fast-check";',
        },
      },
    });
    expect(lines(checkLayers(files, packages))).toEqual([]);
  });

  it("refuses a sibling, an undeclared or unreferenced package, tools outside tests, and itself", () => {
    const source = (name: string) => ({ "src/index.ts": `\nimport type { a } from "@dual-head/${name}";` });
    const message = (parts: Readonly<Record<string, PackageParts>>) => {
      const found = checkLayers(...repository({ "tensor-core": {}, gating: {}, "repo-tools": {}, ...parts }));
      return lines(found).filter((line) => line.includes("src/index.ts"));
    };
    expect(message({ heads: { dependencies: ["gating"], files: source("gating") } })).toEqual([
      "packages/heads/src/index.ts:2 error layer: imports @dual-head/gating, which is not below heads, invert the dependency or change layers.ts with a reason",
    ]);
    expect(message({ heads: { references: ["tensor-core"], files: source("tensor-core") } })[0]).toContain(
      "packages/heads/package.json does not declare",
    );
    expect(message({ heads: { files: source("tensor-core") } })[0]).toContain("without a reference");
    expect(message({ heads: { references: ["repo-tools"], files: source("repo-tools") } })[0]).toContain(
      "for tests only",
    );
    expect(message({ heads: { files: source("heads") } })[0]).toContain("its own package by name");
    expect(message({ heads: { files: source("nothing") } })[0]).toContain("no package here");
  });

  it("asks that what tests import is declared, so that it is built first; tools are", () => {
    const text = 'import { a } from "@dual-head/gating";\nimport { b } from "@dual-head/repo-tools";';
    const found = (parts: PackageParts) =>
      lines(
        checkLayers(
          ...repository({ gating: {}, "repo-tools": {}, heads: { references: ["gating", "repo-tools"], ...parts } }),
        ),
      );
    const files = { "src/index.test.ts": text };
    expect(found({ files })).toEqual([
      "packages/heads/src/index.test.ts:1 error layer: imports @dual-head/gating, which packages/heads/package.json does not declare, add it to devDependencies",
    ]);
    expect(found({ files, devDependencies: ["gating"] })).toEqual([]);
  });

  it("refuses a declared dependency above and a package without a row, and warns of an unused one", () => {
    const found = checkLayers(
      ...repository({
        "tensor-core": { dependencies: ["heads"] },
        heads: {},
        stranger: {},
        bytes: {},
        data: { dependencies: ["bytes"] },
      }),
    );
    expect(lines(found)).toEqual([
      "packages/data/package.json:1 warning layer: declares @dual-head/bytes but no source imports it, remove it",
      "packages/stranger/package.json:1 error layer: stranger has no row in layers.ts, add one",
      "packages/tensor-core/package.json:1 error layer: declares @dual-head/heads, which is not below tensor-core, remove it or change layers.ts with a reason",
      "packages/tensor-core/package.json:1 warning layer: declares @dual-head/heads but no source imports it, remove it",
    ]);
  });

  it("refuses undeclared packages from outside, bare builtins, and test packages in source", () => {
    const [files, packages] = repository({
      bytes: {
        dependencies: ["@scope/known"],
        references: [],
        files: {
          "src/a.ts": 'import "fs";\nimport "unknown/x";\nimport "@scope/known/y";\nimport "vitest";',
        },
      },
    });
    expect(checkLayers(files, packages).map((each) => each.message)).toEqual([
      "imports fs, write node:fs",
      "imports unknown, which packages/bytes/package.json does not declare, add it to dependencies",
      "imports vitest outside tests and src/testing, move it",
    ]);
  });

  it("finds cycles of values, not of types, and paths out of the package", () => {
    const [files, packages] = repository({
      bytes: {
        files: {
          "src/a.ts": 'import { b } from "./b.ts";',
          "src/b.ts": 'import { c } from "./sub/c.ts";',
          "src/sub/c.ts": '\nimport { a } from "../a.ts";',
          "src/d.ts": 'import type { E } from "./e.ts";',
          "src/e.ts": 'import { d } from "./d.ts";',
          "src/f.ts": 'import "../../data/src/g.ts";',
        },
      },
    });
    expect(lines(checkLayers(files, packages))).toEqual([
      "packages/bytes/src/f.ts:1 error layer: reaches out of its package by ../../data/src/g.ts, import by name",
      "packages/bytes/src/sub/c.ts:2 error cycle: closes the import cycle a.ts → b.ts → sub/c.ts → a.ts, move what they share into a file of its own",
    ]);
  });
});

describe("checkLayers() on op records", () => {
  it("lets gradients refer to one another, but not to leave the folder in a cycle", () => {
    const [files, packages] = repository({
      "tensor-core": {
        files: {
          "src/ops/a/op.ts": 'import { b } from "../b/op.ts";',
          "src/ops/b/op.ts": 'import { a } from "../a/op.ts";\nimport { tape } from "../../tape.ts";',
          "src/tape.ts": 'import { a } from "./ops/a/op.ts";',
        },
      },
    });
    expect(lines(checkLayers(files, packages))).toEqual([
      "packages/tensor-core/src/tape.ts:1 error cycle: closes the import cycle ops/a/op.ts → ops/b/op.ts → tape.ts → ops/a/op.ts, move what they share into a file of its own",
    ]);
  });
});

describe("checkExports()", () => {
  const check = (files: Readonly<Record<string, string>>) =>
    lines(checkExports(...repository({ bytes: { files } }))).map((line) => line.split(" export: ")[1]);

  it("follows names through re-exports and other packages", () => {
    expect(
      check({
        "src/index.ts": 'export { a, b as c } from "./x.ts";\nexport { z } from "@dual-head/other";',
        "src/x.ts": '/** Adds one to it. */\nexport const a = 1;\nexport { d as b } from "./sub/y.ts";',
        "src/sub/y.ts": "/** Takes one away. */\nfunction d() {}\nexport { d };",
      }),
    ).toEqual([]);
  });

  it("refuses stars, undocumented and undeclared names, and missing entries", () => {
    expect(
      check({
        "src/index.ts": 'export * from "./x.ts";\nexport { a, n } from "./x.ts";',
        "src/x.ts": "export const a = 1;",
      }),
    ).toEqual([
      "uses export *, name each export",
      "exports a without a docstring, write one above its declaration",
      "exports n, whose declaration was not found, declare it on a line of its own",
    ]);
    expect(check({})[0]).toContain("does not exist");
  });
});

describe("checkFiles()", () => {
  const readme =
    "# @dual-head/bytes\n\nReads bytes from wherever they are and verifies each of them by length and hash.\n\n```ts\nx();\n```\n";
  const check = (files: Readonly<Record<string, string>>) =>
    lines(checkFiles(...repository({ bytes: { files: { "README.md": readme, ...files } } })));

  it("accepts line, block and shebang headers", () => {
    expect(
      check({ "a.ts": "// A.\n// B.\nx;", "b.mjs": "#!/usr/bin/env node\n// B.\nx;", "c.js": "/* C.\n*/\nx;" }),
    ).toEqual([]);
  });

  it("refuses no header and a long one", () => {
    expect(check({ "a.ts": "x; // A.", "b.ts": "//1\n//2\n//3\n//4\nx;" })).toEqual([
      "packages/bytes/a.ts:1 error header: begins without a comment, say what it is and what it does not know",
      "packages/bytes/b.ts:1 error header: begins with 4 lines of comment, shorten to 3",
    ]);
  });

  it("warns over 400 lines and fails over 600", () => {
    const text = (count: number) => `// A.\n${"x;\n".repeat(count - 1)}`;
    expect(check({ "a.ts": text(400) })).toEqual([]);
    expect(check({ "a.ts": text(401) })).toEqual([
      "packages/bytes/a.ts:401 warning length: has 401 lines, more than 400, split it",
    ]);
    expect(check({ "a.ts": text(601) })).toEqual([
      "packages/bytes/a.ts:601 error length: has 601 lines, more than 600, split it",
    ]);
  });

  it("requires a README with title, purpose and example", () => {
    expect(lines(checkFiles(...repository({ bytes: {} })))[0]).toContain("README.md:1 error readme: does not exist");
    expect(check({ "README.md": "# bytes\n" }).map((line) => line.split("readme: ")[1])).toEqual([
      'does not begin with "# @dual-head/bytes", add the title',
      "does not say what the package is for, add a paragraph",
      "has no example, add a fenced block",
    ]);
  });
});

describe("checkText()", () => {
  // Joined at run time, so that this file does not contain what it looks for.
  const path = (...parts: string[]) => ["", ...parts].join("/");
  const check = (text: string, file = "a.md") =>
    checkText(new Map([[file, text]])).map((each) => `${each.line} ${each.rule}`);

  it("finds machine paths, registry hosts and markers with their line", () => {
    expect(check(`x\n"${path("home", "me", "x")}"`)).toEqual(["2 machine-path"]);
    expect(check(`file://${path("work", "x")}`)).toEqual(["1 machine-path"]);
    expect(check(`see https://${["registry", "npmjs", "org"].join(".")}/x`)).toEqual(["1 registry-host"]);
    expect(check(`// ${"TO"}${"DO"} later`, "a.ts")).toEqual(["1 marker"]);
  });

  it("leaves relative paths, addresses and system paths alone", () => {
    expect(
      check(
        [
          `..${path("tmp", "x")}`,
          `https://example.org${path("home", "x")}`,
          path("usr", "bin", "env"),
          `apps${path("work", "x")}`,
        ].join("\n"),
      ),
    ).toEqual([]);
    expect(check(`${"TO"}${"DO"}`, "a.md")).toEqual([]);
  });
});

describe("checkDeno()", () => {
  it("asks for a file in step with package.json", () => {
    const [files, packages] = repository({ bytes: {} });
    const expected = denoManifest(packages[0]!.manifest)!;
    expect(JSON.parse(expected)).toEqual({
      name: "@dual-head/bytes",
      version: "1.2.3",
      license: "MIT",
      exports: { ".": "./src/index.ts" },
    });
    expect(lines(checkDeno(files, packages))[0]).toContain("does not exist");
    expect(checkDeno(new Map([...files, ["packages/bytes/deno.json", expected]]), packages)).toEqual([]);
    expect(lines(checkDeno(new Map([...files, ["packages/bytes/deno.json", "{}"]]), packages))[0]).toContain("differs");
  });

  it("asks nothing of a package without exports", () => {
    expect(denoManifest({ name: "dual-head" })).toBeNull();
  });
});
