// The directory of a run: taken when it is new or holds the same run begun, with the seconds spent in it so far. Knows no
// suite and no figure.
import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { createDirectory, findPathKind, listDirectory, removePartialFiles, writeFileAtomic } from "@dual-head/bytes";
import { UsageError } from "../io.ts";
import { version } from "../version.ts";
import { keyOf } from "./arm.ts";
import type { EvalConfig } from "./config.ts";

/** What claims are made of. */
export interface ClaimOptions {
  readonly out: string;
  readonly config: EvalConfig;
  readonly suites: readonly string[];
  /** Variant of the device's kernels. */
  readonly kernels: string | null;
  /** Told what a run that goes on should know. */
  readonly onNote: (line: string) => void;
  /** The file that a finished run has. */
  readonly last: string;
}

const files = { config: "config.json", run: "run.json" } as const;

/** run.json */
interface Begun {
  /** The kernels it was begun with: others differ in the last bits, so that parts and answers would be made anew. */
  readonly kernels?: string | null;
  readonly config: string;
  readonly suites: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  /** Seconds of each part: a run that was stopped has several. */
  readonly seconds: readonly number[];
  /** What judges were paid in all parts, in the currency of their prices. */
  readonly cost?: number | null;
}

/** What a run keeps account of beyond its parts. */
export interface Ledger {
  /** Seconds spent in all parts of the run. */
  readonly secondsSoFar: () => number;
  /** What former parts paid to judges. */
  readonly costBefore: number;
  /** What all parts paid, or null where nothing has a price; told by whoever pays. */
  costSoFar: () => number | null;
}

/** The kernels that a run in this directory was begun with, or null where there is none or it does not say. */
export async function kernelsBegunWith(out: string): Promise<string | null> {
  return (await readBegun(`${out}/${files.run}`))?.kernels ?? null;
}

/** Milliseconds between two notes of the time, so that a run that is killed loses no more of it. */
const noteInterval = 15_000;

/**
 * Takes a directory for the time of `body`, which is given the run's ledger.
 *
 * @throws UsageError where the directory holds a finished run, another run, or other files
 */
export async function inRun<Out>(options: ClaimOptions, body: (ledger: Ledger) => Promise<Out>): Promise<Out> {
  const begun = await claim(options);
  const path = `${options.out}/${files.run}`;
  const started = performance.now();
  const own = () => (performance.now() - started) / 1000;
  const ledger: Ledger = {
    secondsSoFar: () => begun.seconds.reduce((sum, each) => sum + each, own()),
    costBefore: begun.cost ?? 0,
    costSoFar: () => begun.cost ?? null,
  };
  const note = () =>
    writeFileAtomic(path, textOf({ ...begun, seconds: [...begun.seconds, own()], cost: ledger.costSoFar() }));
  let noting: Promise<void> = Promise.resolve();
  // A note that fails is no reason to stop: the last one, which is waited for, says why.
  const timer = setInterval(() => {
    noting = noting.then(note).catch(() => {});
  }, noteInterval);
  timer.unref();
  try {
    return await body(ledger);
  } finally {
    clearInterval(timer);
    await noting;
    await note();
  }
}

async function claim({ out, config, suites, last, kernels, onNote }: ClaimOptions): Promise<Begun> {
  const key = keyOf(config);
  await createDirectory(out);
  if ((await findPathKind(`${out}/${last}`)) !== "missing") {
    throw new UsageError(
      `Cannot run in ${out}: it holds a finished run, which is never overwritten; give a new folder with --out`,
    );
  }
  for (const name of Object.values(files)) await removePartialFiles(`${out}/${name}`);
  const begun = await readBegun(`${out}/${files.run}`);
  if (begun === null) {
    const text = textOf(config);
    // A run that was killed at once has left its configuration and nothing else.
    const others = (await listDirectory(out)).filter((name) => name !== files.config);
    const isOwn = others.length === 0 && [null, text].includes(await readIfThere(`${out}/${files.config}`));
    if (!isOwn) throw new UsageError(`Cannot run in ${out}: it holds other files; give a new folder with --out`);
    const fresh: Begun = { config: key, suites, kernels, versions: versions(), seconds: [] };
    await writeFileAtomic(`${out}/${files.config}`, text);
    await writeFileAtomic(`${out}/${files.run}`, textOf(fresh));
    return fresh;
  }
  if (begun.config !== key || begun.suites.join() !== suites.join()) {
    throw new UsageError(
      `Cannot go on in ${out}: it holds a run of ${begun.suites.join(", ")} with ${begun.config === key ? "this" : "another"} configuration; give a new folder with --out`,
    );
  }
  if ((begun.kernels ?? kernels) !== kernels) {
    throw new UsageError(
      `Cannot go on in ${out}: it was begun with the kernels ${begun.kernels} and these are ${kernels}, whose figures differ in their last bits; go on where those run, or give a new folder with --out`,
    );
  }
  const former = begun.versions["dual-head"];
  if (former !== version)
    onNote(`${out} was begun by version ${former}; what it made is kept, the rest is made by ${version}`);
  return begun;
}

async function readBegun(path: string): Promise<Begun | null> {
  const text = await readIfThere(path);
  return text === null ? null : { seconds: [], ...JSON.parse(text) };
}

async function readIfThere(path: string): Promise<string | null> {
  return (await findPathKind(path)) === "missing" ? null : readFile(path, "utf8");
}

function textOf(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function versions(): Readonly<Record<string, string>> {
  return { node: process.version, platform: `${process.platform} ${process.arch}`, "dual-head": version };
}
