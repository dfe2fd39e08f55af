// Log-probabilities of rows; AssemblyScript.
import { loadPartial, rowExpSum, rowMax, slog, storePartial } from "../../backends/cpu/prelude.as";

/** Units: rows. */
export function logSoftmaxRows(z: usize, y: usize, width: i32, begin: usize, end: usize): void {
  for (let row = begin; row < end; row++) {
    let from = z + ((row * width) << 2);
    let to = y + ((row * width) << 2);
    const highest = rowMax(from, width);
    // z − highest first: far from zero the sum of highest and a small logarithm would lose the latter.
    const shift = f32x4.splat(highest);
    const rest = f32x4.splat(slog(rowExpSum(from, width, highest)));
    let k = 0;
    for (; k <= width - 4; k += 4) {
      v128.store(to, f32x4.sub(f32x4.sub(v128.load(from), shift), rest));
      from += 16;
      to += 16;
    }
    if (k < width) storePartial(to, f32x4.sub(f32x4.sub(loadPartial(from, width - k), shift), rest), width - k);
  }
}
