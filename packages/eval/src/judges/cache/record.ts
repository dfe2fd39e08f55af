// Lines of a file of verdicts: whose they are, and one verdict or grade each. Knows no file.
import type { JsonValue } from "@dual-head/bytes";
import * as v from "valibot";
import type { Grade, Verdict } from "../judge.ts";

/** The first line of a file: whose verdicts follow. */
export interface JudgeRecord {
  readonly kind: "judge";
  readonly name: string;
  readonly identity: JsonValue;
  /** `judgeKey` of both. */
  readonly key: string;
}

/** A verdict of the comparison with a key, or a grade of the exchange with one. */
export type SaidRecord =
  | { readonly kind: "verdict"; readonly key: string; readonly said: Verdict }
  | { readonly kind: "grade"; readonly key: string; readonly said: Grade };

// JSON has neither infinities nor a negative zero.
const notInJson: readonly number[] = [Infinity, -Infinity, -0];
const spelled = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));
const numberText = (value: number): number | string =>
  notInJson.some((each) => Object.is(each, value)) ? spelled(value) : value;
const numberSchema = v.union([
  v.pipe(v.number(), v.finite()),
  v.pipe(v.picklist(notInJson.map(spelled)), v.transform(Number)),
]);

const key = v.pipe(v.string(), v.regex(/^[\da-f]{32}$/));
const raw = v.nullable(v.string());

const judgeSchema = v.object({
  kind: v.literal("judge"),
  name: v.string(),
  identity: v.custom<JsonValue>((value) => value !== undefined),
  key,
});
const verdictSchema = v.object({
  kind: v.literal("verdict"),
  key,
  winner: v.picklist(["first", "second", "tie", "unparsed"]),
  raw,
  preference: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(2))),
  scores: v.optional(v.tuple([numberSchema, numberSchema])),
});
const gradeSchema = v.object({ kind: v.literal("grade"), key, score: v.nullable(numberSchema), raw });
const lineSchema = v.variant("kind", [judgeSchema, verdictSchema, gradeSchema]);

/** A record as one line, with its end. */
export function formatRecord(record: JudgeRecord | SaidRecord): string {
  if (record.kind === "judge") return `${JSON.stringify(record)}\n`;
  const { kind, key, said } = record;
  if ("winner" in said) {
    const scores = said.scores?.map(numberText);
    return `${JSON.stringify({ kind, key, ...said, ...(scores === undefined ? {} : { scores }) })}\n`;
  }
  return `${JSON.stringify({ kind, key, ...said, score: said.score === null ? null : numberText(said.score) })}\n`;
}

/**
 * A line as a record; `torn` where it is not JSON, as the line is that a killed process was writing, or the reason why
 * it is no record.
 */
export function parseRecord(line: string): JudgeRecord | SaidRecord | "torn" | { readonly reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "torn";
  }
  const parsed = v.safeParse(lineSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return { reason: `${v.getDotPath(issue) ?? "the line"} must be ${issue.expected} and is ${issue.received}` };
  }
  const record = parsed.output;
  if (record.kind === "judge") return record;
  const { kind: _, key: of, ...said } = record;
  return record.kind === "verdict"
    ? { kind: "verdict", key: of, said: said as Verdict }
    : { kind: "grade", key: of, said: said as Grade };
}
