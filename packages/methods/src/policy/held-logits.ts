// The logits [N, V] of one advance, computed when a row is first asked for: whoever chooses tokens takes all of a row, or
// its candidates only, for which there need be no logits. Knows no model.
import { type Candidates, candidatesOf } from "@dual-head/sampler";
import { type Device, leavesOf, type NumericArray, type Tensor, type TopKResult } from "@dual-head/tensor-core";
import { PolicyError } from "./errors.ts";

type Floats = Float32Array | Float64Array;

/** Does work that reads `sources`; the tensors it returns are the caller's. */
export type Runner = <Out>(name: string, sources: readonly Tensor[], work: () => Out) => Out;

/** What logits are computed from, and how. */
export interface HeldLogitsOptions {
  readonly device: Device;
  readonly vocabSize: number;
  /** A tree of tensors, taken over. */
  readonly sources: unknown;
  /** Logits [N, V] of the sources. */
  readonly logits: () => Tensor;
  /** The largest of them, to the same bits. */
  readonly top: (count: number) => TopKResult;
  readonly run: Runner;
}

/** Rows of logits, read once however many rows ask. */
export class HeldLogits implements Disposable {
  readonly #options: HeldLogitsOptions;
  readonly #sources: readonly Tensor[];
  readonly #candidates = new Map<number, Promise<readonly Candidates[]>>();
  #rows: Promise<readonly Floats[]> | null = null;
  #stale = false;

  constructor(options: HeldLogitsOptions) {
    this.#options = options;
    this.#sources = leavesOf<Tensor | null>(options.sources).flatMap(({ leaf }) =>
      leaf === null ? [] : [options.device.keep(leaf)],
    );
  }

  /** All logits of row `index`, [V]. */
  async row(index: number): Promise<Floats> {
    this.#check();
    this.#rows ??= this.#readRows();
    return (await this.#rows)[index]!;
  }

  /** The `count` most likely tokens of row `index`. */
  async candidates(index: number, count: number): Promise<Candidates> {
    this.#check();
    const most = Math.min(count, this.#options.vocabSize);
    // The heads' product is the dearest part of a step: what was asked for before answers what is less.
    const { ids, logits, logNormalizer } = (await this.#top(most))[index]!;
    // What is not a number is named by the way that sees all logits.
    if (!Number.isFinite(logNormalizer)) return candidatesOf(await this.row(index), most);
    return ids.length <= most ? { ids, logits, logNormalizer } : first({ ids, logits, logNormalizer }, most);
  }

  /** Frees what logits are computed from: steps that still ask are stale. */
  [Symbol.dispose](): void {
    this.#stale = true;
    for (const tensor of this.#sources) tensor.dispose();
  }

  #check(): void {
    if (!this.#stale) return;
    throw new PolicyError("step", "Cannot read a step: the policy has advanced since, read it before the next advance");
  }

  /** The `count` most likely tokens of every row, or more where they are known. */
  #top(count: number): Promise<readonly Candidates[]> {
    for (const [known, rows] of this.#candidates) if (known >= count) return rows;
    const rows = this.#readCandidates(count);
    this.#candidates.set(count, rows);
    return rows;
  }

  async #readRows(): Promise<readonly Floats[]> {
    const { device, run } = this.#options;
    const logits = device.keep(run("logits", this.#sources, this.#options.logits));
    try {
      const [rowCount, width] = logits.shape as [number, number];
      const values = (await logits.read()) as Floats;
      return Array.from({ length: rowCount }, (_, row) => values.subarray(row * width, (row + 1) * width));
    } finally {
      logits.dispose();
    }
  }

  async #readCandidates(count: number): Promise<readonly Candidates[]> {
    const { device, run } = this.#options;
    const top = run(`top ${count}`, this.#sources, () => this.#options.top(count));
    const tensors = [top.values, top.ids, top.totals].map((tensor) => device.keep(tensor));
    try {
      const [values, ids, totals] = await Promise.all(tensors.map((tensor) => tensor.read()));
      return Array.from(totals!, (total, row) => {
        const logits = numbersOf(values!, row * count, count);
        // From the first excluded token on there are no others.
        const end = logits.findIndex((value) => value <= -3.4e38);
        const length = end < 0 ? count : end;
        return {
          ids: numbersOf(ids!, row * count, length),
          logits: length === count ? logits : logits.slice(0, length),
          logNormalizer: logits[0]! + Math.log(total),
        };
      });
    } finally {
      for (const tensor of tensors) tensor.dispose();
    }
  }
}

function first({ ids, logits, logNormalizer }: Candidates, count: number): Candidates {
  return { ids: ids.slice(0, count), logits: logits.slice(0, count), logNormalizer };
}

// Array.from makes an object for each number on its way.
function numbersOf(values: NumericArray, from: number, count: number): number[] {
  const numbers = new Array<number>(count);
  for (let index = 0; index < count; index++) numbers[index] = values[from + index]!;
  return numbers;
}
