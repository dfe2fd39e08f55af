// A repository's needed files in the cache: fetched and verified, or found there. Where several processes do so at once,
// each blob is fetched by one of them. Knows no file's meaning beyond the index of shards.
import { readFile, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createDirectory, readText } from "@dual-head/bytes";
import {
  type CachePlaces,
  cachePlaces,
  isCached,
  listSnapshot,
  placeInSnapshot,
  readListing,
  readRef,
  writeListing,
  writeRef,
} from "./cache.ts";
import { chooseFiles, ggufParts, hasTokenizer, headsName, type Purpose, shardsOfIndex } from "./choose-files.ts";
import { downloadBlob } from "./download-blob.ts";
import { HubError } from "./hub-error.ts";
import { type ListedFile, listRepository } from "./listing.ts";
import { type HubEvent, ProgressMeter } from "./progress.ts";
import { describeName, type RepositoryName } from "./repository-name.ts";
import type { HubSettings } from "./settings.ts";
import { defaultRetry, type RetryPolicy, type Transport } from "./transport.ts";

/** Files of a repository at one commit, on disk. */
export interface Snapshot {
  readonly repository: string;
  readonly revision: string;
  readonly commit: string;
  /** The folder, with the files under their own names. */
  readonly folder: string;
  /** What was asked for: the folder, or the file that was named or is the whole model. */
  readonly path: string;
  /** Paths of the needed files inside the folder. */
  readonly files: readonly string[];
}

/** What finding a snapshot takes. */
export interface FindOptions {
  readonly settings: HubSettings;
  /** Default "auto". */
  readonly purpose?: Purpose | undefined;
}

/** What fetching one takes beside. */
export interface PullOptions extends FindOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: HubEvent) => void) | undefined;
  readonly fetch?: typeof fetch | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
  /** Files fetched at the same time, default 4. */
  readonly parallel?: number | undefined;
}

/**
 * Finds a repository in the cache, with all files that a pull for the purpose would fetch; null where one is missing.
 *
 * A branch or tag means the commit it meant when it was fetched last. Where another client filled the cache, nobody knows
 * what the repository has beside: then it is found only where settings say offline, and a model only with a tokenizer.
 */
export async function findSnapshot(
  name: RepositoryName,
  { settings, purpose = "auto" }: FindOptions,
): Promise<Snapshot | null> {
  const places = cachePlaces(settings.cacheFolder, name.repository);
  const commit = await readRef(places, name);
  if (commit === null) return null;
  const folder = places.snapshot(commit);
  const present = await listSnapshot(folder);
  const listed = await readListing(places, commit);
  if (listed === null && name.file === null && !settings.offline) return null;
  const readIndex = async (path: string) =>
    present.includes(path) ? readText(join(folder, ...path.split("/"))) : null;
  try {
    const files = await neededFiles(name, listed ?? present, purpose, readIndex);
    if (files === null || !files.every((path) => present.includes(path))) return null;
    const found = describe(name, places, commit, files);
    // A folder of weights without one is a part that somebody fetched.
    const needsTokenizer = purpose !== "heads" && purpose !== "adapter";
    const isPart = listed === null && needsTokenizer && found.path === folder && !hasTokenizer(files);
    return isPart && !files.includes(headsName) ? null : found;
  } catch (error) {
    if (error instanceof HubError && error.facts.fault === "no-files") return null;
    throw error;
  }
}

/**
 * Fetches what a purpose needs of a repository into the cache and answers with the snapshot; whatever is there already
 * is not fetched again. Lengths and hashes are checked, broken downloads go on where they broke.
 *
 * @throws HubError where the hub refuses, fails or lies, the disk has no room, or settings say offline
 * @throws FileError where the cache is not writable
 */
export async function pullSnapshot(name: RepositoryName, options: PullOptions): Promise<Snapshot> {
  const { settings, purpose = "auto", signal, onEvent = () => {} } = options;
  if (settings.offline) throw await offlineError(name, settings);
  const stop = new AbortController();
  const both = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]);
  const transport = createTransport(name, { ...options, signal: both });
  signal?.throwIfAborted();
  const listing = await listRepository(transport);
  const byPath = new Map(listing.files.map((file) => [file.path, file]));
  const places = cachePlaces(settings.cacheFolder, name.repository);
  await createDirectory(places.blobs);
  await writeListing(places, listing.commit, [...byPath.keys()]);
  const fetchFile = async (file: ListedFile, meter: ProgressMeter | null): Promise<string> => {
    const blob = join(places.blobs, file.oid);
    await downloadBlob(transport, fileUrl(settings, name, listing.commit, file.path), file, blob, {
      onBytes: (onDisk, fresh) => meter?.add(file.oid, file.path, onDisk, fresh),
      onWait: () => onEvent({ kind: "waiting", path: file.path }),
    });
    return blob;
  };
  const readIndex = async (path: string) => readFile(await fetchFile(byPath.get(path)!, null), "utf8");
  const paths = (await neededFiles(name, [...byPath.keys()], purpose, readIndex))!;
  const missing = paths.find((path) => !byPath.has(path));
  if (missing !== undefined) {
    throw new HubError(
      `Cannot fetch ${describeName(name)}: it has no file ${missing}, which ${missingWhy(name, missing)}; name another file or revision`,
      { fault: "not-found", repository: describeName(name), path: missing },
    );
  }
  const files = paths.map((path) => byPath.get(path)!);
  const blobs = [...new Map(files.map((file) => [file.oid, file])).values()];
  const totalBytes = blobs.reduce((sum, { size }) => sum + size, 0);
  const cachedBytes = await bytesPresent(places, blobs);
  onEvent({ kind: "listed", commit: listing.commit, fileCount: files.length, totalBytes, cachedBytes });
  await checkRoom(name, places, totalBytes - cachedBytes);
  const meter = new ProgressMeter(totalBytes, onEvent);
  await inParallel(blobs, options.parallel ?? 4, (file) => fetchFile(file, meter), stop);
  const folder = places.snapshot(listing.commit);
  for (const file of files) await placeInSnapshot(join(places.blobs, file.oid), folder, file.path);
  await writeRef(places, name, listing.commit);
  return describe(name, places, listing.commit, paths);
}

function missingWhy({ file }: RepositoryName, path: string): string {
  if (file === path) return "was asked for";
  return /\.gguf$/i.test(path) ? "is a part of the model" : "its index names";
}

/** What requests for a repository share. */
export function createTransport(
  name: RepositoryName,
  options: Pick<PullOptions, "settings" | "signal" | "fetch" | "retry" | "onEvent">,
): Transport {
  return {
    settings: options.settings,
    repository: name,
    fetch: options.fetch ?? fetch,
    retry: { ...defaultRetry, ...options.retry },
    signal: options.signal,
    onRetry: (reason, delaySeconds, path) => options.onEvent?.({ kind: "retry", path, reason, delaySeconds }),
  };
}

/** Where the bytes of a file are. */
export function fileUrl(settings: HubSettings, name: RepositoryName, commit: string, path: string): string {
  const escaped = path.split("/").map(encodeURIComponent).join("/");
  return `${settings.endpoint}/${name.repository}/resolve/${commit}/${escaped}`;
}

/**
 * The snapshot from the cache where it is whole there, else fetched. Where the hub cannot be reached, what offline use
 * would find.
 *
 * @throws HubError where it is not cached and settings say offline, or as {@link pullSnapshot}
 */
export async function openSnapshot(name: RepositoryName, options: PullOptions): Promise<Snapshot> {
  const found = await findSnapshot(name, options);
  if (found !== null) return found;
  try {
    return await pullSnapshot(name, options);
  } catch (error) {
    if (!(error instanceof HubError && error.facts.fault === "unavailable")) throw error;
    const cached = await findSnapshot(name, { ...options, settings: { ...options.settings, offline: true } });
    if (cached === null) throw error;
    return cached;
  }
}

function describe(name: RepositoryName, places: CachePlaces, commit: string, files: readonly string[]): Snapshot {
  const { repository, revision } = name;
  const folder = places.snapshot(commit);
  // A GGUF file, or the first part of one, is the whole model.
  const file = name.file ?? (files.every((path) => /\.gguf$/i.test(path)) ? files[0]! : null);
  return {
    repository,
    revision,
    commit,
    folder,
    path: file === null ? folder : join(folder, ...file.split("/")),
    files,
  };
}

/** Paths of the files a purpose needs; shards only as the index names them, and null where that is not there. */
async function neededFiles(
  name: RepositoryName,
  paths: readonly string[],
  purpose: Purpose,
  readIndex: (path: string) => Promise<string | null>,
): Promise<readonly string[] | null> {
  if (name.file !== null) return ggufParts(name.file) ?? [name.file];
  const choice = chooseFiles(paths, purpose, describeName(name));
  if (choice.index === null) return [...choice.paths].sort();
  const index = await readIndex(choice.index);
  if (index === null) return null;
  const shards = shardsOfIndex(index, `${choice.index} of ${describeName(name)}`);
  return [...choice.paths, ...shards].sort();
}

async function bytesPresent(places: CachePlaces, files: readonly ListedFile[]): Promise<number> {
  let sum = 0;
  for (const { oid, size } of files) {
    const stats = await stat(join(places.blobs, oid)).catch(() => null);
    if (stats?.size === size) sum += size;
  }
  return sum;
}

/** Throws before a download that the disk cannot hold; a file system that does not say its room is let pass. */
async function checkRoom(name: RepositoryName, places: CachePlaces, bytes: number): Promise<void> {
  const room = await statfs(places.blobs).catch(() => null);
  if (room === null || room.bavail * room.bsize >= bytes) return;
  const gigabytes = (value: number) => `${(value / 1e9).toFixed(1)} GB`;
  const free = room.bavail * room.bsize;
  throw new HubError(
    `Cannot fetch ${describeName(name)}: it needs ${gigabytes(bytes)} but ${dirname(places.folder)} has ${gigabytes(free)} free; free space, or set HF_HOME to a larger disk`,
    { fault: "no-room", repository: describeName(name), expected: `${bytes} bytes`, actual: `${free} bytes` },
  );
}

/** Runs a task for each item, several at once; a failure stops the others and is thrown once they have ended. */
async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  task: (item: Item) => Promise<unknown>,
  stop: AbortController,
): Promise<void> {
  const queue = [...items];
  const work = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined && !stop.signal.aborted; item = queue.shift()) {
      await task(item).catch((error: unknown) => stop.abort(error));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(width, items.length)) }, work));
  stop.signal.throwIfAborted();
}

async function offlineError(name: RepositoryName, settings: HubSettings): Promise<HubError> {
  const repository = describeName(name);
  const places = cachePlaces(settings.cacheFolder, name.repository);
  const found = (await isCached(places)) ? "only a part of it or another revision is" : "it is not";
  return new HubError(
    `Cannot use ${repository} offline: ${found} in the cache ${settings.cacheFolder}; run "dual-head pull ${repository}" without HF_HUB_OFFLINE, or name a folder`,
    { fault: "offline", repository, expected: "a cached snapshot", actual: found },
  );
}
