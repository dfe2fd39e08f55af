// Instances of compiled kernels over a memory. Knows no kernel by name.

/** An exported kernel: numbers in, nothing out; the last two are the units it owns. */
export type Kernel = (...args: number[]) => void;

/** The exports of an instance, by name. */
export type KernelExports = Readonly<Record<string, Kernel>>;

/** Instance of a module over a memory, with its thread's own scratch. */
export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  threadScratch: number,
): KernelExports {
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports;
  kernels.setThreadScratch!(threadScratch);
  return kernels;
}
