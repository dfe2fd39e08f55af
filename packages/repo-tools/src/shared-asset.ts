// Finds the repository's root and the test assets beside it.
// It does not know what the assets are: a test that needs one skips itself when the answer is null.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The absolute path of the nearest folder at or above `from` that holds `turbo.json`.
 *
 * @param from a folder inside the repository; by default the one this file lies in
 * @throws Error when no folder above holds `turbo.json`
 */
export function findRepositoryRoot(from: string = dirname(fileURLToPath(import.meta.url))): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "turbo.json"))) return folder;
    if (dirname(folder) === folder) {
      throw new Error(`Cannot find the repository's root: no folder at or above ${from} holds turbo.json`);
    }
  }
}

/**
 * The absolute path of a test asset in the `shared` folder beside the repository, or null where it is absent.
 *
 * @param relative the asset's path inside `shared`, with forward slashes
 * @example const folder = sharedAsset("models/stories260K/hf"); describe.skipIf(folder === null)("…", () => {});
 */
export function sharedAsset(relative: string): string | null {
  const path = join(findRepositoryRoot(), "..", "shared", relative);
  return existsSync(path) ? path : null;
}
