// What the paper claims and what holds: docs/errata.md, from tagged docstrings above the tests that show it.
// Knows the form of a claim, not whether it is true: the test below it does.
import type { Files, Finding } from "../repository.ts";
import { lineAt, maskSource } from "../source-scan.ts";
import { checkDocument, docstringText, type GeneratedDocument } from "./generated-document.ts";

/** Sections of the document, in order. */
export const errataSections = [
  "Gate",
  "Fusion",
  "Losses",
  "Expressivity",
  "Convergence",
  "Complexity",
  "Experiments",
] as const;

const tags = ["section", "claim", "verdict", "statement"] as const;

/** A claim of the paper with the test that decides it. */
interface Claim extends Readonly<Record<(typeof tags)[number], string>> {
  readonly file: string;
  readonly line: number;
  readonly title: string;
}

const rule = "errata";
const path = "docs/errata.md";
const tagged = /^[ \t]*\*+[ \t]*@(?:section|claim|verdict|statement)\b/m;

/** The values of the tags of a docstring; a value runs over lines up to the next tag. */
function readTags(docstring: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const part of docstring.split(/^(?=@\w)/m)) {
    const match = /^@(\w+)([\s\S]*)$/.exec(part);
    if (match !== null) values.set(match[1]!, match[2]!.replace(/\s+/g, " ").trim());
  }
  return values;
}

/** The literal title of the `describe` that the code begins with, or null. */
function describeTitle(code: string): string | null {
  const match = /^\s*describe\s*\(\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.)*`)\s*,/.exec(code);
  return match === null ? null : match[1]!.slice(1, -1).replace(/\\(.)/g, "$1");
}

/** Reads the claims of one test file; whatever is not a whole claim is a finding. */
function readClaims(file: string, text: string, findings: Finding[]): readonly Claim[] {
  const claims: Claim[] = [];
  for (const { start, end, text: comment } of maskSource(text).comments) {
    if (!comment.startsWith("/**") || !tagged.test(comment)) continue;
    const line = lineAt(text, start);
    const report = (message: string) => findings.push({ file, line, rule, message, severity: "error" });
    const values = readTags(docstringText(comment));
    const missing = tags.filter((tag) => (values.get(tag) ?? "") === "");
    const section = values.get("section") ?? "";
    const title = describeTitle(text.slice(end));
    for (const tag of missing) report(`the claim has no text after @${tag}, write it`);
    if (section !== "" && !errataSections.some((each) => each === section)) {
      report(`the claim's @section is "${section}", it must be one of ${errataSections.join(", ")}`);
    } else if (title === null) {
      report('the claim is not followed by describe("…", with a title in quotes, put it directly above the test');
    } else if (missing.length === 0) {
      const [claim, verdict, statement] = [values.get("claim")!, values.get("verdict")!, values.get("statement")!];
      claims.push({ section, claim, verdict, statement, file, line, title });
    }
  }
  return claims;
}

/** The errata, with a finding for each claim that is not whole, and each file of claims without one. */
export function errata(files: Files): GeneratedDocument {
  const findings: Finding[] = [];
  const claims: Claim[] = [];
  for (const [file, text] of files) {
    if (!/^packages\/[^/]+\/src\/.*\.test\.ts$/.test(file)) continue;
    const before = findings.length;
    const own = readClaims(file, text, findings);
    if (own.length === 0 && findings.length === before && /^packages\/theorems\/src\/claims\/[^/]+$/.test(file)) {
      const message = `holds no claim, write a docstring with @${tags.join(", @")} above its describe`;
      findings.push({ file, line: 1, rule, message, severity: "error" });
    }
    for (const claim of own) {
      const former = claims.find(({ title }) => title === claim.title);
      if (former !== undefined) {
        const message = `the claim's title "${claim.title}" is that of ${former.file}:${former.line} too, change one of them`;
        findings.push({ file, line: claim.line, rule, message, severity: "error" });
      }
      claims.push(claim);
    }
  }
  const parts = errataSections.flatMap((section) => {
    const own = claims.filter((claim) => claim.section === section);
    return own.length === 0 ? [] : [`## ${section}`, ...own.map(block)];
  });
  return { path, text: `${[head, ...parts].join("\n\n")}\n`, findings };
}

const head = `<!-- Made by npm run check -- --fix from docstrings above the tests it links to; edit those. -->

# Errata

What the paper claims, what became of the claim, and what holds instead. No entry rests on an argument alone: each names the test that shows it on generated cases, and a false claim falls to a counterexample there. [paper-map.md](paper-map.md) says where each equation is in the code.

\`\`\`sh
npm run theorems   # runs the tests of packages/theorems, where most of these are
\`\`\``;

function block({ claim, verdict, statement, file, title }: Claim): string {
  return [
    `- **Claim:** ${claim}`,
    `- **Verdict:** ${verdict}`,
    `- **What holds:** ${statement}`,
    `- **Shown by:** [${file.replace("packages/", "").replace("/src/", "/")}](../${file}) ${code(title)}`,
    "",
  ].join("\n");
}

/** A code span; a title with backticks takes two. */
function code(title: string): string {
  return title.includes("`") ? `\`\` ${title} \`\`` : `\`${title}\``;
}

/** Checks every claim and that docs/errata.md has them all. */
export function checkErrata(files: Files): readonly Finding[] {
  return checkDocument(files, rule, errata(files));
}
