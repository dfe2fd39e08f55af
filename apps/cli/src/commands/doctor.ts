// dual-head doctor: what this machine offers (devices, features, limits, memory, versions), or what a model would need of it.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import { type DeviceName, openDevice } from "@dual-head/tensor-core";
import { Command } from "commander";
import { formatBytes, type Io, toJson, UsageError } from "../io.ts";
import { type HeadsOption, headsOption } from "../options.ts";
import { examineModel, type Preflight } from "../preflight.ts";
import { addContextOption, addDeviceOptions, addIgnoreOption, type DeviceOptions, modelHelp } from "./shared.ts";

interface DoctorOptions extends DeviceOptions {
  readonly model?: string;
  readonly heads?: readonly HeadsOption[];
  readonly context?: number;
  readonly ignoreConfigKey?: readonly string[];
  readonly json?: boolean;
}

interface DeviceReport {
  readonly name: DeviceName;
  readonly available: boolean;
  readonly detail: string;
  readonly variant: string | null;
  readonly passedOver: readonly string[];
  readonly threads: number | null;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** The `doctor` command. */
export function doctorCommand(io: Io): Command {
  const command = new Command("doctor")
    .description(
      "devices, features, limits, memory and versions of this machine; with --model, what a model needs of it",
    )
    .option("--model <model>", `examined by its headers, no weight is loaded: ${modelHelp}`)
    .option("--heads <heads>", "heads to be used with the model; repeat for several", headsOption)
    .option("--json", "print one JSON object");
  addIgnoreOption(addContextOption(command, "as chat would choose"));
  return addDeviceOptions(command).action(async (options: DoctorOptions) => {
    if (options.model !== undefined) return examine({ ...options, model: options.model }, io);
    if (options.heads !== undefined) throw new UsageError("Cannot examine heads alone: name their model with --model");
    return doctor(options, io);
  });
}

/** What a model needs against what there is. */
async function examine(options: DoctorOptions & { readonly model: string }, io: Io): Promise<void> {
  using device = await openDevice(options.device, options.threads === undefined ? {} : { threads: options.threads });
  const heads = (options.heads ?? []).map(({ directory }) => directory);
  const found = await examineModel(options.model, heads, device, io, {
    context: options.context,
    ignoreConfigKeys: options.ignoreConfigKey,
  });
  io.out(options.json === true ? `${toJson(found)}\n` : describePreflight(found));
}

/** A preflight for people. */
function describePreflight({ model, device, memory, needs, ...found }: Preflight): string {
  const dtypes = Object.entries(model.storedDtypes)
    .sort(([, a], [, b]) => b - a)
    .map(([dtype, share]) => (share > 0.999 ? dtype : `${dtype} ${(100 * share).toFixed(1)} %`))
    .join(", ");
  const window = model.window === null ? "" : `, each token sees ${model.window}`;
  const room = memory.deviceBytes === null ? "" : `; ${device.name} holds at most ${formatBytes(memory.deviceBytes)}`;
  const gates = found.headCount === 0 ? "one gate of the default width" : `the gates of ${found.headCount} heads`;
  const rows = needs.map((need) =>
    [
      `  ${need.dtype.padEnd(5)}`,
      formatBytes(need.weightBytes).padStart(10),
      (need.headBytes === 0 ? "-" : formatBytes(need.headBytes)).padStart(10),
      `${need.contextTokens}`.padStart(10),
      formatBytes(need.cacheBytes).padStart(10),
      formatBytes(need.prefixBytes).padStart(10),
      formatBytes(need.totalBytes).padStart(10),
      `   ${need.fits ? "fits" : "does not fit"}`,
    ].join(""),
  );
  const fitting = needs.filter(({ fits }) => fits).map(({ dtype }) => dtype);
  const lines = [
    `${model.source}: ${model.architecture}, ${formatCount(model.parameters)} parameters, stored as ${dtypes}`,
    `  ${model.layerCount} layers of width ${model.hiddenSize}, ${model.headCount} heads, ${model.groupCount} of keys and values, vocabulary ${model.vocabSize}`,
    `  reads ${model.maxTokens} tokens${window}`,
    `device ${device.name}, ${device.description}: ${device.why}`,
    `memory ${formatBytes(memory.freeBytes)} free of ${formatBytes(memory.totalBytes)}${room}`,
    "",
    `  dtype${["weights", "heads", "context", "caches", "prefixes", "total"].map((name) => name.padStart(10)).join("")}`,
    ...rows,
    "",
    `caches of 1000 tokens: keys and values ${formatBytes(1000 * found.keyBytesPerToken)}, ${gates} ${formatBytes(1000 * found.historyBytesPerToken)}`,
    `while loading, one tensor besides, as stored and as floats: ${formatBytes(found.readingBytes)}`,
    fitting.length > 0
      ? `it fits as ${fitting.join(", ")}`
      : "it does not fit: free memory, or use a smaller model or another device",
  ];
  return `${lines.join("\n")}\n`;
}

/** `1234567` → `1.2M`. */
function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)}B`;
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)}M` : `${(count / 1e3).toFixed(1)}k`;
}

async function doctor(options: { json?: boolean }, io: Io): Promise<void> {
  const devices: DeviceReport[] = [];
  for (const name of ["webgpu", "cpu", "reference"] as const) devices.push(await examineDevice(name));
  const chosen = await openDevice("auto");
  const auto = { name: chosen.name, why: chosen.why };
  chosen.dispose();
  const memory = { totalBytes: os.totalmem(), freeBytes: os.freemem() };
  const versions = {
    node: process.version,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    processor: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: os.availableParallelism(),
    "dual-head": await versionOf("../../package.json"),
    webgpu: await versionOf("webgpu/package.json"),
  };
  if (options.json === true) {
    io.out(`${toJson({ auto, devices, memory, versions })}\n`);
    return;
  }
  const lines = [
    `auto takes ${auto.name}: ${auto.why}`,
    "",
    ...devices.flatMap(({ name, available, detail, variant, passedOver, threads, features, limits }) => [
      `${available ? "✓" : "✗"} ${name}: ${detail}`,
      ...(available
        ? [
            `    kernels ${variant}, threads ${threads}`,
            ...passedOver.map((reason) => `    not taken: ${reason}`),
            `    features ${features.join(", ") || "none"}`,
          ]
        : []),
      ...Object.entries(limits).map(
        ([limit, value]) => `    ${limit} ${/bytes|size/i.test(limit) ? formatBytes(value) : value}`,
      ),
    ]),
    "",
    `memory ${formatBytes(memory.freeBytes)} free of ${formatBytes(memory.totalBytes)}`,
    ...Object.entries(versions).map(([name, version]) => `${name} ${version ?? "not installed"}`),
  ];
  io.out(`${lines.join("\n")}\n`);
}

async function examineDevice(name: DeviceName): Promise<DeviceReport> {
  try {
    const device = await openDevice(name);
    const { description, variant, passedOver, threads, features, limits } = device.info;
    device.dispose();
    return { name, available: true, detail: description, variant, passedOver, threads, features, limits };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name, available: false, detail, variant: null, passedOver: [], threads: null, features: [], limits: {} };
  }
}

/** The version in a package.json, or null where the package is not installed. */
async function versionOf(path: string): Promise<string | null> {
  try {
    const resolved = path.startsWith(".")
      ? new URL(path, import.meta.url)
      : createRequire(import.meta.url).resolve(path);
    const { version } = JSON.parse(await readFile(resolved, "utf8")) as { version?: string };
    return version ?? null;
  } catch {
    return null;
  }
}
