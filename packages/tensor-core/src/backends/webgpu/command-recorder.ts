// Commands on their way to the queue: one encoder, one compute pass and one arena of uniform slots per submit.
import type { CachedPipeline } from "./pipeline-cache.ts";
import type { WgslPass } from "./program.ts";

const UNIFORM_COPY_DST = 0x40 | 0x08;
const slotBytes = 256;
/** Dispatches of one submit: enough to hide its cost, few enough that the device starts early. */
const slotCount = 256;

/** Records dispatches and copies in order. `serial` counts the submits. */
export class CommandRecorder {
  readonly #device: GPUDevice;
  readonly #arena: GPUBuffer;
  readonly #slots = new ArrayBuffer(slotBytes * slotCount);
  readonly #words: DataView = new DataView(this.#slots);
  readonly #afterSubmit: () => void;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #usedSlots = 0;
  #dispatches = 0;
  #serial = 0;
  constructor(device: GPUDevice, afterSubmit: () => void) {
    this.#device = device;
    this.#afterSubmit = afterSubmit;
    this.#arena = device.createBuffer({ label: "uniforms", size: slotBytes * slotCount, usage: UNIFORM_COPY_DST });
  }
  get serial(): number {
    return this.#serial;
  }
  /** Submits when the next dispatch would not fit; call before marking buffers as used. */
  reserve(): void {
    if (this.#dispatches === slotCount) this.submit();
  }
  dispatch(cached: CachedPipeline, entries: readonly GPUBufferBinding[], pass: WgslPass): void {
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    const groupEntries: GPUBindGroupEntry[] = entries.map((resource, binding) => ({ binding, resource }));
    const offsets: number[] = [];
    if (cached.hasUniforms) {
      offsets.push(this.#writeSlot(pass));
      groupEntries.push({ binding: entries.length, resource: { buffer: this.#arena, offset: 0, size: slotBytes } });
    }
    this.#pass.setPipeline(cached.pipeline);
    this.#pass.setBindGroup(
      0,
      this.#device.createBindGroup({ label: pass.label, layout: cached.layout, entries: groupEntries }),
      offsets,
    );
    this.#pass.dispatchWorkgroups(...pass.workgroups);
    this.#dispatches++;
  }
  copy(from: GPUBuffer, to: GPUBuffer, byteLength: number): void {
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#endPass();
    this.#encoder.copyBufferToBuffer(from, 0, to, 0, byteLength);
  }
  submit(): void {
    if (this.#encoder === null) return;
    this.#endPass();
    // Queue order puts this write after the previous submit has read its slots and before the new one reads them.
    if (this.#usedSlots > 0)
      this.#device.queue.writeBuffer(this.#arena, 0, this.#slots, 0, this.#usedSlots * slotBytes);
    this.#device.queue.submit([this.#encoder.finish()]);
    this.#encoder = null;
    this.#usedSlots = 0;
    this.#dispatches = 0;
    this.#serial++;
    this.#afterSubmit();
  }
  /** Forgets what was recorded and frees the arena. */
  dispose(): void {
    this.#encoder = null;
    this.#pass = null;
    this.#arena.destroy();
  }
  #writeSlot({ uniforms, label }: WgslPass): number {
    if (uniforms.length * 4 > slotBytes)
      throw new RangeError(`${label}: ${uniforms.length} uniforms exceed ${slotBytes / 4}`);
    const offset = slotBytes * this.#usedSlots++;
    for (const [index, field] of uniforms.entries()) {
      if ("u32" in field) this.#words.setUint32(offset + 4 * index, field.u32, true);
      else this.#words.setFloat32(offset + 4 * index, field.f32, true);
    }
    return offset;
  }
  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }
}
