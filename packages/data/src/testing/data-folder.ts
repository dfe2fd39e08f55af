// A temporary folder for the data files a test writes, and the forms it writes them in.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";

/** Makes a folder before the tests of a file and removes it after; the result writes a file there and gives its path. */
export function createDataFolder(): (name: string, content: string | Uint8Array) => Promise<string> {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "dual-head-data-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return async (name, content) => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };
}

/** Rows as JSONL. */
export function toJsonl(rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** Records as CSV: a field is quoted where it must be. */
export function toCsv(records: readonly (readonly string[])[]): string {
  const quote = (field: string): string =>
    field === "" || /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
  return records.map((record) => `${record.map(quote).join(",")}\r\n`).join("");
}
