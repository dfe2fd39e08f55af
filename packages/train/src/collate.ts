// Host arrays of one micro-batch: hidden rows, segments of gate and head, label rows with targets and sequences. Knows no
// device and no loss.
import { EmptyBatchError } from "@dual-head/losses";
import { type Segments, segmentsOf } from "@dual-head/tensor-core";
import type { ExampleRows } from "./rows.ts";
import type { TokenisedExample } from "./tokenise.ts";

/** One example of a batch with its rows: a supervised one has one response, a pair two. */
export interface BatchItem {
  readonly example: TokenisedExample;
  readonly rows: ExampleRows;
}

/** What the responses of a batch are for. */
export interface CollateOptions {
  readonly hiddenSize: number;
  /** Whether the chosen responses of pairs are learnt by E10 and E9, as they are without supervised examples. */
  readonly learnChosen: boolean;
  /** Whether labels of pairs that E10 does not learn are asked about with all that comes before them, too. */
  readonly contextOnPairs: boolean;
}

/**
 * A micro-batch. Labels are ordered by what they are for: the first `lmCount` are learnt by E10 and E9, those from
 * `preferenceStart` on are scored by E12; chosen responses may be both.
 */
export interface MicroBatch {
  /** [N, D]: the rows of all segments, then rows that only carry labels. */
  readonly hidden: Float32Array;
  readonly rowCount: number;
  /** Segments of the first rows, those whose labels gate and head are asked at in context: prompt and response. */
  readonly segments: Segments;
  /** The hidden row that predicts each label, [M]. */
  readonly labelRows: Uint32Array;
  /** The token of each label, [M]. */
  readonly targets: Uint32Array;
  readonly lmCount: number;
  readonly preferenceStart: number;
  /** For each label from `preferenceStart` on, 2p for the chosen and 2p + 1 for the rejected response of pair p. */
  readonly sequences: Uint32Array;
  readonly pairCount: number;
  /** Responses that E10 learns. */
  readonly lmSequenceCount: number;
  /** Labels with all rows before them in a segment, a prefix: all that E10 learns, or all. */
  readonly gatedCount: number;
}

interface Part {
  readonly item: BatchItem;
  readonly response: number;
  readonly gated: boolean;
  /** Sequence index for E12, or null for supervised examples. */
  readonly sequence: number | null;
}

/**
 * Collates pairs and supervised examples.
 *
 * @throws EmptyBatchError where there is no label
 */
export function collate(
  pairs: readonly BatchItem[],
  supervised: readonly BatchItem[],
  { hiddenSize, learnChosen, contextOnPairs }: CollateOptions,
): MicroBatch {
  const side = (response: 0 | 1, gated: boolean) =>
    pairs.map((item, pair): Part => ({ item, response, gated, sequence: 2 * pair + response }));
  const own = supervised.map((item): Part => ({ item, response: 0, gated: true, sequence: null }));
  const chosen = side(0, learnChosen || contextOnPairs);
  const rejected = side(1, contextOnPairs);
  const parts = [...own, ...chosen, ...rejected];
  const learnt = learnChosen ? [...own, ...chosen] : own;
  const labels = (some: readonly Part[]) => some.reduce((sum, part) => sum + responseOf(part).length, 0);
  const labelCount = labels(parts);
  if (labelCount === 0) throw new EmptyBatchError("training", 0);

  const gatedParts = parts.filter(({ gated }) => gated);
  const segments = segmentsOf(gatedParts.map(segmentLength));
  const gatedRowCount = segments.offsets.at(-1)!;
  const rowCount = gatedRowCount + labels(parts.filter(({ gated }) => !gated));
  const hidden = new Float32Array(rowCount * hiddenSize);
  const labelRows = new Uint32Array(labelCount);
  const targets = new Uint32Array(labelCount);
  const sequences: number[] = [];
  let row = 0;
  let label = 0;
  // Gated parts come first in `parts`, so that rows follow in the order of the labels.
  for (const part of parts) {
    const { prompt, responses } = part.item.rows;
    // Ungated, only the row before the response is needed of the prompt.
    const before = part.gated ? prompt : prompt.subarray(prompt.length - hiddenSize);
    const after = responses[part.response]!;
    hidden.set(before, row * hiddenSize);
    hidden.set(after, row * hiddenSize + before.length);
    const first = row + before.length / hiddenSize - 1;
    for (const [index, token] of responseOf(part).entries()) {
      labelRows[label] = first + index;
      targets[label] = token;
      label++;
      if (part.sequence !== null) sequences.push(part.sequence);
    }
    row += (before.length + after.length) / hiddenSize;
  }
  return {
    hidden,
    rowCount,
    segments,
    labelRows,
    targets,
    lmCount: labels(learnt),
    preferenceStart: labels(own),
    sequences: Uint32Array.from(sequences),
    pairCount: pairs.length,
    lmSequenceCount: learnt.length,
    gatedCount: labels(gatedParts),
  };
}

function responseOf({ item, response }: Part): Uint32Array {
  return item.example.responses[response]!;
}

function segmentLength(part: Part): number {
  return part.item.example.prompt.length + responseOf(part).length - 1;
}

/** Whole-batch counts that the losses of its pieces are divided by. */
export interface BatchCounts {
  readonly lmTokenCount: number;
  readonly lmSequenceCount: number;
  readonly pairCount: number;
}

/** Counts of a whole batch, from its examples alone. */
export function countBatch(
  pairs: readonly TokenisedExample[],
  supervised: readonly TokenisedExample[],
  learnChosen: boolean,
): BatchCounts {
  const learnt = [...supervised, ...(learnChosen ? pairs : [])];
  return {
    lmTokenCount: learnt.reduce((sum, { responses }) => sum + responses[0]!.length, 0),
    lmSequenceCount: learnt.length,
    pairCount: pairs.length,
  };
}

/** Cuts a batch into runs of at most `rowLimit` rows, one example at least; `sizeOf` gives the rows of an example. */
export function splitBatch<Item>(items: readonly Item[], sizeOf: (item: Item) => number, rowLimit: number): Item[][] {
  const runs: Item[][] = [];
  let rows = 0;
  for (const item of items) {
    const own = sizeOf(item);
    if (runs.length === 0 || rows + own > rowLimit) {
      runs.push([]);
      rows = 0;
    }
    runs.at(-1)!.push(item);
    rows += own;
  }
  return runs;
}
