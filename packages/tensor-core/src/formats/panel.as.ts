// Storing the eight sums of a panel; AssemblyScript. Knows no format.
import { loadPartial, storePartial } from "../backends/cpu/prelude.as";

/** C[row, 8·panel …] (+)= the sums of a panel; columns that do not exist are left out. */
@inline
export function storePanel(
  c: usize, rowStride: usize, row: i32, panel: i32, columnCount: i32, low: v128, high: v128, accumulate: bool,
): void {
  const at = c + ((<usize>row * rowStride + (<usize>panel << 3)) << 2);
  const left = columnCount - (panel << 3);
  if (left >= 8) {
    if (accumulate) {
      low = f32x4.add(v128.load(at), low);
      high = f32x4.add(v128.load(at, 16), high);
    }
    // Neighbouring stores of like sums are what engines that join vectors begin from.
    v128.store(at, low);
    v128.store(at, high, 16);
    return;
  }
  if (left >= 4) {
    v128.store(at, accumulate ? f32x4.add(v128.load(at), low) : low);
    if (left > 4) storePartial(at + 16, accumulate ? f32x4.add(loadPartial(at + 16, left - 4), high) : high, left - 4);
    return;
  }
  storePartial(at, accumulate ? f32x4.add(loadPartial(at, left), low) : low, left);
}
