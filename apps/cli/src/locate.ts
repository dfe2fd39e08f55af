// Where a model, heads or a tokenizer lies: a path that exists, or a repository of the hub, cached or fetched.
// Knows nothing of what is in it.
import { findPathKind } from "@dual-head/bytes";
import {
  describeName,
  findSnapshot,
  type HubEvent,
  type HubSettings,
  loadHubSettings,
  openSnapshot,
  type Purpose,
  parseRepositoryName,
  pullSnapshot,
  type RepositoryName,
  type Snapshot,
} from "@dual-head/hub";
import { createProgress, formatBytes, formatDuration, type Io } from "./io.ts";

/**
 * The path of what was named: itself where it exists, else a snapshot of the repository of that name.
 *
 * Text that is neither comes back as it is, for the loader to say what it lacks.
 *
 * @throws HubError where it names a repository that is not cached and cannot be fetched
 */
export async function locate(text: string, purpose: Exclude<Purpose, "auto">, io: Io): Promise<string> {
  if ((await findPathKind(text)) !== "missing") return text;
  const name = parseRepositoryName(text);
  if (name === null) return text;
  const settings = await loadHubSettings(io.environment);
  const cached = await findSnapshot(name, { settings, purpose });
  const commit = (snapshot: Snapshot) => `commit ${snapshot.commit.slice(0, 8)}`;
  if (cached !== null) {
    io.note(`${text}: ${commit(cached)} from the cache\n`);
    return cached.path;
  }
  io.note(`${text}: no such path here; taken as a repository of ${new URL(settings.endpoint).host}\n`);
  const snapshot = await fetchSnapshot(name, settings, purpose, io, openSnapshot);
  io.note(`${text}: ${commit(snapshot)}\n`);
  return snapshot.path;
}

/** The path of what was named where it is on this machine, as it is or in the cache; null where it must be fetched first. */
export async function locateHere(
  text: string,
  purpose: Exclude<Purpose, "auto">,
  { environment }: Pick<Io, "environment">,
): Promise<string | null> {
  if ((await findPathKind(text)) !== "missing") return text;
  const name = parseRepositoryName(text);
  if (name === null) return null;
  return (await findSnapshot(name, { settings: await loadHubSettings(environment), purpose }))?.path ?? null;
}

/**
 * Fetches a repository with a line of progress; notes every wait and what it is for.
 *
 * @param open openSnapshot where what is cached will do when the hub is not there
 */
export async function fetchSnapshot(
  name: RepositoryName,
  settings: HubSettings,
  purpose: Purpose,
  io: Io,
  open: typeof pullSnapshot = pullSnapshot,
): Promise<Snapshot> {
  const progress = createProgress(io);
  const onEvent = (event: HubEvent): void => {
    const line = eventLine(event);
    if (event.kind === "progress") {
      progress.show(`${describeName(name)}: ${line}`);
    } else {
      progress.end();
      io.note(`${line}\n`);
    }
  };
  try {
    return await open(name, { settings, purpose, signal: io.signal, onEvent });
  } finally {
    progress.end();
  }
}

/** An event of a download in words. */
export function eventLine(event: HubEvent): string {
  switch (event.kind) {
    case "listed": {
      const { fileCount, totalBytes, cachedBytes } = event;
      const there = cachedBytes === 0 ? "" : `, ${formatBytes(cachedBytes)} of them cached`;
      return `${fileCount} file${fileCount === 1 ? "" : "s"}, ${formatBytes(totalBytes)}${there}`;
    }
    case "progress": {
      const { loadedBytes, totalBytes, bytesPerSecond, etaSeconds } = event;
      const rate = bytesPerSecond === null ? "" : `, ${formatBytes(bytesPerSecond)}/s`;
      const left = etaSeconds === null ? "" : `, ${formatDuration(etaSeconds)} left`;
      return `${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}${rate}${left}`;
    }
    case "retry":
      return `${event.reason}: trying again in ${event.delaySeconds.toFixed(0)} s`;
    case "waiting":
      return `waiting for another process that fetches ${event.path}`;
  }
}
