// Folders and the kinds of paths on the local disk. It does not know which files belong together.
import { toFileError } from "./file-error.ts";

/** What a path leads to; links are followed. */
export type PathKind = "file" | "directory" | "other" | "missing";

/**
 * Says what a path leads to, without throwing where nothing is there.
 *
 * @throws FileError where the disk refuses the question, for example for want of permission
 */
export async function findPathKind(path: string): Promise<PathKind> {
  const { stat } = await import("node:fs/promises");
  try {
    const stats = await stat(path);
    return stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other";
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return "missing";
    throw toFileError(path, "open", error);
  }
}

/**
 * Lists the names of what lies in a folder, sorted by code unit.
 *
 * @throws FileError where the folder does not exist or cannot be read
 */
export async function listDirectory(path: string): Promise<readonly string[]> {
  const { readdir } = await import("node:fs/promises");
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    throw toFileError(path, "open", error);
  }
}

/**
 * Creates a folder and those above it; one that exists is left as it is.
 *
 * @throws FileError where it cannot be created
 */
export async function createDirectory(path: string): Promise<void> {
  const [{ mkdir }, { dirname }] = await Promise.all([import("node:fs/promises"), import("node:path")]);
  const create = async (folder: string): Promise<void> => {
    try {
      await mkdir(folder);
    } catch (error) {
      const parent = dirname(folder);
      const { code } = error as { code?: unknown };
      // Node's own recursive form never ends where a folder that exists answers that it does not, as /proc does.
      if (code === "ENOENT" && parent !== folder) {
        // Where another writer has made the parent meanwhile, the second attempt decides.
        if ((await findPathKind(parent)) === "missing") await create(parent);
        await mkdir(folder).catch(ignoreExisting);
      } else if ((await findPathKind(folder)) !== "directory") throw error;
    }
  };
  try {
    await create(path);
  } catch (error) {
    throw toFileError(path, "create", error);
  }
}

/** Another writer may have made the same folder meanwhile. */
function ignoreExisting(error: unknown): void {
  if ((error as { code?: unknown }).code !== "EEXIST") throw error;
}
