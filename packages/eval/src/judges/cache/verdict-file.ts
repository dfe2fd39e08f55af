// Verdicts of one judge on disk: a line each, only ever appended, whole lines counting. Knows no judge at work.
import { createDirectory, FileError, findPathKind, toFileError } from "@dual-head/bytes";
import { DataError } from "@dual-head/data";
import type { Grade, Judge, Verdict } from "../judge.ts";
import { judgeKey } from "../key.ts";
import { formatRecord, type JudgeRecord, parseRecord, type SaidRecord } from "./record.ts";

/** What a file of verdicts holds. */
export interface StoredVerdicts {
  readonly path: string;
  /** Whose verdicts they are, or null of a file without a whole line. */
  readonly judge: JudgeRecord | null;
  /** By `comparisonKey`. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** By `exchangeKey`. */
  readonly grades: ReadonlyMap<string, Grade>;
  /** Lines that a killed process left unfinished; what they were to hold is not there. */
  readonly tornLines: number;
}

/** A file of verdicts that is being added to. */
export interface VerdictFile extends StoredVerdicts, Disposable {
  /**
   * Writes a verdict or a grade; when this returns, killing the process loses it no more.
   *
   * @throws FileError where the disk refuses
   */
  append(record: SaidRecord): void;
}

/** The name of the file that holds a judge's verdicts: its name as far as files allow, and its key. */
export async function verdictFileName(judge: Pick<Judge, "name" | "identity">): Promise<string> {
  const readable = judge.name
    .toLowerCase()
    .replaceAll(/[^a-z\d]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return `${readable.slice(0, 40) || "judge"}-${(await judgeKey(judge)).slice(0, 12)}.jsonl`;
}

/**
 * Reads a file of verdicts. Of two verdicts with one key the first counts, which is the one that was used.
 *
 * @throws FileError where it cannot be read
 * @throws DataError where a whole line is no record, or is another judge's than the first (with its line)
 */
export async function readVerdicts(path: string): Promise<StoredVerdicts> {
  const { readFile } = await import("node:fs/promises");
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw toFileError(path, "read", error);
  }
  return parseVerdicts(bytes, path);
}

function parseVerdicts(bytes: Uint8Array, path: string): StoredVerdicts {
  const verdicts = new Map<string, Verdict>();
  const grades = new Map<string, Grade>();
  let judge: JudgeRecord | null = null;
  let tornLines = 0;
  let number = 0;
  for (const line of linesOf(bytes)) {
    number++;
    if (line === "") continue;
    const record = line === null ? "torn" : parseRecord(line);
    if (record === "torn") {
      tornLines++;
      continue;
    }
    const refuse = (reason: string) => new DataError(path, reason, { line: number });
    if ("reason" in record) throw refuse(`${record.reason}; repair or remove the line`);
    if (record.kind === "judge") {
      if (judge !== null && judge.key !== record.key) {
        throw refuse(
          `it is of the judge ${record.name} (${record.key}) and the file of ${judge.name} (${judge.key}); keep a file for each judge`,
        );
      }
      judge ??= record;
    } else if (judge === null) {
      throw refuse("a verdict stands before the line that says whose it is; put the file's own first line back");
    } else if (record.kind === "verdict") {
      if (!verdicts.has(record.key)) verdicts.set(record.key, record.said);
    } else if (!grades.has(record.key)) {
      grades.set(record.key, record.said);
    }
  }
  return { path, judge, verdicts, grades, tornLines };
}

/** Lines without their ends; null for one that is not UTF-8, as where a character was torn. */
function* linesOf(bytes: Uint8Array): Generator<string | null, void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(0x0a, start);
    const end = found < 0 ? bytes.length : found;
    let line: string | null = null;
    try {
      line = decoder.decode(bytes.subarray(start, end));
    } catch {
      // Whatever is not UTF-8 was not written whole.
    }
    yield line;
    start = end + 1;
  }
}

/**
 * Opens a judge's file in a folder, which is made where there is none; the caller disposes it. Several processes may add
 * to one file: each writes whole lines at its end.
 *
 * @throws FileError where the disk refuses
 * @throws DataError where what is there is malformed or another judge's
 */
export async function openVerdicts(judge: Pick<Judge, "name" | "identity">, folder: string): Promise<VerdictFile> {
  const [{ closeSync, openSync, writeSync }, { join }] = await Promise.all([import("node:fs"), import("node:path")]);
  await createDirectory(folder);
  const path = join(folder, await verdictFileName(judge));
  const isNew = (await findPathKind(path)) === "missing";
  const stored = isNew ? parseVerdicts(new Uint8Array(), path) : await readVerdicts(path);
  const key = await judgeKey(judge);
  if (stored.judge !== null && stored.judge.key !== key) {
    throw new DataError(path, `it is of the judge ${stored.judge.name} (${stored.judge.key}); it must be of ${key}`, {
      line: 1,
    });
  }
  let file: number;
  try {
    file = openSync(path, "a");
  } catch (error) {
    throw toFileError(path, "open", error);
  }
  // Whatever a killed process left unfinished ends here.
  let isTorn = !isNew && !(await endsWithLine(path));

  function write(line: string): void {
    const bytes = new TextEncoder().encode(isTorn ? `\n${line}` : line);
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(file, bytes, done);
      isTorn = false;
    } catch (error) {
      isTorn ||= done > 0;
      throw toFileError(path, "write", error);
    }
  }

  const { name, identity = name } = judge;
  try {
    if (stored.judge === null) write(formatRecord({ kind: "judge", name, identity, key }));
  } catch (error) {
    closeSync(file);
    throw error;
  }
  const verdicts = new Map(stored.verdicts);
  const grades = new Map(stored.grades);
  let isOpen = true;
  return {
    path,
    judge: stored.judge ?? { kind: "judge", name, identity, key },
    tornLines: stored.tornLines,
    verdicts,
    grades,
    append(record) {
      if (!isOpen) throw new FileError(path, "write", "it is closed; open it again");
      write(formatRecord(record));
      if (record.kind === "verdict") verdicts.set(record.key, record.said);
      else grades.set(record.key, record.said);
    },
    [Symbol.dispose]() {
      if (isOpen) closeSync(file);
      isOpen = false;
    },
  };
}

async function endsWithLine(path: string): Promise<boolean> {
  const { open } = await import("node:fs/promises");
  try {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      const last = new Uint8Array(1);
      await handle.read(last, 0, 1, Math.max(0, size - 1));
      return size === 0 || last[0] === 0x0a;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw toFileError(path, "read", error);
  }
}
