// What MT-Bench fixes about answers and judges, by category of question. Knows no question.

const temperatures: ReadonlyMap<string, number> = new Map([
  ["writing", 0.7],
  ["roleplay", 0.7],
  ["stem", 0.1],
  ["humanities", 0.1],
  ["extraction", 0],
  ["math", 0],
  ["coding", 0],
  ["reasoning", 0],
]);
const otherTemperature = 0.7;
const referenceCategories: readonly string[] = ["math", "reasoning", "coding"];

/** The temperature at which MT-Bench has questions of a category answered; .7 for a category that is none of its eight. */
export function mtBenchTemperature(category: string): number {
  return temperatures.get(category) ?? otherTemperature;
}

/** Whether MT-Bench's judge is shown reference answers to questions of a category: math, reasoning and coding. */
export function mtBenchNeedsReference(category: string): boolean {
  return referenceCategories.includes(category);
}
