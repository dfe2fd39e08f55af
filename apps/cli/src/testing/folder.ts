// A temporary folder for a test.
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

/** A folder and how to remove it. */
export interface TemporaryFolder {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** Makes a folder; the caller removes it. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "dual-head-"));
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A folder that is removed after `body`. */
export async function inTemporaryFolder<Out>(body: (folder: string) => Promise<Out>): Promise<Out> {
  const folder = await temporaryFolder();
  try {
    return await body(folder.path);
  } finally {
    await folder.remove();
  }
}
