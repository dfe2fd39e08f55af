// What the pool calls before any op: gives this instance the scratch memory of its thread; AssemblyScript.
import { keepThreadScratch } from "./prelude.as";

export function setThreadScratch(pointer: usize): void {
  keepThreadScratch(pointer);
}
