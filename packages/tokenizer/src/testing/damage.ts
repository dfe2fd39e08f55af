// Damage for the fuzz tests of this package's formats, and a round through all that a tokenizer does.
import fc from "fast-check";
import type { Tokenizer } from "../tokenizer.ts";

/** Bytes with a few changed, put in, taken out, repeated, or cut off. */
export function damagedBytes(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const place = fc.nat(bytes.length - 1);
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xfe, 0xff));
  const edit = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant("set" as const), place, byte, fc.constant(1)) },
    fc.tuple(fc.constantFrom("insert" as const, "remove" as const), place, byte, fc.integer({ min: 1, max: 9 })),
    fc.tuple(fc.constantFrom("cut" as const, "repeat" as const), place, byte, fc.integer({ min: 1, max: 99 })),
  );
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => {
    let damaged = new Uint8Array(bytes);
    for (const [kind, at, value, count] of edits) {
      if (kind === "set") damaged[Math.min(at, damaged.length - 1)] = value;
      else if (kind === "cut") damaged = damaged.slice(0, Math.max(0, damaged.length - count * 7));
      else {
        const middle = kind === "insert" ? new Uint8Array(count).fill(value) : damaged.subarray(at, at + count);
        const right = damaged.subarray(kind === "remove" ? at + count : at);
        const parts = kind === "remove" ? [damaged.subarray(0, at), right] : [damaged.subarray(0, at), middle, right];
        damaged = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
        let end = 0;
        for (const part of parts) {
          damaged.set(part, end);
          end += part.length;
        }
      }
    }
    return damaged;
  });
}

type Path = readonly (string | number)[];

function listPaths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  // Of long lists and tables a few entries stand for all.
  const entries = Object.entries(value);
  const chosen = entries.length > 20 ? [...entries.slice(0, 4), ...entries.slice(-4)] : entries;
  const inside = chosen.flatMap(([key, child]) => listPaths(child, [...path, key]));
  return path.length === 0 ? inside : [path, ...inside];
}

/** The same data with one value at a path replaced, or taken out where it is undefined; the rest is shared. */
function withChange(data: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (typeof data !== "object" || data === null) return data;
  const copy = (Array.isArray(data) ? [...data] : { ...data }) as Record<string | number, unknown>;
  const changed = withChange(copy[key], rest, value);
  if (changed === undefined && Array.isArray(copy)) copy.splice(key as number, 1);
  else if (changed === undefined) delete copy[key];
  else copy[key] = changed;
  return copy;
}

const strange = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, -1, 0, 0.5, 2 ** 31, 1e300, "", "a", "\u2581", "(", [], {}, [[]]),
  fc.constantFrom<unknown>({ type: "Split" }, { type: "FixedLength", length: 0 }, { type: "ByteLevel" }, [null]),
  fc.constantFrom("BPE", "Unigram", "WordPiece", "WordLevel", "Split", "Strip", "ByteLevel", "Metaspace", "CTC"),
  fc.constantFrom<unknown>("\ud800", "<0xZZ>", "<0x00>", "a b", "gpt2", "llama", "qwen2", Number.NaN, 2 ** 22, 7),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Plain data with one or two of its values replaced by what does not belong there. */
export function damagedData(data: unknown): fc.Arbitrary<unknown> {
  const paths = listPaths(data);
  return fc
    .array(fc.tuple(fc.constantFrom(...paths), strange), { minLength: 1, maxLength: 2 })
    .map((edits) => edits.reduce((damaged: unknown, [path, value]) => withChange(damaged, path, value), data));
}

/** Encodes, streams and decodes, so that what a damaged file left wrong has its chance to show. */
export function exerciseTokenizer(tokenizer: Tokenizer): void {
  for (const allowSpecial of [false, true]) {
    const ids = tokenizer.encode("the <s> cat\n\u{1f600}  a", { allowSpecial });
    const stream = tokenizer.createStream();
    let text = "";
    for (const id of ids) text += stream.push(id);
    text += stream.flush();
    const decoded = tokenizer.decode(ids);
    if (decoded !== text) throw new Error(`streamed ${JSON.stringify(text)}, decoded ${JSON.stringify(decoded)}`);
    tokenizer.tokenText(ids[0] ?? 0);
  }
}
