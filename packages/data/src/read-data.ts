// Whole files: the format found from the first row, rows read one by one, drops counted, nothing left an error.
// It does not know tokenizers or models, so it does not know which prompts are too long.
import { DataError } from "./data-error.ts";
import { isHhRow, readHhRow } from "./hh-rlhf/read-row.ts";
import { isPkuRow, type PreferenceLabel, type PromptTemplate, readPkuRow } from "./pku-saferlhf/read-row.ts";
import {
  createDropCounts,
  type DropCounts,
  type DropReason,
  type PreferencePair,
  type SftExample,
} from "./preference-pair.ts";
import { readRows } from "./read-rows.ts";
import type { Row } from "./row.ts";
import { readSftRow } from "./sft/read-row.ts";
import { isTrlRow, readTrlRow } from "./trl/read-row.ts";

/** A format of preference data. */
export type PreferenceFormat = "hh-rlhf" | "pku-saferlhf" | "trl";

/** How preference data is read. */
export interface PreferenceOptions {
  /** The format of all files; otherwise found from the first row of each. */
  readonly format?: PreferenceFormat | undefined;
  /** Which label of PKU-SafeRLHF chooses; `better` by default. Other formats have one preference a row. */
  readonly label?: PreferenceLabel | undefined;
  /** The form of PKU-SafeRLHF's prompts; HH-RLHF's transcript by default, so that one model serves all data. */
  readonly template?: PromptTemplate | undefined;
}

/** Preference pairs of one or several files. */
export interface Preferences {
  readonly pairs: readonly PreferencePair[];
  /** Rows not used, by reason; every reason is present. */
  readonly dropped: DropCounts;
  /** Rows in the files, used and dropped. */
  readonly rowCount: number;
}

/** Examples to imitate, of one or several files. */
export interface SftData {
  readonly examples: readonly SftExample[];
  /** Rows not used, by reason; every reason is present. */
  readonly dropped: DropCounts;
  /** Rows in the files, used and dropped. */
  readonly rowCount: number;
}

function createReaders({
  label = "better",
  template = "hh-rlhf",
}: PreferenceOptions): Readonly<Record<PreferenceFormat, (row: Row) => PreferencePair | DropReason>> {
  return { "hh-rlhf": readHhRow, "pku-saferlhf": (row) => readPkuRow(row, label, template), trl: readTrlRow };
}

/**
 * Names the format of a row.
 *
 * @throws DataError where it has none of the known formats
 */
function detectFormat(row: Row): PreferenceFormat {
  if (isHhRow(row.fields)) return "hh-rlhf";
  if (isTrlRow(row.fields)) return "trl";
  if (isPkuRow(row.fields)) return "pku-saferlhf";
  const keys = Object.keys(row.fields).slice(0, 8).join(", ") || "no fields";
  const required =
    "chosen and rejected (hh-rlhf), these with prompt or conversations (trl), or prompt, response_0, response_1 and better_response_id (pku-saferlhf)";
  throw new DataError(row.path, `a preference row must have ${required} but has ${keys}, convert the data`, row);
}

async function readAll<Item extends object>(
  paths: readonly string[],
  createReader: (first: Row) => (row: Row) => Item | DropReason,
): Promise<{ readonly items: readonly Item[]; readonly dropped: DropCounts; readonly rowCount: number }> {
  if (paths.length === 0) throw new DataError("the data", "no file is named, name at least one");
  const items: Item[] = [];
  const dropped = createDropCounts();
  let rowCount = 0;
  for (const path of paths) {
    let read: ((row: Row) => Item | DropReason) | null = null;
    for await (const row of readRows(path)) {
      read ??= createReader(row);
      const result = read(row);
      rowCount++;
      if (typeof result === "string") dropped[result]++;
      else items.push(result);
    }
    if (read === null) throw new DataError(path, "it has no rows, name a file with data");
  }
  if (items.length === 0) {
    const counts = Object.entries(dropped).filter(([, count]) => count > 0);
    const reasons = counts.map(([reason, count]) => `${reason} ${count}`).join(", ");
    throw new DataError(paths.join(", "), `all ${rowCount} rows were dropped (${reasons}), use other data`);
  }
  return { items, dropped, rowCount };
}

/**
 * Reads preference pairs from JSONL, JSON arrays (these compressed by gzip or not) or Parquet.
 *
 * @param paths one file or several
 * @throws DataError where a row is malformed (with its line), or no pair is left
 * @throws FileError where a file cannot be read
 */
export async function readPreferences(
  paths: string | readonly string[],
  options: PreferenceOptions = {},
): Promise<Preferences> {
  const list = typeof paths === "string" ? [paths] : paths;
  const readers = createReaders(options);
  const { items, dropped, rowCount } = await readAll(list, (first) => readers[options.format ?? detectFormat(first)]);
  return { pairs: items, dropped, rowCount };
}

/**
 * Reads examples to imitate from JSONL, JSON arrays (these compressed by gzip or not) or Parquet.
 *
 * Rows are `{ prompt, response }`, `{ messages }` or `{ text }`; those with a `label` (KTO) must be labelled true.
 *
 * @param paths one file or several
 * @throws DataError where a row is malformed (with its line), or no example is left
 * @throws FileError where a file cannot be read
 */
export async function readSft(paths: string | readonly string[]): Promise<SftData> {
  const list = typeof paths === "string" ? [paths] : paths;
  const { items, dropped, rowCount } = await readAll(list, () => readSftRow);
  return { examples: items, dropped, rowCount };
}
