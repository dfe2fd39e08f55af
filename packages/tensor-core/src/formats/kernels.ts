// Names of the WebAssembly kernels that convert whole rows of each packed format. Knows no device.
import type { PackedDtype } from "./format.ts";

/**
 * `pack`: (float rows, row count, columns, to, refused), units are panels; writes 1 to `refused` where the format cannot
 * hold a value. `unpack`: (weight, to, columns, first row, index or 0), units are rows.
 */
export const conversionKernels: Readonly<Record<PackedDtype, { readonly pack: string; readonly unpack: string }>> = {
  bf16: { pack: "packBf16", unpack: "unpackBf16" },
  f16: { pack: "packF16", unpack: "unpackF16" },
  q8: { pack: "packQ8", unpack: "unpackQ8" },
  q4: { pack: "packQ4", unpack: "unpackQ4" },
};
