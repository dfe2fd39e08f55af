// The prompts MT-Bench's judges are given, with places for questions, answers and references.
import { malformedField, parseText } from "../fields.ts";
import { readRows } from "../read-rows.ts";
import { type Row, readItems } from "../row.ts";
import { createUniqueCheck } from "./unique.ts";

/** A prompt for a judge. */
export interface MtBenchJudgePrompt {
  /** The name judgments refer to, such as `single-v1`. */
  readonly name: string;
  /** One answer is graded, or two are compared. */
  readonly type: "single" | "pairwise";
  /** What the judge is told first; may be empty. */
  readonly systemPrompt: string;
  /** The text with places such as `{question}` and `{answer}`. */
  readonly promptTemplate: string;
  readonly description: string;
  /** The questions it is for: `general` or `math`. */
  readonly category: string;
  /** The form of a verdict, `[[rating]]` or `[[A]]`. */
  readonly outputFormat: string;
}

function readJudgePrompt(row: Row): MtBenchJudgePrompt {
  const type = parseText(row, "type");
  if (type !== "single" && type !== "pairwise") throw malformedField(row, "type", "single or pairwise", type);
  return {
    name: parseText(row, "name"),
    type,
    systemPrompt: parseText(row, "system_prompt"),
    promptTemplate: parseText(row, "prompt_template"),
    description: parseText(row, "description"),
    category: parseText(row, "category"),
    outputFormat: parseText(row, "output_format"),
  };
}

/**
 * Reads the prompts of judges in order, rows `{ name, type, system_prompt, prompt_template, description, category,
 * output_format }`.
 *
 * @throws DataError where a row is malformed or a name is used twice (with its line)
 * @throws FileError where the file cannot be read
 */
export async function readMtBenchJudgePrompts(path: string): Promise<readonly MtBenchJudgePrompt[]> {
  const checkUnique = createUniqueCheck("name");
  return readItems(readRows(path), path, (row) => {
    const prompt = readJudgePrompt(row);
    checkUnique(row, prompt.name);
    return prompt;
  });
}
