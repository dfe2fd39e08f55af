// The cpu device (interim): oracle loops.
import type { OpenDeviceOptions } from "../../device.ts";
import type { Backend } from "../backend.ts";
import { createReferenceBackend } from "../reference.ts";

export async function createCpuBackend(_options: OpenDeviceOptions): Promise<Backend> {
  return { ...createReferenceBackend(), name: "cpu", floatDtype: "f32" } as Backend;
}
