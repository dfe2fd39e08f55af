// Writing rows by index; AssemblyScript.

/** cache[index[n]] = rows[n] for distinct indices. Units: rows. */
export function writeRowLines(rows: usize, index: usize, cache: usize, rowBytes: usize, begin: usize, end: usize): void {
  for (let row = begin; row < end; row++) {
    memory.copy(cache + <usize>load<u32>(index + (row << 2)) * rowBytes, rows + row * rowBytes, rowBytes);
  }
}
