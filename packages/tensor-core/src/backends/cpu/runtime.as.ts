// What the pool calls before any op: gives this instance its thread's scratch memory, and zeroes ranges; AssemblyScript.
import { keepThreadScratch } from "./prelude.as";

export function setThreadScratch(pointer: usize): void {
  keepThreadScratch(pointer);
}

/** Units of 64 bytes. */
export function zeroFill(pointer: usize, begin: usize, end: usize): void {
  memory.fill(pointer + (begin << 6), 0, (end - begin) << 6);
}
