// A judge that is asked nothing twice: what it said is on disk before anybody hears of it. Knows no kind of judge.
import type { Comparison, Exchange, Grade, Judge, JudgeOptions, Verdict } from "../judge.ts";
import { comparisonKey, exchangeKey } from "../key.ts";
import type { SaidRecord } from "./record.ts";
import { openVerdicts } from "./verdict-file.ts";

/** A judge with a memory on disk; disposing it closes the file. */
export interface CachedJudge extends Judge, Disposable {
  readonly path: string;
  /** Comparisons and exchanges so far that were answered from disk, and those the judge was asked. */
  readonly counts: { readonly found: number; readonly asked: number };
  /** Lines that a killed process left unfinished; they are asked again. */
  readonly tornLines: number;
}

/**
 * Opens the memory of a judge in a folder, where every judge has a file of its own, named by its identity; the caller
 * disposes it. Equal comparisons of one call are asked once. Whatever the judge says is written before it is told, so
 * that a killed run, started again, goes on where it was.
 *
 * @throws FileError where the disk refuses, also later; DataError where the judge's file is malformed
 */
export async function openCachedJudge(judge: Judge, folder: string): Promise<CachedJudge> {
  const file = await openVerdicts(judge, folder);
  const counts = { found: 0, asked: 0 };

  async function answer<Item, Said>(
    items: readonly Item[],
    keyOf: (item: Item) => Promise<string>,
    known: ReadonlyMap<string, Said>,
    ask: (items: readonly Item[], options: JudgeOptions<Said>) => Promise<readonly Said[]>,
    keep: (key: string, said: Said) => void,
    { signal, onSaid }: JudgeOptions<Said>,
  ): Promise<readonly Said[]> {
    signal?.throwIfAborted();
    const keys = await Promise.all(items.map(keyOf));
    signal?.throwIfAborted();
    const places = new Map<string, number[]>();
    for (const [index, key] of keys.entries()) {
      const said = known.get(key);
      if (said !== undefined) {
        counts.found++;
        onSaid?.(index, said);
      } else if (places.has(key)) places.get(key)!.push(index);
      else places.set(key, [index]);
    }
    const wanted = [...places.values()];
    counts.asked += wanted.length;
    if (wanted.length > 0) {
      await ask(
        wanted.map(([index]) => items[index!]!),
        {
          signal,
          onSaid(at, said) {
            keep(keys[wanted[at]![0]!]!, said);
            for (const index of wanted[at]!) onSaid?.(index, said);
          },
        },
      );
    }
    return keys.map((key) => known.get(key)!);
  }

  const { name, identity } = judge;
  const keep = (kind: SaidRecord["kind"]) => (key: string, said: Verdict | Grade) =>
    file.append({ kind, key, said } as SaidRecord);
  return {
    name,
    identity,
    path: file.path,
    counts,
    tornLines: file.tornLines,
    prefer: (comparisons: readonly Comparison[], options: JudgeOptions<Verdict> = {}) =>
      answer(comparisons, comparisonKey, file.verdicts, judge.prefer.bind(judge), keep("verdict"), options),
    ...(judge.grade === undefined
      ? {}
      : {
          grade: (exchanges: readonly Exchange[], options: JudgeOptions<Grade> = {}) =>
            answer(exchanges, exchangeKey, file.grades, judge.grade!.bind(judge), keep("grade"), options),
        }),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}
