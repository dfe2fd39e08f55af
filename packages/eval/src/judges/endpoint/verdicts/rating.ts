// A rating in brackets. Knows no prompt.

/** The ends of a scale of grades, both included. */
export interface Scale {
  readonly least: number;
  readonly most: number;
}

// No number has so many digits that a number of JavaScript cannot hold it in these limits.
const patterns = [/\[\[(\d+\.?\d*)\]\]/, /\[(\d+\.?\d*)\]/];

/**
 * The first rating in double brackets, else in single ones, as MT-Bench reads it; null where there is none, or it is off
 * the scale.
 */
export function parseRating(text: string, { least, most }: Scale): number | null {
  for (const pattern of patterns) {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) continue;
    const rating = Number(found);
    return rating >= least && rating <= most ? rating : null;
  }
  return null;
}
