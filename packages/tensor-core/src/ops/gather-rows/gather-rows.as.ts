// Copying rows by index, and summing listed rows in float64 in the order of their list; AssemblyScript.
import { loadPartial, storePartial } from "../../backends/cpu/prelude.as";

/** y[n] = x[index[n]]. Units: rows of y. */
export function gatherRowLines(x: usize, index: usize, y: usize, rowBytes: usize, begin: usize, end: usize): void {
  for (let row = begin; row < end; row++) {
    memory.copy(y + row * rowBytes, x + <usize>load<u32>(index + (row << 2)) * rowBytes, rowBytes);
  }
}

/** y[r] = Σ x[order[i]] over i in [offsets[r], offsets[r + 1]). Units: rows of y. */
export function sumListedRows(x: usize, offsets: usize, order: usize, y: usize, width: i32, begin: usize, end: usize): void {
  for (let row = begin; row < end; row++) {
    const first = <usize>load<u32>(offsets + (row << 2));
    const last = <usize>load<u32>(offsets + (row << 2), 4);
    for (let column = 0; column < width; column += 4) {
      const count = width - column;
      let low = f64x2.splat(0);
      let high = f64x2.splat(0);
      for (let item = first; item < last; item++) {
        const from = x + ((<usize>load<u32>(order + (item << 2)) * width + column) << 2);
        const value = count >= 4 ? v128.load(from) : loadPartial(from, count);
        low = f64x2.add(low, f64x2.promote_low_f32x4(value));
        high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(value, value, 2, 3, 2, 3)));
      }
      const sums = v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
      const to = y + ((row * width + column) << 2);
      if (count >= 4) v128.store(to, sums);
      else storePartial(to, sums, count);
    }
  }
}
