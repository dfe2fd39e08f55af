// A judge that repeats what was recorded, and nothing else. It does not know who said it first.
import { findPathKind, listDirectory } from "@dual-head/bytes";
import { readVerdicts, type StoredVerdicts } from "../cache/verdict-file.ts";
import type { Comparison, Exchange, Grade, Judge, JudgeOptions, Verdict } from "../judge.ts";
import { JudgeError } from "../judge-error.ts";
import { comparisonKey, exchangeKey } from "../key.ts";

/** A verdict is asked for that was never recorded. */
export class MissingVerdictError extends JudgeError {
  override readonly name: string = "MissingVerdictError";
  /** The file without it. */
  readonly path: string;
  /** `comparisonKey` or `exchangeKey` of what was asked. */
  readonly key: string;
  readonly asked: Comparison | Exchange;

  constructor(judge: string, path: string, key: string, asked: Comparison | Exchange, index: number) {
    const what = "answer" in asked ? "answer" : "comparison";
    const question = asked.conversation.findLast(({ role }) => role === "human")?.content ?? "";
    super(
      judge,
      "no-verdict",
      `Cannot replay ${judge}: ${path} has nothing of ${what} ${index} (${key}), to ${JSON.stringify(shortened(question))}; let the judge itself be asked with this file as its cache, or take the responses that were judged`,
      index,
    );
    this.path = path;
    this.key = key;
    this.asked = asked;
  }
}

function shortened(text: string): string {
  const characters = Array.from(text);
  return characters.length <= 60 ? text : `${characters.slice(0, 59).join("")}…`;
}

/**
 * Reads a judge from what `openCachedJudge` wrote. It judges what is recorded; where anything asked is not, nothing is
 * said.
 *
 * @param path the file, or a folder of files, one a judge
 * @param name the judge, where a folder has several
 * @throws JudgeError ("no-verdict") where the folder has no such judge or several; MissingVerdictError by prefer and grade
 * @throws FileError, DataError where a file cannot be read
 */
export async function readRecordedJudge(path: string, name?: string): Promise<Judge> {
  const stored = await findStored(path, name);
  const judge = stored.judge!;

  async function repeat<Item extends Comparison | Exchange, Said>(
    items: readonly Item[],
    keyOf: (item: Item) => Promise<string>,
    known: ReadonlyMap<string, Said>,
    { signal, onSaid }: JudgeOptions<Said>,
  ): Promise<readonly Said[]> {
    signal?.throwIfAborted();
    const keys = await Promise.all(items.map(keyOf));
    signal?.throwIfAborted();
    const said = keys.map((key, index) => {
      const each = known.get(key);
      if (each === undefined) throw new MissingVerdictError(judge.name, stored.path, key, items[index]!, index);
      return each;
    });
    for (const [index, each] of said.entries()) onSaid?.(index, each);
    return said;
  }

  return {
    name: judge.name,
    identity: judge.identity,
    prefer: (comparisons: readonly Comparison[], options: JudgeOptions<Verdict> = {}) =>
      repeat(comparisons, comparisonKey, stored.verdicts, options),
    grade: (exchanges: readonly Exchange[], options: JudgeOptions<Grade> = {}) =>
      repeat(exchanges, exchangeKey, stored.grades, options),
  };
}

async function findStored(path: string, name: string | undefined): Promise<StoredVerdicts> {
  const isFolder = (await findPathKind(path)) === "directory";
  const files = isFolder
    ? (await listDirectory(path)).filter((each) => each.endsWith(".jsonl")).map((each) => `${path}/${each}`)
    : [path];
  const all = (await Promise.all(files.map(readVerdicts))).filter(({ judge }) => judge !== null);
  const found = all.filter(({ judge }) => name === undefined || judge!.name === name);
  if (found.length === 1) return found[0]!;
  const wanted = name ?? "the only judge";
  const there = all.map(({ judge, path: file }) => `${judge!.name} (${file.slice(file.lastIndexOf("/") + 1)})`);
  throw new JudgeError(
    name ?? "recorded",
    "no-verdict",
    `Cannot replay ${wanted} from ${path}: it has ${there.length === 0 ? "no recorded judge" : there.join(", ")}; name one of them, or its file`,
  );
}
