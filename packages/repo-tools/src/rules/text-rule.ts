// Words that must not stand in any file: machine paths, registry hosts, left-over markers.
// The patterns are written so that they do not match their own source.
import type { Files, Finding } from "../repository.ts";
import { isScript } from "../repository.ts";

interface Forbidden {
  readonly rule: string;
  readonly pattern: RegExp;
  readonly remedy: string;
  /** Whether the pattern applies to scripts only. */
  readonly scriptsOnly: boolean;
}

const forbidden: readonly Forbidden[] = [
  {
    rule: "machine-path",
    pattern: /(?:file:\/\/|(?<![\w./~}\])*-]))\/(?:home|work|tmp|root|Users)\/[\w.@-]+/,
    remedy: "use a relative path",
    scriptsOnly: false,
  },
  { rule: "machine-path", pattern: /\b[A-Z]:\\+Users\\/, remedy: "use a relative path", scriptsOnly: false },
  {
    rule: "registry-host",
    pattern:
      /\b(?:registry\.(?:npmjs|yarnpkg|npmmirror)\.|deb\.(?:debian|nodesource)\.|nodesource\.(?:com)|(?:www\.)?pypi\.org|files\.pythonhosted\.|(?:archive|security)\.ubuntu\.)/,
    remedy: "name the package only",
    scriptsOnly: false,
  },
  { rule: "marker", pattern: /\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/, remedy: "finish or delete it", scriptsOnly: true },
];

/** Checks every line of every text file against the forbidden patterns. */
export function checkText(files: Files): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [file, text] of files) {
    for (const { rule, pattern, remedy, scriptsOnly } of forbidden) {
      if ((scriptsOnly && !isScript(file)) || !pattern.test(text)) continue;
      text.split("\n").forEach((content, index) => {
        const match = pattern.exec(content);
        if (match === null) return;
        const message = `contains "${match[0]}", ${remedy}`;
        findings.push({ file, line: index + 1, rule, message, severity: "error" });
      });
    }
  }
  return findings;
}
