// The command: options in, a table on stdout, rows as JSON in a file. Knows no benchmark.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeFileAtomic } from "@dual-head/bytes";
import type { DeviceName } from "@dual-head/tensor-core";
import { formatNumber, formatTable, type Row } from "./row.ts";
import { benchmarks, runSuite } from "./suite.ts";

const help = `usage: npm run bench -- [NAME…] [options]

benchmarks (all by default)
${benchmarks.map(({ name, description }) => `  ${name.padEnd(14)} ${description}`).join("\n")}

options
  --device NAME    auto (default), cpu, webgpu or reference; may be repeated
  --threads COUNT  threads of the cpu device
  --filter TEXT    only shapes that contain TEXT
  --model DIR      a LLaMA folder for decode; may be repeated. Default: stories260K beside the checkout, if it is there
  --quick          tiny extents and two rounds: shows that everything runs, its numbers mean nothing
  --json FILE      writes the rows as a JSON array
  --help           prints this
`;

const deviceNames = ["auto", "cpu", "webgpu", "reference"] as const;
const root = fileURLToPath(new URL("../../", import.meta.url));
const defaultModel = resolve(root, "../shared/models/stories260K/hf");

/** A command line that cannot be followed. */
class UsageError extends Error {}

/** Paths are meant from where the command was typed; npm changes the folder before it starts a script. */
function fromCaller(path: string): string {
  return resolve(process.env.INIT_CWD ?? process.cwd(), path);
}

function checkDevice(name: string): "auto" | DeviceName {
  const known = deviceNames.find((each) => each === name);
  if (known === undefined) {
    throw new UsageError(`Cannot use device ${JSON.stringify(name)}: choose from ${deviceNames.join(", ")}`);
  }
  return known;
}

function checkThreads(text: string): number {
  const threads = Number(text);
  if (!(Number.isInteger(threads) && threads >= 1)) {
    throw new UsageError(`Cannot use ${JSON.stringify(text)} threads: give an integer of at least 1`);
  }
  return threads;
}

/** The commit of the checkout, marked -dirty where files differ from it; null where git does not know. */
function commitOf(folder: string): string | null {
  try {
    const text = execFileSync("git", ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return text.trim();
  } catch {
    return null;
  }
}

function runtimeOf(): string {
  const { bun, deno, node } = process.versions as Readonly<Record<string, string | undefined>>;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? `Node ${node}` : `Deno ${deno}`;
}

function parseCommand(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        device: { type: "string", multiple: true, default: ["auto"] },
        threads: { type: "string" },
        filter: { type: "string", default: "" },
        model: { type: "string", multiple: true },
        quick: { type: "boolean", default: false },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    if (error instanceof TypeError)
      throw new UsageError(`Cannot read the command: ${error.message.split(". ")[0]}; --help lists the options`);
    throw error;
  }
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseCommand(args);
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const note = (text: string) => process.stderr.write(`${text}\n`);
  const modelFolders = (values.model ?? [defaultModel]).map(fromCaller).filter((folder) => {
    if (values.model !== undefined || existsSync(folder)) return true;
    note("stories260K is not beside the checkout: decode measures random weights only, or give --model DIR");
    return false;
  });
  const rows: Row[] = [];
  try {
    const options = {
      names: positionals,
      devices: values.device.map(checkDevice),
      deviceOptions: values.threads === undefined ? {} : { threads: checkThreads(values.threads) },
      filter: values.filter,
      quick: values.quick,
      modelFolders,
      runtime: runtimeOf(),
      commit: commitOf(root),
    };
    for await (const row of runSuite(options, note)) {
      note(`  ${row.shape}  ${row.variant}  ${formatNumber(row.value)} ${row.unit}`);
      rows.push(row);
    }
  } finally {
    // What was measured before a failure is kept.
    process.stdout.write(rows.length === 0 ? "" : `${formatTable(rows)}\n`);
    if (values.json !== undefined) await writeFileAtomic(fromCaller(values.json), `${JSON.stringify(rows, null, 2)}\n`);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
