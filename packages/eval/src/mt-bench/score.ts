// MT-Bench's score of one model: the mean of its grades over both turns of all questions. It does not parse judgments.
import { type BootstrapOptions, bootstrap } from "../intervals/bootstrap.ts";
import type { MeanEstimate } from "../intervals/mean.ts";
import { checkCount, MetricError } from "../metric-error.ts";

const metric = "an MT-Bench score";

/** A judge's grade of one turn of one question, from 1 to 10; null where it could not be parsed. */
export interface TurnGrade {
  readonly questionId: number;
  /** 1 or 2. */
  readonly turn: number;
  readonly score: number | null;
}

/** A mean of grades; counts are grades. */
export interface MtBenchMean extends MeanEstimate {
  readonly name: string;
}

/** How a model does on MT-Bench. */
export interface MtBenchScore {
  /** Over all grades of both turns, with a bootstrap interval over questions; null where nothing was parsed. */
  readonly score: MeanEstimate | null;
  /** Questions with a grade. */
  readonly questions: number;
  /** Grades that were read, repeated ones each. */
  readonly graded: number;
  /** Judgments without a grade: they are in no mean. */
  readonly unparsed: number;
  /** `1` and `2`; a turn of which nothing was parsed is left out. */
  readonly turns: readonly MtBenchMean[];
  /** By category, in the order of their first question. */
  readonly categories: readonly MtBenchMean[];
}

/**
 * Means of the grades of one model: over both turns, a turn and a category. As in MT-Bench's own table every judgment counts
 * once, a turn judged twice therefore twice, and judgments without a grade are left out. Intervals are over questions, since
 * the two turns of one are not independent.
 *
 * @param grades of one model
 * @param categoryOf the category of a question
 * @throws MetricError where there are no grades, or one is not from 0 to 10 or of no turn
 */
export function mtBenchScore(
  grades: readonly TurnGrade[],
  categoryOf: (questionId: number) => string,
  options: BootstrapOptions,
): MtBenchScore {
  if (grades.length === 0) throw new MetricError(metric, "empty", "there are no judgments; give those of one model");
  for (const [index, { score, turn }] of grades.entries()) {
    checkCount(metric, "turn", turn, 1);
    if (score === null || (score >= 0 && score <= 10)) continue;
    throw new MetricError(metric, "out-of-range", `grade ${index} is ${score}; give null or 0 to 10`, index);
  }
  const parsed = grades.filter((grade): grade is TurnGrade & { score: number } => grade.score !== null);
  const meansBy = (nameOf: (grade: TurnGrade) => string): readonly MtBenchMean[] =>
    [...groupBy(parsed, nameOf)].map(([name, own]) => ({ name, ...clusteredMean(own, options) }));
  return {
    score: parsed.length === 0 ? null : clusteredMean(parsed, options),
    questions: new Set(parsed.map(({ questionId }) => questionId)).size,
    graded: parsed.length,
    unparsed: grades.length - parsed.length,
    turns: meansBy(({ turn }) => String(turn)).toSorted((a, b) => Number(a.name) - Number(b.name)),
    categories: meansBy(({ questionId }) => categoryOf(questionId)),
  };
}

/** The mean of all grades; questions are drawn with all their grades. */
function clusteredMean(
  grades: readonly (TurnGrade & { readonly score: number })[],
  options: BootstrapOptions,
): MeanEstimate {
  const clusters = [...groupBy(grades, ({ questionId }) => questionId).values()].map((own) => ({
    sum: own.reduce((sum, { score }) => sum + score, 0),
    count: own.length,
  }));
  const { value, low, high } = bootstrap(
    clusters.length,
    (rows) => {
      let [sum, count] = [0, 0];
      for (const row of rows) {
        sum += clusters[row]!.sum;
        count += clusters[row]!.count;
      }
      return sum / count;
    },
    options,
  );
  return { mean: value!, low: low!, high: high!, count: grades.length };
}

/** Items by key, keys in the order of their first item. */
function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, readonly Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
