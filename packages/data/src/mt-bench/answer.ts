// MT-Bench's answers: what a model said to both turns of each question; references have the same form.
import { malformedField, parseInteger, parseText, parseTexts } from "../fields.ts";
import { readRows } from "../read-rows.ts";
import { isObject, type Row, readItems } from "../row.ts";
import { createUniqueCheck } from "./unique.ts";

/** A model's answer to a question of MT-Bench. */
export interface MtBenchAnswer {
  readonly questionId: number;
  readonly model: string;
  /** At least one choice, each with a text for every turn; judges read the first. */
  readonly choices: readonly { readonly turns: readonly string[] }[];
}

function readAnswer(row: Row): MtBenchAnswer {
  const { choices } = row.fields;
  if (!Array.isArray(choices) || choices.length === 0)
    throw malformedField(row, "choices", "a list of choices", choices);
  return {
    questionId: parseInteger(row, "question_id", 0),
    model: parseText(row, "model_id"),
    choices: choices.map((choice: unknown, index) => {
      if (!isObject(choice)) throw malformedField(row, `choices[${index}]`, "an object with turns", choice);
      return { turns: parseTexts(row, `choices[${index}].turns`, choice.turns) };
    }),
  };
}

/**
 * Reads the answers of one model or several in order, rows `{ question_id, model_id, choices: [{ turns }] }`; the file
 * of reference answers is read alike.
 *
 * @throws DataError where a row is malformed or a model answers a question twice (with its line)
 * @throws FileError where the file cannot be read
 */
export async function readMtBenchAnswers(path: string): Promise<readonly MtBenchAnswer[]> {
  const checkUnique = createUniqueCheck("question_id");
  return readItems(readRows(path), path, (row) => {
    const answer = readAnswer(row);
    checkUnique(row, `${answer.questionId} of ${answer.model}`);
    return answer;
  });
}
