// What an arm answered, as lines of a file that grows answer by answer: a run that was stopped goes on where it was.
// Knows no method and no score.
import { appendFile, readFile } from "node:fs/promises";
import { findPathKind, writeFileAtomic } from "@dual-head/bytes";
import * as v from "valibot";

/** An answer to prompt number `index`. */
export interface EvalResponse {
  readonly index: number;
  readonly answer: string;
  /** Tokens generated, the stop token included. */
  readonly tokenCount: number;
  /** Why it ended. */
  readonly reason: string;
  /** Σ log π of the tokens, nats, under the method at temperature 1. */
  readonly logp: number;
  /** Mean α over the tokens, or null. */
  readonly alpha: number | null;
  /**
   * Σ_t KL(π_t ‖ base_t) along the answer, nats, both at the temperature of the answer; null where it was not asked for, there
   * is no distribution, or the temperature is 0.
   */
  readonly kl: number | null;
}

const responseSchema: v.GenericSchema<unknown, EvalResponse> = v.object({
  index: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  answer: v.string(),
  tokenCount: v.number(),
  reason: v.string(),
  logp: v.number(),
  alpha: v.nullable(v.number()),
  kl: v.nullable(v.number()),
});

/**
 * The answers of a file by their numbers. A torn last line, which a killed run leaves, is taken out of the file.
 *
 * @throws Error where another line is no response
 */
export async function readResponses(path: string): Promise<Map<number, EvalResponse>> {
  if ((await findPathKind(path)) === "missing") return new Map();
  const lines = (await readFile(path, "utf8")).split("\n");
  const parsed = lines.map(parseLine);
  const wrong = lines.findIndex((line, at) => line !== "" && at < lines.length - 1 && parsed[at] === null);
  if (wrong >= 0) {
    throw new Error(`Cannot read ${path}: line ${wrong + 1} is no response; delete the file to have it made again`);
  }
  const found = parsed.filter((response) => response !== null);
  if (lines.at(-1) !== "") await writeFileAtomic(path, textOf(found));
  return new Map(found.map((response) => [response.index, response]));
}

/** Adds answers to a file. */
export async function appendResponses(path: string, responses: readonly EvalResponse[]): Promise<void> {
  await appendFile(path, textOf(responses));
}

const textOf = (responses: readonly EvalResponse[]) =>
  responses.map((response) => `${JSON.stringify(response)}\n`).join("");

function parseLine(line: string): EvalResponse | null {
  try {
    const parsed = v.safeParse(responseSchema, JSON.parse(line));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
