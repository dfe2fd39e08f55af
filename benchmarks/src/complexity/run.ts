// The command \`npm run complexity\`: measures the sweeps, or reads them, and writes the report's folder.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createDirectory, writeFileAtomic } from "@dual-head/bytes";
import { type DeviceName, openDevice } from "@dual-head/tensor-core";
import { measureSweeps } from "./measure-sweeps.ts";
import { type Measurement, reportFiles } from "./report.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Options of the command. */
export interface ComplexityOptions {
  readonly device: "auto" | DeviceName;
  readonly quick: boolean;
  readonly out: string;
  /** A rows.json to draw instead of measuring. */
  readonly from?: string | undefined;
}

/** Measures or reads, and writes every file of the report; returns their names. */
export async function writeComplexity(
  options: ComplexityOptions,
  note: (text: string) => void,
): Promise<readonly string[]> {
  const measurement =
    options.from === undefined
      ? await measureAll(options, note)
      : (JSON.parse(readFileSync(options.from, "utf8")) as Measurement);
  const files = reportFiles(measurement);
  await createDirectory(options.out);
  for (const [name, text] of files) await writeFileAtomic(resolve(options.out, name), text);
  return [...files.keys()];
}

async function measureAll(options: ComplexityOptions, note: (text: string) => void): Promise<Measurement> {
  const device = await openDevice(options.device);
  try {
    const machine = `${cpus()[0]?.model.trim() ?? "unknown"}, ${device.info.description}, Node ${process.versions.node}`;
    return { machine, sweeps: await measureSweeps(device, options.quick, note) };
  } finally {
    device.dispose();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      device: { type: "string", default: "cpu" },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      from: { type: "string" },
    },
  });
  const fromCaller = (path: string) => resolve(process.env.INIT_CWD ?? process.cwd(), path);
  const options: ComplexityOptions = {
    device: values.device as ComplexityOptions["device"],
    quick: values.quick,
    out: values.out === undefined ? resolve(root, "docs/complexity") : fromCaller(values.out),
    from: values.from === undefined ? undefined : fromCaller(values.from),
  };
  const names = await writeComplexity(options, (text) => console.error(text));
  console.log(`wrote ${names.join(", ")} to ${options.out}`);
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === resolve(process.argv[1])) {
  main().catch((error: unknown) => {
    console.error(`complexity: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
