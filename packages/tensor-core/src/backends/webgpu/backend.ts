// The webgpu device (interim).
import type { OpenDeviceOptions } from "../../device.ts";
import { DeviceError } from "../../errors.ts";
import type { Backend } from "../backend.ts";

export async function openWebGpuBackend(
  _options: OpenDeviceOptions & { readonly requireHardware?: boolean },
): Promise<Backend> {
  throw new DeviceError("webgpu", "Cannot open WebGPU: not built yet");
}
