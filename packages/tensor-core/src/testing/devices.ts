// The devices a test run can open; a WebGPU adapter that is missing is a skip, or a failure under REQUIRE_WEBGPU=1.
import { afterAll } from "vitest";
import type { DeviceName } from "../backends/backend.ts";
import { type Device, openDevice } from "../device.ts";
import { DeviceError } from "../errors.ts";

/** Device names every law runs on; opened lazily by `sharedDevice`. */
export const testDeviceNames: readonly DeviceName[] = await listDevices();

async function listDevices(): Promise<readonly DeviceName[]> {
  if (process.env.REQUIRE_WEBGPU === "1") return ["reference", "cpu", "webgpu"];
  try {
    (await openDevice("webgpu")).dispose();
    return ["reference", "cpu", "webgpu"];
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    console.warn(`webgpu laws skipped: ${error.message}`);
    return ["reference", "cpu"];
  }
}

const opened = new Map<DeviceName, Promise<Device>>();

/** One device a name and test file; tests do not dispose it: it goes when the file has run. */
export function sharedDevice(name: DeviceName): Promise<Device> {
  let device = opened.get(name);
  if (device === undefined) {
    device = openDevice(name, { threads: 2 });
    opened.set(name, device);
  }
  return device;
}

// A process that ends with work in flight on a device is at the mercy of its driver.
afterAll(async () => {
  const devices = [...opened.values()];
  opened.clear();
  for (const device of await Promise.all(devices)) device.dispose();
});
