// dual-head doctor: what this machine offers: devices, features, limits, threads, kernel variants, memory, versions.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import { type DeviceName, openDevice } from "@dual-head/tensor-core";
import { Command } from "commander";
import { formatBytes, type Io, toJson } from "../io.ts";

interface DeviceReport {
  readonly name: DeviceName;
  readonly available: boolean;
  readonly detail: string;
  readonly variant: string | null;
  readonly threads: number | null;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** The `doctor` command. */
export function doctorCommand(io: Io): Command {
  return new Command("doctor")
    .description("devices, features, limits, threads, kernel variants, memory and versions of this machine")
    .option("--json", "print one JSON object")
    .action(async (options: { json?: boolean }) => doctor(options, io));
}

async function doctor(options: { json?: boolean }, io: Io): Promise<void> {
  const devices: DeviceReport[] = [];
  for (const name of ["webgpu", "cpu", "reference"] as const) devices.push(await examine(name));
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
    ...devices.flatMap(({ name, available, detail, variant, threads, features, limits }) => [
      `${available ? "✓" : "✗"} ${name}: ${detail}`,
      ...(available
        ? [`    kernels ${variant}, threads ${threads}`, `    features ${features.join(", ") || "none"}`]
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

async function examine(name: DeviceName): Promise<DeviceReport> {
  try {
    const device = await openDevice(name);
    const { description, variant, threads, features, limits } = device.info;
    device.dispose();
    return { name, available: true, detail: description, variant, threads, features, limits };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name, available: false, detail, variant: null, threads: null, features: [], limits: {} };
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
