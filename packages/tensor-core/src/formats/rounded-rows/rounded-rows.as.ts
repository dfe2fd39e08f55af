// Rows of activations rounded to integers for products with integer weights; AssemblyScript. They keep 15 bits: products
// with 8-bit weights stay exact in 32, whatever the variant.
import { horizontalMax, loadPartial } from "../../backends/cpu/prelude.as";

const BLOCK: i32 = 32;

/**
 * Rows of x as 16-bit integers in blocks of 32 with one scale each, and the sum of each block's integers.
 * to [rows][blocks][32] i16, scales [rows][blocks] f32, sums [rows][blocks] i32; x's last block is filled up with zeros.
 * Units: rows.
 */
export function roundRows(x: usize, innerSize: i32, to: usize, scales: usize, sums: usize, begin: i32, end: i32): void {
  const blocks = (innerSize + BLOCK - 1) / BLOCK;
  for (let row = begin; row < end; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = x + ((<usize>row * innerSize + <usize>block * BLOCK) << 2);
      const count = min(BLOCK, innerSize - block * BLOCK);
      const index = <usize>row * blocks + block;
      const out = to + (index << 6);
      let highest = f32x4.splat(0);
      let k = 0;
      for (; k <= count - 4; k += 4) highest = f32x4.max(highest, f32x4.abs(v128.load(from + (<usize>k << 2))));
      if (k < count) highest = f32x4.max(highest, f32x4.abs(loadPartial(from + (<usize>k << 2), count - k)));
      const most = horizontalMax(highest);
      f32.store(scales + (index << 2), most / 32767);
      // Below the normal range the quotient would overflow: such a block is zero for every purpose.
      const inverse = f32x4.splat(most > 1e-33 ? 32767 / most : 0);
      let total = 0;
      for (k = 0; k < BLOCK; k += 4) {
        const left = count - k;
        const value = left >= 4 ? v128.load(from + (<usize>k << 2)) : left > 0 ? loadPartial(from + (<usize>k << 2), left) : f32x4.splat(0);
        const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(value, inverse)));
        v128.store64_lane(out + (<usize>k << 1), i16x8.narrow_i32x4_s(whole, whole), 0);
        total += i32x4.extract_lane(whole, 0) + i32x4.extract_lane(whole, 1) + i32x4.extract_lane(whole, 2) + i32x4.extract_lane(whole, 3);
      }
      i32.store(sums + (index << 2), total);
    }
  }
}
