// The folders of the hub's cache, shared with all its clients: blobs by hash, refs to commits, snapshots of links.
// Knows no network.
import { copyFile, lstat, readdir, readFile, readlink, rename, stat, symlink, unlink } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { createDirectory, toFileError, writeFileAtomic } from "@dual-head/bytes";
import { isCommit, type RepositoryName } from "./repository-name.ts";

/** The places of one repository in the cache. */
export interface CachePlaces {
  readonly folder: string;
  readonly blobs: string;
  /** The folder of a commit's files. */
  snapshot(commit: string): string;
  /** The file that holds the commit of a branch, tag or reference. */
  ref(revision: string): string;
  /** A file of ours, which other clients do not know: the paths of all files that the repository has at a commit. */
  listing(commit: string): string;
}

/** Where a repository lies in a cache. */
export function cachePlaces(cacheFolder: string, repository: string): CachePlaces {
  const folder = join(cacheFolder, `models--${repository.replace("/", "--")}`);
  return {
    folder,
    blobs: join(folder, "blobs"),
    snapshot: (commit) => join(folder, "snapshots", commit),
    ref: (revision) => join(folder, "refs", ...revision.split("/")),
    listing: (commit) => join(folder, "listings", `${commit}.json`),
  };
}

/** The commit that a revision meant when it was fetched last, or null. */
export async function readRef(places: CachePlaces, { revision }: RepositoryName): Promise<string | null> {
  if (isCommit(revision)) return revision;
  const text = await readFile(places.ref(revision), "utf8").catch(() => null);
  const commit = text?.trim() ?? "";
  return isCommit(commit) ? commit : null;
}

/** Remembers the commit of a revision. */
export async function writeRef(places: CachePlaces, { revision }: RepositoryName, commit: string): Promise<void> {
  if (isCommit(revision)) return;
  const path = places.ref(revision);
  await createDirectory(dirname(path));
  await writeFileAtomic(path, commit);
}

/** Paths of all files of the repository at a commit, cached or not; null where no pull has noted them. */
export async function readListing(places: CachePlaces, commit: string): Promise<readonly string[] | null> {
  const text = await readFile(places.listing(commit), "utf8").catch(() => null);
  try {
    const paths: unknown = JSON.parse(text ?? "null");
    return Array.isArray(paths) && paths.every((path) => typeof path === "string") ? paths : null;
  } catch {
    return null;
  }
}

/** Notes the paths of all files of a commit, by which later uses know whether what they need is all there. */
export async function writeListing(places: CachePlaces, commit: string, paths: readonly string[]): Promise<void> {
  const path = places.listing(commit);
  await createDirectory(dirname(path));
  await writeFileAtomic(path, JSON.stringify([...paths].sort()));
}

/**
 * Puts a blob into a snapshot under its own name: by a relative link, or a copy where the disk takes no links.
 *
 * @param path with forward slashes, inside the snapshot
 */
export async function placeInSnapshot(blob: string, snapshot: string, path: string): Promise<void> {
  const target = join(snapshot, ...path.split("/"));
  const link = relative(dirname(target), blob);
  if ((await readlink(target).catch(() => null)) === link || (await isCopy(blob, target))) return;
  await createDirectory(dirname(target));
  // Made beside and renamed, so that another process never finds half a copy.
  const partial = `${target}.${process.pid}-${partialCount++}.partial`;
  try {
    await symlink(link, partial).catch(() => copyFile(blob, partial));
    await rename(partial, target);
  } catch (error) {
    await unlink(partial).catch(() => undefined);
    throw toFileError(target, "write", error);
  }
}

let partialCount = 0;

/** Whether a file of its own stands in for a link: of the blob's length and no older, since a blob never changes. */
async function isCopy(blob: string, target: string): Promise<boolean> {
  const [original, copy] = await Promise.all([blob, target].map((path) => lstat(path).catch(() => null)));
  if (original === null || copy === null || !copy!.isFile()) return false;
  return copy!.size === original!.size && copy!.mtimeMs >= original!.mtimeMs;
}

/** Paths of the files of a snapshot, with forward slashes; links that lead nowhere are left out. */
export async function listSnapshot(snapshot: string): Promise<readonly string[]> {
  const paths: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await visit(path);
      else if ((await stat(path).catch(() => null))?.isFile() === true) paths.push(relative(snapshot, path));
    }
  };
  await visit(snapshot);
  return paths.map((path) => path.replaceAll(sep, "/")).sort();
}

/** Whether there is anything of a repository. */
export async function isCached(places: CachePlaces): Promise<boolean> {
  return (await lstat(places.folder).catch(() => null))?.isDirectory() === true;
}
