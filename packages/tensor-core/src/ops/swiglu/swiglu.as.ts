// gate·σ(gate)·up over whole 64-byte lines; AssemblyScript.
import { vsigmoid } from "../../backends/cpu/prelude.as";

export function swigluLines(gate: usize, up: usize, y: usize, begin: usize, end: usize): void {
  // In pairs, which engines that join vectors make one.
  for (let at = begin << 6; at < end << 6; at += 32) {
    const low = v128.load(gate + at), high = v128.load(gate + at, 16);
    const first = f32x4.mul(f32x4.mul(low, vsigmoid(low)), v128.load(up + at));
    const second = f32x4.mul(f32x4.mul(high, vsigmoid(high)), v128.load(up + at, 16));
    v128.store(y + at, first);
    v128.store(y + at, second, 16);
  }
}
