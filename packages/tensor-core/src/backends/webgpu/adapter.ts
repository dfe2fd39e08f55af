// Finding a GPUDevice: an injected one, the platform's, or Dawn's through the webgpu package; knows no tensor.
import { DeviceError } from "../../errors.ts";

/** A device, what stands behind it, and how to let go of it. */
export interface OpenedGpu {
  readonly device: GPUDevice;
  readonly description: string;
  /** Destroys what was opened here; an injected device is left alone. */
  close(): void;
}

/** Limits raised to what the adapter has: they decide which models fit. */
const raisedLimits = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
] as const;

const wantedFeatures: readonly GPUFeatureName[] = ["subgroups", "shader-f16", "timestamp-query"];

/** Opens a device; throws DeviceError where there is none, or only a software one and `requireHardware` is set. */
export async function openGpu(injected: GPUDevice | undefined, requireHardware: boolean): Promise<OpenedGpu> {
  if (injected !== undefined) {
    const description = describe(injected.adapterInfo ?? {});
    if (requireHardware && isSoftware(injected.adapterInfo ?? {})) throw softwareError(description);
    return { device: injected, description, close: () => {} };
  }
  const adapter = await requestAdapter(await findGpu());
  const description = describe(adapter.info ?? {});
  if (requireHardware && isSoftware(adapter.info ?? {}, adapter)) throw softwareError(description);
  const device = await requestDevice(adapter, description);
  return { device, description, close: () => device.destroy() };
}

// Dawn stops, and crashes on work in flight, once its GPU object is collected: one lives as long as the process.
let dawn: GPU | null = null;

async function findGpu(): Promise<GPU> {
  const platform = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (platform !== undefined) return platform;
  try {
    const { create } = await import("webgpu");
    dawn ??= create([]);
    return dawn;
  } catch (cause) {
    throw new DeviceError(
      "webgpu",
      "Cannot open WebGPU: there is no navigator.gpu and the package webgpu cannot be loaded; install it (npm install webgpu), or use the cpu device",
      { cause },
    );
  }
}

async function requestAdapter(gpu: GPU): Promise<GPUAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" }).catch((cause: unknown) => {
    throw adapterError({ cause });
  });
  if (adapter === null) throw adapterError();
  return adapter;
}

function adapterError(options?: ErrorOptions): DeviceError {
  return new DeviceError(
    "webgpu",
    "Cannot open WebGPU: no adapter was found; install a Vulkan, Metal or D3D12 driver (without a GPU: Mesa's lavapipe), or use the cpu device",
    options,
  );
}

async function requestDevice(adapter: GPUAdapter, description: string): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of raisedLimits) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures = wantedFeatures.filter((feature) => adapter.features.has(feature));
  try {
    return await adapter.requestDevice({ label: "dual-head", requiredLimits, requiredFeatures });
  } catch (cause) {
    throw new DeviceError(
      "webgpu",
      `Cannot open WebGPU: the adapter ${description} refuses a device; update its driver, or use the cpu device`,
      { cause },
    );
  }
}

function softwareError(description: string): DeviceError {
  return new DeviceError(
    "webgpu",
    `Cannot use WebGPU: the only adapter, ${description}, runs on the CPU; set allowSoftwareAdapter to use it, or use the cpu device`,
  );
}

/** One line for people. Older engines give no `info`. */
function describe(info: Partial<GPUAdapterInfo>): string {
  const parts = [info.vendor, info.architecture, info.device].filter((part) => part !== undefined && part !== "");
  return info.description || parts.join(" ") || "unnamed adapter";
}

/** True where the adapter says, or its name shows, that it computes on the CPU. */
export function isSoftware(info: Partial<GPUAdapterInfo>, adapter?: object): boolean {
  const declared =
    info.isFallbackAdapter ?? (adapter as { isFallbackAdapter?: boolean } | undefined)?.isFallbackAdapter;
  const names = [info.description, info.vendor, info.architecture, info.device].join(" ");
  return declared === true || /llvmpipe|lavapipe|swiftshader|softpipe|microsoft basic render/i.test(names);
}
