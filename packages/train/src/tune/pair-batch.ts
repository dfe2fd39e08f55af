// Pairs as flattened tokens: for a model that predicts their responses, or one that scores whole texts. Knows no device.
import { type Segments, segmentsOf } from "@dual-head/tensor-core";
import type { TokenisedExample } from "../tokenise.ts";

/** Sequences of pairs, chosen and rejected of each in turn. */
export interface FlatTexts {
  readonly tokens: Uint32Array;
  readonly segments: Segments;
}

/** Sequences with the labels of their responses. */
export interface LabelledTexts extends FlatTexts {
  /** The row that predicts each label, the label, and its sequence, [M] each. */
  readonly labelRows: Uint32Array;
  readonly targets: Uint32Array;
  readonly sequences: Uint32Array;
}

/** Rows that a pair takes: its prompt stands before each response. */
export function rowCountOfPair({ prompt, responses }: TokenisedExample): number {
  return responses.reduce((sum, response) => sum + prompt.length + response.length, 0);
}

/** Prompt and response of each sequence; the last token of a response is predicted and never read. */
export function labelledTexts(pairs: readonly TokenisedExample[]): LabelledTexts {
  const flat = flatten(pairs, (response) => response.length - 1);
  const [labelRows, targets, sequences]: [number[], number[], number[]] = [[], [], []];
  for (const [sequence, { prompt, response }] of sequencesOf(pairs).entries()) {
    const first = flat.segments.offsets[sequence]! + prompt.length - 1;
    for (const [index, token] of response.entries()) {
      labelRows.push(first + index);
      targets.push(token);
      sequences.push(sequence);
    }
  }
  return {
    ...flat,
    labelRows: Uint32Array.from(labelRows),
    targets: Uint32Array.from(targets),
    sequences: Uint32Array.from(sequences),
  };
}

/** Prompt and response of each sequence, without an end that scoring passes over. */
export function wholeTexts(pairs: readonly TokenisedExample[], padTokenId: number | null): FlatTexts {
  return flatten(pairs, (response) => response.length - (response.at(-1) === padTokenId ? 1 : 0));
}

function sequencesOf(pairs: readonly TokenisedExample[]) {
  return pairs.flatMap(({ prompt, responses }) => responses.map((response) => ({ prompt, response })));
}

function flatten(pairs: readonly TokenisedExample[], readLength: (response: Uint32Array) => number): FlatTexts {
  const texts = sequencesOf(pairs).map(({ prompt, response }) => ({
    prompt,
    read: response.subarray(0, readLength(response)),
  }));
  const segments = segmentsOf(texts.map(({ prompt, read }) => prompt.length + read.length));
  const tokens = new Uint32Array(segments.offsets.at(-1)!);
  for (const [index, { prompt, read }] of texts.entries()) {
    tokens.set(prompt, segments.offsets[index]!);
    tokens.set(read, segments.offsets[index]! + prompt.length);
  }
  return { tokens, segments };
}
