// The weights that come with this package: where they are, and that they are what they were. Knows no device.
import { fileURLToPath } from "node:url";
import { type JsonValue, openFile, readJson, sha256 } from "@dual-head/bytes";
import type { RewardName } from "../oracle/oracle.ts";
import type { BackboneName } from "./recipes.ts";

/** The name of the list of hashes in a folder of weights. */
export const manifestName = "sha256.json";

/** Shipped weights that are missing or not what they were; carries the file and both hashes. */
export class WeightsError extends Error {
  override readonly name: string = "WeightsError";
  readonly path: string;
  readonly expected: string | null;
  readonly actual: string | null;

  constructor(path: string, expected: string | null, actual: string | null, reason: string) {
    super(
      `Cannot use the weights ${path}: ${reason}; install the package again, or make them with dual-head world make`,
    );
    this.path = path;
    this.expected = expected;
    this.actual = actual;
  }
}

/** The folder all weights are shipped in. */
export function shippedWeights(): string {
  return fileURLToPath(new URL("../../weights", import.meta.url));
}

/**
 * The folder of a shipped backbone, an ordinary Hugging Face folder, every file of it compared with its hash.
 *
 * @throws WeightsError where a file is missing or altered
 */
export function shippedBackbone(name: BackboneName, weights: string = shippedWeights()): Promise<string> {
  return checkFolder(weights, `backbones/${name}`);
}

/**
 * The folder of shipped heads of a backbone, as `dual-head train` writes it, every file compared with its hash.
 *
 * @throws WeightsError where a file is missing or altered
 */
export function shippedHeads(
  name: BackboneName,
  reward: RewardName,
  weights: string = shippedWeights(),
): Promise<string> {
  return checkFolder(weights, `heads/${name}-${reward}`);
}

async function checkFolder(weights: string, folder: string): Promise<string> {
  const hashes = await readManifest(`${weights}/${manifestName}`);
  const own = Object.entries(hashes).filter(([path]) => path.startsWith(`${folder}/`));
  if (own.length === 0)
    throw new WeightsError(`${weights}/${folder}`, null, null, `${manifestName} lists no file of it`);
  for (const [path, expected] of own) {
    const actual = await hashOf(`${weights}/${path}`, expected);
    if (actual === expected) continue;
    throw new WeightsError(`${weights}/${path}`, expected, actual, `its sha256 is ${actual} and must be ${expected}`);
  }
  return `${weights}/${folder}`;
}

async function readManifest(path: string): Promise<Readonly<Record<string, string>>> {
  let json: JsonValue;
  try {
    json = await readJson(path);
  } catch (error) {
    throw new WeightsError(path, null, null, error instanceof Error ? error.message : String(error));
  }
  const isTable = typeof json === "object" && json !== null && !Array.isArray(json);
  if (!isTable || !Object.values(json as object).every((hash) => typeof hash === "string")) {
    throw new WeightsError(path, null, null, "it must be an object of hashes by path");
  }
  return json as Readonly<Record<string, string>>;
}

/** The hash of a file; a file that cannot be read is as wrong as one with other bytes. */
export async function hashOf(path: string, expected: string | null = null): Promise<string> {
  let source: Awaited<ReturnType<typeof openFile>>;
  try {
    source = await openFile(path);
  } catch {
    throw new WeightsError(path, expected, null, "it is missing");
  }
  try {
    return await sha256(source);
  } finally {
    await source.close();
  }
}
