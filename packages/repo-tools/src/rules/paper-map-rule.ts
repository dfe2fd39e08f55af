// Where each display equation of the paper is in the code: docs/paper-map.md, from `@equation` tags in docstrings.
// Knows the equations by number and formula, not what the code does with them.
import type { Files, Finding } from "../repository.ts";
import { isScript, isTest } from "../repository.ts";
import { lineAt, maskSource } from "../source-scan.ts";
import { checkDocument, type GeneratedDocument } from "./generated-document.ts";

/** A display equation: what it is, and how it reads. */
export interface Equation {
  readonly name: string;
  readonly formula: string;
}

/** The display equations of the paper, numbered in order of appearance. */
export const equations: Readonly<Record<string, Equation>> = {
  E1: { name: "target policy", formula: "π_aligned(y|x) ∝ π_base(y|x)·exp(r(x, y)/β)" },
  E2: { name: "language-model head", formula: "z_LM,t = W_LM·h_t + b_LM" },
  E3: { name: "reward head", formula: "z_RM,t = W_RM·h_t + b_RM" },
  E4: { name: "fusion", formula: "z_t = (1 − α_t)·z_LM,t + α_t·z_RM,t" },
  E5: { name: "gate", formula: "α_t = σ(W_g·MultiHeadAttention(h_t, H_1:t, H_1:t) + b_g)" },
  E6: { name: "multi-head attention", formula: "MultiHeadAttention(Q, K, V) = Concat(head_1, …, head_h)·W^O" },
  E7: { name: "head i", formula: "head_i = Attention(Q·W_i^Q, K·W_i^K, V·W_i^V)" },
  E8: { name: "scaled dot-product attention", formula: "Attention(Q, K, V) = softmax(Q·Kᵀ/√d_k)·V" },
  E9: { name: "gate entropy loss", formula: "L_α = −λ_G·E_t[α_t·log α_t + (1 − α_t)·log(1 − α_t)]" },
  E10: { name: "language-model loss", formula: "L_LM = −E_(x,y) Σ_t log P(y_t | x, y_<t)" },
  E11: { name: "trajectory reward", formula: "R(x, Y) = Σ_t log π_r(y_t | x, y_<t)" },
  E12: { name: "preference loss", formula: "L_pref = −E log σ(β_r·R(x, Y⁺) − β_r·R(x, Y⁻))" },
  E13: { name: "total loss", formula: "L_total = L_LM + λ_R·L_pref + L_α" },
  E14: { name: "fixed-fusion policy class", formula: "π = (1 − α)·π_LM + α·π_RM" },
  E15: { name: "dual-head policy class", formula: "π = (1 − α_t(H_1:t))·π_LM + α_t(H_1:t)·π_RM" },
  E16: { name: "the proof's gradient", formula: "∂L_α/∂α_t = −λ_G·[−log α_t − log(1 − α_t)] → +∞ as α_t → 0" },
  E17: { name: "parameter ratio", formula: "6.7·10⁹ / (2·4096·32000 + O(h·d²)) ≈ 26" },
};

/** A tag in a docstring: the equation it names and the symbol below it. */
interface Place {
  readonly equation: string;
  readonly symbol: string;
  readonly file: string;
  readonly line: number;
}

const rule = "equation";
const path = "docs/paper-map.md";

const exported =
  /^\s*export\s+(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const|let|function\s*\*?|class|interface|type|namespace)\s+([A-Za-z_$][\w$]*)/;

/** Reads every tag of a source file; a tag over anything but an exported symbol is a finding. */
function readTags(file: string, text: string, findings: Finding[]): readonly Place[] {
  if (!text.includes("@equation")) return [];
  const places: Place[] = [];
  const { code, comments } = maskSource(text);
  for (const { start, end, text: comment } of comments) {
    for (const match of comment.matchAll(/^[ \t]*(?:\/\*)?\*+[ \t]*@equation\b([^\n*]*)/gm)) {
      const line = lineAt(text, start + match.index + match[0].indexOf("@"));
      const report = (message: string) => findings.push({ file, line, rule, message, severity: "error" });
      const symbol = comment.startsWith("/**") ? exported.exec(code.slice(end))?.[1] : undefined;
      if (symbol === undefined) {
        report("@equation stands above no exported symbol, move it to the docstring of the symbol that computes it");
        continue;
      }
      for (const equation of match[1]!.split(",").map((each) => each.trim())) {
        if (equation in equations) places.push({ equation, symbol, file, line });
        else report(`@equation names "${equation}", which is none of E1 to E17, write e.g. @equation E6, E7`);
      }
    }
  }
  return places;
}

/** The map of the paper, with a finding for each equation that has no symbol, or more than one. */
export function paperMap(files: Files): GeneratedDocument {
  const findings: Finding[] = [];
  const places: Place[] = [];
  for (const [file, text] of files) {
    if (/^(?:packages|apps)\/[^/]+\/src\//.test(file) && isScript(file) && !isTest(file)) {
      places.push(...readTags(file, text, findings));
    }
  }
  const rows: string[] = [];
  for (const [equation, { name, formula }] of Object.entries(equations)) {
    const [first, ...others] = places.filter((place) => place.equation === equation);
    if (first === undefined) {
      const message = `no symbol carries @equation ${equation} (${name}), add it to the docstring of the one that computes it`;
      findings.push({ file: path, line: 1, rule, message, severity: "error" });
    }
    for (const { file, line, symbol } of others) {
      const message = `${symbol} carries @equation ${equation}, which ${first!.symbol} has already (${first!.file}:${first!.line}), keep the tag on one of them`;
      findings.push({ file, line, rule, message, severity: "error" });
    }
    const place =
      first === undefined
        ? "– | – | –"
        : `\`${first.symbol}\` | ${packageOf(first.file)} | [${shortName(first.file)}](../${first.file})`;
    rows.push(`| ${equation} | ${name} | \`${formula.replaceAll("|", "\\|")}\` | ${place} |`);
  }
  return { path, text: `${head}\n${rows.join("\n")}\n`, findings };
}

const head = `<!-- Made by npm run check -- --fix from @equation tags in docstrings; edit those. -->

# The paper in the code

Every display equation of the paper, numbered in order of appearance, and the one symbol that computes it. Formulas are as printed; where the paper is wrong, [errata.md](errata.md) says what holds instead, and the symbol's docstring what it computes.

| equation | name | formula | symbol | package | file |
|---|---|---|---|---|---|`;

function packageOf(file: string): string {
  return file.split("/")[1]!;
}

function shortName(file: string): string {
  return file.split("/src/")[1]!;
}

/** Checks that every equation has exactly one symbol and that docs/paper-map.md says which. */
export function checkPaperMap(files: Files): readonly Finding[] {
  return checkDocument(files, rule, paperMap(files));
}
