// What MT-Bench's judges wrote about single answers. It does not parse verdicts: the file carries the score.
import { malformedField, parseInteger, parseNumber, parseOptionalText, parseText, parseTexts } from "../fields.ts";
import { readRows } from "../read-rows.ts";
import { type Row, readItems } from "../row.ts";

/** A judge's grade of one turn of an answer. */
export interface MtBenchJudgment {
  readonly questionId: number;
  /** The model that answered. */
  readonly model: string;
  readonly judge: { readonly model: string; readonly promptName: string };
  /** 1, or 2 and so on: the turn that is graded. */
  readonly turn: number;
  /** From 0 to 10; null where no grade could be found in the judgment, which the file says as −1. */
  readonly score: number | null;
  /** What the judge was asked, or null. */
  readonly userPrompt: string | null;
  /** What the judge wrote, or null. */
  readonly judgment: string | null;
}

function readJudgment(row: Row): MtBenchJudgment {
  const judge = parseTexts(row, "judge");
  if (judge.length !== 2) throw malformedField(row, "judge", "a list of a model and a prompt's name", judge);
  const score = parseNumber(row, "score");
  if (score !== -1 && (score < 0 || score > 10)) throw malformedField(row, "score", "-1 or from 0 to 10", score);
  return {
    questionId: parseInteger(row, "question_id", 0),
    model: parseText(row, "model"),
    judge: { model: judge[0]!, promptName: judge[1]! },
    turn: parseInteger(row, "turn", 1),
    score: score === -1 ? null : score,
    userPrompt: parseOptionalText(row, "user_prompt"),
    judgment: parseOptionalText(row, "judgment"),
  };
}

/**
 * Reads judgments of single answers in order, rows `{ question_id, model, judge: [model, prompt], turn, score,
 * user_prompt?, judgment? }`. An answer judged again is there again: the published files repeat some.
 *
 * @throws DataError where a row is malformed (with its line)
 * @throws FileError where the file cannot be read
 */
export async function readMtBenchJudgments(path: string): Promise<readonly MtBenchJudgment[]> {
  return readItems(readRows(path), path, readJudgment);
}
