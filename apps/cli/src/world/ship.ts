// Gathers what was trained into a folder of weights: model and heads folders, a card each, and the list of hashes.
// Knows no training.
import { copyFile, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { createDirectory, readText, writeFileAtomic } from "@dual-head/bytes";
import { hashOf, manifestName } from "@dual-head/mini-world";

/** A trained folder to ship. */
export interface Shipment {
  /** Where it lies, and which of its files are shipped. */
  readonly from: string;
  readonly files: readonly string[];
  /** Where it goes in the folder of weights: `backbones/m`. */
  readonly to: string;
  /** What the card says of its making; null where the folder has a card of its own. */
  readonly card: CardFacts | null;
}

/** What a card says. */
export interface CardFacts {
  readonly title: string;
  readonly command: string;
  readonly commit: string;
  readonly seed: number;
  /** The run's metrics.jsonl. */
  readonly metrics: string;
  readonly figures: Readonly<Record<string, string>>;
}

/** Copies, writes cards, and writes the hashes of every file that the folder of weights then holds. */
export async function ship(shipments: readonly Shipment[], weights: string): Promise<void> {
  for (const { from, files, to, card } of shipments) {
    const folder = `${weights}/${to}`;
    await createDirectory(folder);
    for (const file of files) await copyFile(`${from}/${file}`, `${folder}/${file}`);
    if (card !== null) await writeFileAtomic(`${folder}/card.md`, await cardOf(card, folder, files));
  }
  const hashes: Record<string, string> = {};
  for (const path of (await filesBelow(weights)).sort()) hashes[path] = await hashOf(`${weights}/${path}`);
  await writeFileAtomic(`${weights}/${manifestName}`, `${JSON.stringify(hashes, null, 2)}\n`);
}

async function filesBelow(weights: string): Promise<string[]> {
  const entries = await readdir(weights, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== manifestName)
    .map((entry) => relative(weights, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

/** Points of the loss curve that a card shows. */
const curvePoints = 24;

async function cardOf(facts: CardFacts, folder: string, files: readonly string[]): Promise<string> {
  const { title, command, commit, seed, metrics, figures } = facts;
  const hashes = await Promise.all(files.map(async (file) => [file, await hashOf(`${folder}/${file}`)] as const));
  return [
    `# ${title}`,
    "",
    `- Made by \`${command}\`, seed ${seed}, commit ${commit}`,
    ...Object.entries(figures).map(([name, value]) => `- ${name}: ${value}`),
    ...hashes.map(([file, hash]) => `- sha256 of ${file}: \`${hash}\``),
    "",
    "| tokens | nats a token |",
    "| --- | --- |",
    ...(await lossCurve(metrics)).map(({ tokens, loss }) => `| ${tokens} | ${loss.toFixed(4)} |`),
    "",
  ].join("\n");
}

/** Mean losses of equal parts of a run, by the tokens seen at their ends. */
async function lossCurve(path: string): Promise<readonly { readonly tokens: number; readonly loss: number }[]> {
  const lines = (await readText(path)).trim().split("\n");
  const steps = lines.map((line) => JSON.parse(line) as { readonly loss: number; readonly tokenCount: number });
  const size = Math.max(1, Math.ceil(steps.length / curvePoints));
  let tokens = 0;
  const points: { readonly tokens: number; readonly loss: number }[] = [];
  for (let at = 0; at < steps.length; at += size) {
    const part = steps.slice(at, at + size);
    tokens += part.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    points.push({ tokens, loss: part.reduce((sum, { loss }) => sum + loss, 0) / part.length });
  }
  return points;
}
