// Buffers through which values come back to the host; a few are kept, so that small reads allocate nothing.
const MAP_READ_COPY_DST = 0x01 | 0x08;
const READ = 0x01;
const keptCount = 4;
const largestKept = 4 << 20;

/** Staging buffers, idle ones by capacity. */
export class StagingBuffers {
  readonly #device: GPUDevice;
  readonly #idle: GPUBuffer[] = [];
  readonly #all = new Set<GPUBuffer>();
  constructor(device: GPUDevice) {
    this.#device = device;
  }
  get bufferCount(): number {
    return this.#all.size;
  }
  take(byteLength: number): GPUBuffer {
    const fitting = this.#idle.findIndex((buffer) => buffer.size >= byteLength);
    if (fitting >= 0) return this.#idle.splice(fitting, 1)[0]!;
    const size =
      byteLength > largestKept ? Math.ceil(byteLength / 4) * 4 : Math.max(4096, 2 ** Math.ceil(Math.log2(byteLength)));
    const buffer = this.#device.createBuffer({ label: "staging", size, usage: MAP_READ_COPY_DST });
    this.#all.add(buffer);
    return buffer;
  }
  /** Copies the first bytes into `target` once the queue has written them. */
  async receive(buffer: GPUBuffer, target: Uint8Array): Promise<void> {
    try {
      await buffer.mapAsync(READ, 0, Math.ceil(target.byteLength / 4) * 4);
      target.set(new Uint8Array(buffer.getMappedRange(0, Math.ceil(target.byteLength / 4) * 4), 0, target.byteLength));
      buffer.unmap();
    } catch (error) {
      this.#drop(buffer);
      throw error;
    }
    if (buffer.size > largestKept || this.#idle.length >= keptCount) this.#drop(buffer);
    else if (this.#all.has(buffer)) this.#idle.push(buffer);
  }
  dispose(): void {
    for (const buffer of this.#all) buffer.destroy();
    this.#all.clear();
    this.#idle.length = 0;
  }
  #drop(buffer: GPUBuffer): void {
    buffer.destroy();
    this.#all.delete(buffer);
  }
}
