// Partial files that only one process writes: each has its own, takes over those of the dead, and waits for the living.
// Nothing stale blocks for long, and a blob is made by one rename of a verified file. Knows no network.
import { createHash, randomBytes } from "node:crypto";
import { copyFile, readdir, rename, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { toFileError } from "@dual-head/bytes";
import { pause } from "./transport.ts";

/** A partial file of one's own. */
export interface Claim {
  readonly path: string;
  /** Gives the file up for whoever goes on with it. Harmless once it has been renamed or removed. */
  release(): Promise<void>;
}

/** How claims treat time. */
export interface ClaimOptions {
  readonly signal?: AbortSignal | undefined;
  /** Seconds after which a partial file that nobody touched has no owner, default 60: owners touch theirs every 10. */
  readonly abandonedSeconds?: number | undefined;
  /** Seconds between looks at the file of another process, default 0.3. */
  readonly pollSeconds?: number | undefined;
  /** Called once when another process is found at work on the same blob. */
  readonly onWait?: (() => void) | undefined;
}

const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
const namePattern = /^([0-9a-f]{40}|[0-9a-f]{64})\.(?:(free)|([0-9a-f]{8})-(\d+))-([0-9a-f]{12})\.partial$/;
/** Names of partial files that this process writes. */
const own = new Set<string>();

/**
 * Claims the partial file of a blob: one left by a dead process, to go on with, or a new one. Null where the blob is
 * there or has come to be while waiting.
 *
 * @param blobPath where the verified file will be; its folder must exist
 * @throws FileError where the folder is not writable
 */
export async function claimPartial(blobPath: string, options: ClaimOptions = {}): Promise<Claim | null> {
  const { signal, abandonedSeconds = 60, pollSeconds = 0.3 } = options;
  const name = `${basename(blobPath)}.${host}-${process.pid}-${randomBytes(6).toString("hex")}.partial`;
  const path = join(dirname(blobPath), name);
  try {
    for (let waited = false; ; ) {
      signal?.throwIfAborted();
      const outcome = await oneAtATime(`${blobPath}.claim`, async () => {
        const found = await findPartials(blobPath, abandonedSeconds);
        // Looked for after the partial files, lest one become the blob in between.
        if (await exists(blobPath)) return "done";
        if (found.some(({ owner }) => owner === "living")) return "taken";
        own.add(name);
        if (!(await takeOver(found, path))) await writeFile(path, "", { flag: "wx" });
        return "mine";
      });
      if (outcome === "done") return null;
      if (outcome === "mine") return holdClaim(path, name);
      if (outcome === "taken" && !waited) {
        options.onWait?.();
        waited = true;
      }
      await pause(outcome === "busy" ? 0.01 : pollSeconds, signal);
    }
  } catch (error) {
    own.delete(name);
    signal?.throwIfAborted();
    throw toFileError(path, "write", error);
  }
}

/** Seconds after which a gate was left by a process that died inside; what happens inside takes milliseconds. */
const gateSeconds = 10;

/**
 * Runs a short task while no other process runs one behind the same gate, or says that one does.
 *
 * Two that find the gate of a dead process at the same moment may both pass: they would both fetch the blob, each into
 * its own file, and the later rename replaces a file by an equal one.
 */
async function oneAtATime<Result>(gate: string, task: () => Promise<Result>): Promise<Result | "busy"> {
  try {
    await writeFile(gate, "", { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const stats = await stat(gate).catch(() => null);
    if (stats !== null && Date.now() - stats.mtimeMs > gateSeconds * 1000) await unlink(gate).catch(() => undefined);
    return "busy";
  }
  try {
    return await task();
  } finally {
    await unlink(gate).catch(() => undefined);
  }
}

function holdClaim(path: string, name: string): Claim {
  // Waits for a slow server must not look like death.
  const heartbeat = setInterval(() => {
    touch(path).catch(() => undefined);
  }, 10_000);
  heartbeat.unref();
  return {
    path,
    async release() {
      clearInterval(heartbeat);
      const free = path.replace(/\.[0-9a-f]{8}-\d+-([0-9a-f]{12})\.partial$/, ".free-$1.partial");
      await rename(path, free).catch(() => undefined);
      own.delete(name);
    },
  };
}

interface Partial {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** "gone": its process is dead or gave it up; "silent": perhaps alive, but not seen for long. */
  readonly owner: "living" | "gone" | "silent";
}

/** Partial files of a blob. */
async function findPartials(blobPath: string, abandonedSeconds: number): Promise<readonly Partial[]> {
  const folder = dirname(blobPath);
  const partials: Partial[] = [];
  for (const name of await readdir(folder)) {
    const match = namePattern.exec(name);
    if (match === null || match[1] !== basename(blobPath)) continue;
    const path = join(folder, name);
    const stats = await stat(path).catch(() => null);
    // Given up or finished between the listing and the look: it has another name now.
    if (stats === null) return findPartials(blobPath, abandonedSeconds);
    const silent = Date.now() - stats.mtimeMs > abandonedSeconds * 1000;
    const gone = match[2] === "free" || (match[3] === host && !isAlive(Number(match[4]), name));
    partials.push({ name, path, size: stats.size, owner: gone ? "gone" : silent ? "silent" : "living" });
  }
  return partials;
}

function isAlive(pid: number, name: string): boolean {
  if (pid === process.pid) return own.has(name);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Makes the largest left partial file one's own and removes the others; false where there is none to be had. */
async function takeOver(found: readonly Partial[], path: string): Promise<boolean> {
  const left = found.filter(({ owner }) => owner !== "living").sort((a, b) => b.size - a.size);
  let taken = false;
  for (const partial of left) {
    if (taken) {
      await unlink(partial.path).catch(() => undefined);
    } else if (partial.owner === "gone") {
      // Of several that try, one rename succeeds; touched before, lest the new owner look silent.
      taken = await touch(partial.path)
        .then(() => rename(partial.path, path))
        .then(
          () => true,
          () => false,
        );
    } else {
      // Should its process wake up, it writes to a file without a name and not to ours.
      taken = await copyFile(partial.path, path).then(
        () => true,
        () => false,
      );
      await unlink(partial.path).catch(() => undefined);
    }
  }
  return taken;
}

function touch(path: string): Promise<void> {
  const now = new Date();
  return utimes(path, now, now);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
