// Texts and ids of llama.cpp's vocabulary tests, for the tests of this package: one line of ids for each text.
import { readFileSync } from "node:fs";

const separator = "\n__ggml_vocab_test__\n";

/** A text and the ids that are expected for it. */
export interface VocabularyCase {
  readonly text: string;
  readonly ids: readonly number[];
}

/**
 * Reads the cases of one vocabulary.
 *
 * @param outputs the `.out` file
 * @param inputs the `.inp` file; the same for all vocabularies
 */
export function readVocabularyCases(outputs: string, inputs: string): readonly VocabularyCase[] {
  const lines = readFileSync(outputs, "utf8").split("\n");
  return readFileSync(inputs, "utf8")
    .split(separator)
    .slice(0, lines.length)
    .map((text, index) => {
      const numbers = lines[index]!.split(" ").filter((part) => part !== "");
      return { text, ids: numbers.map(Number) };
    });
}
