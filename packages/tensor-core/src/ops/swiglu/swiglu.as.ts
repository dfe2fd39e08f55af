// gate·σ(gate)·up over whole 64-byte lines; AssemblyScript.
import { vsigmoid } from "../../backends/cpu/prelude.as";

export function swigluLines(gate: usize, up: usize, y: usize, begin: usize, end: usize): void {
  for (let at = begin << 6; at < end << 6; at += 16) {
    const x = v128.load(gate + at);
    v128.store(y + at, f32x4.mul(f32x4.mul(x, vsigmoid(x)), v128.load(up + at)));
  }
}
