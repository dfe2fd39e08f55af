// A temporary folder for a test.
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

/** A folder that is removed after `body`. */
export async function inTemporaryFolder<Out>(body: (folder: string) => Promise<Out>): Promise<Out> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "dual-head-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
