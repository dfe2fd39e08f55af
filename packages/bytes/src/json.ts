// JSON with the place of what is wrong: syntax and duplicate keys, which JSON.parse passes over.
// It does not know what the values should be.
import { FileError } from "./file-error.ts";
import { readText } from "./text.ts";

/** A value of JSON. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Where and why a text is not JSON, or uses a key twice. */
export interface JsonFault {
  readonly kind: "syntax" | "duplicate-key";
  /** Offset in UTF-16 code units. */
  readonly offset: number;
  readonly reason: string;
}

const whitespace = /[ \t\n\r]*/y;
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const literalPattern = /true|false|null/y;

const escapePattern = /["\\/bfnrt]|u[\da-fA-F]{4}/y;

/** The end of the string that begins at `start`, or -1; a loop, since a pattern would run out of stack on long ones. */
function findStringEnd(text: string, start: number): number {
  if (text[start] !== '"') return -1;
  for (let index = start + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x22) return index + 1;
    if (code < 0x20) return -1;
    if (code === 0x5c) {
      escapePattern.lastIndex = index + 1;
      const sequence = escapePattern.exec(text);
      if (sequence === null) return -1;
      index += sequence[0].length;
    }
  }
  return -1;
}

/**
 * Finds the first fault of a JSON text: a syntax error or a key used twice in one object; null where there is none.
 *
 * Keys are compared after their escapes are undone. Nesting is followed without recursion.
 */
export function findJsonFault(text: string): JsonFault | null {
  let position = 0;
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = position;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found !== null) position += found.length;
    return found;
  };
  const matchString = (): string | null => {
    const start = position;
    const end = findStringEnd(text, start);
    if (end >= 0) position = end;
    return end < 0 ? null : text.slice(start, end);
  };
  const syntax = (reason: string): JsonFault => ({ kind: "syntax", offset: position, reason });
  // One entry per open bracket: the keys so far of an object, null for an array.
  const open: (Set<string> | null)[] = [];
  let state: "value" | "first-key" | "key" | "first-item" | "after" = "value";
  for (;;) {
    match(whitespace);
    const character = text[position];
    if (state === "after") {
      if (open.length === 0) return character === undefined ? null : syntax("something follows the end of the value");
      const keys = open.at(-1);
      if (character === ",") {
        position++;
        state = keys === null ? "value" : "key";
      } else if (character === (keys === null ? "]" : "}")) {
        position++;
        open.pop();
      } else return syntax(`"," or "${keys === null ? "]" : "}"}" is expected`);
      continue;
    }
    if ((state === "first-key" && character === "}") || (state === "first-item" && character === "]")) {
      position++;
      open.pop();
      state = "after";
      continue;
    }
    if (state === "first-key" || state === "key") {
      const offset = position;
      const raw = matchString();
      if (raw === null) return syntax("a key in double quotes is expected");
      const key = JSON.parse(raw) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return { kind: "duplicate-key", offset, reason: `the key ${raw} is used twice` };
      keys.add(key);
      match(whitespace);
      if (text[position] !== ":") return syntax('":" is expected');
      position++;
      state = "value";
      continue;
    }
    if (character === "{") {
      position++;
      open.push(new Set());
      state = "first-key";
    } else if (character === "[") {
      position++;
      open.push(null);
      state = "first-item";
    } else {
      const found = matchString() ?? match(numberPattern) ?? match(literalPattern);
      if (found === null) return syntax(character === undefined ? "the text ends too early" : "a value is expected");
      state = "after";
    }
  }
}

/**
 * Parses JSON; a key used twice is refused.
 *
 * @param name a label for messages
 * @throws FileError that names the line and the byte of the first fault
 */
export function parseJson(text: string, name: string): JsonValue {
  const fault = findJsonFault(text);
  if (fault === null) return JSON.parse(text) as JsonValue;
  const before = text.slice(0, fault.offset);
  const line = before.split("\n").length;
  const column = fault.offset - before.lastIndexOf("\n");
  const byte = new TextEncoder().encode(before).length;
  throw new FileError(
    name,
    "parse",
    `${fault.reason} at line ${line}, column ${column} (byte ${byte}), repair the JSON or fetch the file again`,
    { line, byte },
  );
}

/**
 * Reads and parses a JSON file.
 *
 * @throws FileError where it cannot be read or is not JSON
 */
export async function readJson(path: string): Promise<JsonValue> {
  return parseJson(await readText(path), path);
}
