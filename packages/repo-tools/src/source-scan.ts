// Reads imports and exports off TypeScript text with a small scanner; no compiler is involved.
// Understands comments, strings, templates and regular expressions well enough to never mistake one for code.

/** One comment: the offset of its first character, the offset after its last, and its text with delimiters. */
export interface Comment {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A source text split in two; `code` has the text's length, with comments and the inside of literals blanked. */
export interface Masked {
  readonly code: string;
  readonly comments: readonly Comment[];
}

/** One import or re-export of a module. */
export interface ImportRecord {
  readonly specifier: string;
  readonly line: number;
  /** Whether the whole statement is erased: `import type`, `export type … from`, or a list of `type` names only. */
  readonly typeOnly: boolean;
}

/** One name exported by a module; `from` is null where the module declares it. */
export interface ExportRecord {
  readonly name: string;
  /** The name inside the module it comes from. */
  readonly localName: string;
  readonly from: string | null;
  readonly line: number;
}

/** All exports of a module, with the lines of `export *`, which names nothing. */
export interface ModuleExports {
  readonly names: readonly ExportRecord[];
  readonly starLines: readonly number[];
}

const keywordBeforeRegExp = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)$/;

/** Whether a slash after this code begins a regular expression rather than a division. */
function startsRegExp(before: string): boolean {
  const trimmed = before.trimEnd();
  const last = trimmed.at(-1);
  return last === undefined || "(,=:[!&|?{};+-*%<>~^".includes(last) || keywordBeforeRegExp.test(trimmed.slice(-12));
}

/** The offset after the regular expression that starts at `start`, or -1 where its line ends first. */
function endOfRegExp(text: string, start: number): number {
  let inClass = false;
  for (let i = start + 1; i < text.length && text[i] !== "\n"; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "[") inClass = true;
    else if (text[i] === "]") inClass = false;
    else if (text[i] === "/" && !inClass) return i + 1;
  }
  return -1;
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** Splits a source text into code and comments. Never throws: an unterminated literal runs to the end. */
export function maskSource(text: string): Masked {
  const comments: Comment[] = [];
  let code = "";
  // One entry per open `${`: the number of braces open inside it.
  const templates: number[] = [];
  let i = 0;

  /** Blanks a template's text from `i` up to its closing backtick or its next `${`. */
  function template(): void {
    const start = i;
    while (i < text.length && text[i] !== "`" && !(text[i] === "$" && text[i + 1] === "{"))
      i += text[i] === "\\" ? 2 : 1;
    i = Math.min(i, text.length);
    code += blank(text.slice(start, i));
    if (text[i] === "`") {
      code += "`";
      i += 1;
    } else if (i < text.length) {
      code += "${";
      i += 2;
      templates.push(0);
    }
  }

  while (i < text.length) {
    const char = text[i]!;
    if (char === "/" && (text[i + 1] === "/" || text[i + 1] === "*")) {
      const close = text[i + 1] === "/" ? text.indexOf("\n", i) : text.indexOf("*/", i + 2) + 2;
      const end = close <= i + 1 ? text.length : close;
      comments.push({ start: i, end, text: text.slice(i, end) });
      code += blank(text.slice(i, end));
      i = end;
    } else if (char === "/" && startsRegExp(code.slice(-200)) && endOfRegExp(text, i) > 0) {
      const end = endOfRegExp(text, i);
      code += `/${blank(text.slice(i + 1, end - 1))}/`;
      i = end;
    } else if (char === '"' || char === "'") {
      let end = i + 1;
      while (end < text.length && text[end] !== char && text[end] !== "\n") end += text[end] === "\\" ? 2 : 1;
      end = Math.min(end, text.length);
      code += char + blank(text.slice(i + 1, end));
      if (text[end] === char) {
        code += char;
        end++;
      }
      i = end;
    } else if (char === "`") {
      code += "`";
      i++;
      template();
    } else {
      code += char;
      i++;
      const depth = templates.at(-1);
      if (depth !== undefined && char === "{") templates[templates.length - 1] = depth + 1;
      else if (depth !== undefined && char === "}") {
        if (depth === 0) {
          templates.pop();
          template();
        } else templates[templates.length - 1] = depth - 1;
      }
    }
  }
  return { code, comments };
}

/** The one-based line of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/** Splits the inside of `{ … }` into names, dropping empty entries. */
function namesIn(list: string): { readonly name: string; readonly localName: string; readonly typeOnly: boolean }[] {
  return list
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => {
      const typeOnly = /^type\s+(?!as\b)/.test(entry);
      const [localName = "", name = localName] = entry.replace(/^type\s+(?!as\b)/, "").split(/\s+as\s+/);
      return { name, localName, typeOnly };
    });
}

/** The text of the string literal whose opening quote stands at `offset`. */
function literalAt(text: string, offset: number): string {
  return text.slice(offset + 1, text.indexOf(text[offset]!, offset + 1));
}

/** Lists every static import, re-export, dynamic `import("…")` and import type, in order. */
export function listImports(text: string, masked: Masked = maskSource(text)): readonly ImportRecord[] {
  const found: (ImportRecord & { readonly offset: number })[] = [];
  const statement = /(?<![\w$.])(?:import|export)\s+([\w$*{}\s,]*?)\bfrom\s*(?=["'])/g;
  for (const match of masked.code.matchAll(statement)) {
    const clause = match[1]!.trim();
    const braces = /^\{([^}]*)\}$/.exec(clause);
    const names = braces ? namesIn(braces[1]!) : [];
    const typeOnly = /^type\b(?!\s*,)/.test(clause) || (names.length > 0 && names.every((name) => name.typeOnly));
    const specifier = literalAt(text, match.index + match[0].length);
    found.push({ specifier, typeOnly, line: lineAt(text, match.index), offset: match.index });
  }
  for (const match of masked.code.matchAll(/(?<![\w$.])import\s*(\(?)\s*(?=["'])/g)) {
    // `let x: import("…").T` is erased; an import expression follows an operator, a keyword or a statement's start.
    const typeOnly =
      match[1] === "(" &&
      /[\w$)\]]\??:\s*$|\btypeof\s+$|[<|&]\s*$|\btype\s+\w+\s*=\s*$/.test(
        masked.code.slice(Math.max(0, match.index - 80), match.index),
      );
    const specifier = literalAt(text, match.index + match[0].length);
    found.push({ specifier, typeOnly, line: lineAt(text, match.index), offset: match.index });
  }
  return found
    .sort((a, b) => a.offset - b.offset)
    .map(({ specifier, typeOnly, line }) => ({ specifier, typeOnly, line }));
}

const declaration =
  /(?<![\w$.])export\s+(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const\s+|let\s+|var\s+|function\s*\*?\s*|class\s+|interface\s+|type\s+(?![{*])|namespace\s+)([A-Za-z_$][\w$]*)/g;

/** Lists what a module exports. Destructuring exports are not recognised and count as undeclared. */
export function listExports(text: string, masked: Masked = maskSource(text)): ModuleExports {
  const names: ExportRecord[] = [];
  const starLines: number[] = [];
  for (const match of masked.code.matchAll(declaration)) {
    names.push({ name: match[1]!, localName: match[1]!, from: null, line: lineAt(text, match.index) });
  }
  for (const match of masked.code.matchAll(/(?<![\w$.])export\s+(?:type\s+)?\{([^}]*)\}(?:\s*from\s*(?=["']))?/g)) {
    const end = match.index + match[0].length;
    const from = /["']/.test(text[end] ?? "") && /from\s*$/.test(match[0]) ? literalAt(text, end) : null;
    for (const { name, localName } of namesIn(match[1]!)) {
      names.push({ name, localName, from, line: lineAt(text, match.index) });
    }
  }
  for (const match of masked.code.matchAll(/(?<![\w$.])export\s+(?:type\s+)?\*/g))
    starLines.push(lineAt(text, match.index));
  return { names, starLines };
}

/**
 * The docstring (without its delimiters) directly above the top-level declaration of `name`, an empty string where the
 * declaration has none, or null where the text declares no such name. Any documented overload counts.
 */
export function docstringOf(text: string, name: string, masked: Masked = maskSource(text)): string | null {
  const escaped = name.replace(/\$/g, "\\$");
  const pattern = new RegExp(
    `(?<![\\w$.])(?:export\\s+)?(?:default\\s+)?(?:declare\\s+)?(?:abstract\\s+)?(?:async\\s+)?(?:const|let|var|function\\s*\\*?|class|interface|type|namespace)\\s+${escaped}(?![\\w$])`,
    "g",
  );
  let declared = false;
  for (const match of masked.code.matchAll(pattern)) {
    // A declaration inside a block is indented; a top-level one starts its line.
    if (match.index > 0 && text[match.index - 1] !== "\n") continue;
    declared = true;
    const comment = masked.comments.findLast((each) => each.end <= match.index);
    if (comment?.text.startsWith("/**") && text.slice(comment.end, match.index).trim() === "") {
      return comment.text
        .replace(/^\/\*\*|\*\/$/g, "")
        .replace(/^\s*\*/gm, "")
        .trim();
    }
  }
  return declared ? "" : null;
}
