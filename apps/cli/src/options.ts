// Parsers of option values: each names the option, what it got and what it takes.
import { InvalidArgumentError } from "commander";
import { UsageError } from "./io.ts";

/** A number within bounds, for commander. */
export function numberOption(
  bounds: { min?: number; max?: number; above?: number; integer?: boolean } = {},
): (text: string) => number {
  const { min = -Infinity, max = Infinity, above = -Infinity, integer = false } = bounds;
  const parts = [
    integer ? "an integer" : "a number",
    ...(above > -Infinity ? [`above ${above}`] : []),
    ...(min > -Infinity ? [`from ${min}`] : []),
    ...(max < Infinity ? [`up to ${max}`] : []),
  ];
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (
      !Number.isFinite(value) ||
      value < min ||
      value > max ||
      value <= above ||
      (integer && !Number.isInteger(value))
    ) {
      throw new InvalidArgumentError(`Give ${parts.join(" ")}.`);
    }
    return value;
  };
}

/** Token ids separated by commas. */
export function tokensOption(text: string): readonly number[] {
  const ids = text.split(",").map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if (ids.some((id) => !Number.isSafeInteger(id))) {
    throw new InvalidArgumentError("Give token ids as integers separated by commas, such as 1,403,407.");
  }
  return ids;
}

/** A heads folder with its weight. */
export interface HeadsOption {
  readonly directory: string;
  readonly weight: number | null;
}

/** Collects `DIR` or `DIR=weight`, once per use of the option. */
export function headsOption(text: string, previous: readonly HeadsOption[] = []): readonly HeadsOption[] {
  const match = /^(.*)=([^=/\\]*)$/.exec(text);
  if (match === null) return [...previous, { directory: text, weight: null }];
  const weight = match[2]!.trim() === "" ? Number.NaN : Number(match[2]);
  if (!Number.isFinite(weight) || weight < 0) {
    throw new InvalidArgumentError("Give DIR or DIR=weight with a weight from 0, such as heads/helpful=0.7.");
  }
  return [...previous, { directory: match[1]!, weight }];
}

/** Collects one value per use of the option. */
export function collectOption(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

/** Weights on the simplex: given ones are scaled to sum 1, and where none is given all are equal. */
export function headWeights(heads: readonly HeadsOption[]): readonly number[] {
  const raw = heads.map(({ weight }) => weight ?? 1);
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  if (heads.length > 0 && total === 0)
    throw new UsageError("Cannot weigh the heads: all weights are 0; give at least one above 0");
  return raw.map((weight) => weight / total);
}
