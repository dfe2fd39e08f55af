// The command `npm run complexity`: measures the sweeps, or reads them, and writes the report's folder.
import { readFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
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
  readonly threads?: number | undefined;
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
  const device = await openDevice(options.device, options.threads === undefined ? {} : { threads: options.threads });
  try {
    const machine = `${cpus()[0]?.model.trim() ?? "unknown"}, ${device.info.description}, Node ${process.versions.node}`;
    return { machine, sweeps: await measureSweeps(device, options.quick, note) };
  } finally {
    device.dispose();
  }
}

const deviceNames = ["auto", "cpu", "webgpu", "reference"] as const;
const help = `usage: npm run complexity -- [options]

  --device NAME    ${deviceNames.join(", ")}; default cpu
  --threads COUNT  threads of the cpu device
  --out DIR        where to write; default docs/complexity, with --quick a folder for temporary files
  --from FILE      draws a rows.json anew instead of measuring
  --quick          tiny extents and two rounds: shows that it runs, its numbers mean nothing
  --help           prints this
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      device: { type: "string", default: "cpu" },
      threads: { type: "string" },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      from: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const device = deviceNames.find((name) => name === values.device);
  if (device === undefined) {
    throw new RangeError(`Cannot use device ${JSON.stringify(values.device)}: choose from ${deviceNames.join(", ")}`);
  }
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new RangeError(`Cannot use ${values.threads} threads: give an integer of at least 1`);
  }
  const fromCaller = (path: string) => resolve(process.env.INIT_CWD ?? process.cwd(), path);
  // Numbers that mean nothing must not replace those of a real run.
  const usual = values.quick ? resolve(tmpdir(), "dual-head-complexity") : resolve(root, "docs/complexity");
  const out = values.out === undefined ? usual : fromCaller(values.out);
  const from = values.from === undefined ? undefined : fromCaller(values.from);
  const names = await writeComplexity({ device, threads, quick: values.quick, out, from }, (text) =>
    console.error(text),
  );
  console.log(`wrote ${names.join(", ")} to ${out}`);
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === resolve(process.argv[1])) {
  main().catch((error: unknown) => {
    console.error(`complexity: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
