// Compute pipelines by shader text, with the explicit layout that the text's own declarations give.

/** A pipeline and what its declarations say of each binding. */
export interface CachedPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** For each storage binding, whether the shader writes it. */
  readonly writes: readonly boolean[];
  readonly hasUniforms: boolean;
}

const COMPUTE_STAGE = 0x4;
const declaration =
  /@group\(0\)\s*@binding\((\d+)\)\s*var<\s*(storage\s*,\s*read_write|storage\s*,\s*read|storage|uniform)\s*>/g;

/** Pipelines, compiled when first used. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, CachedPipeline>();
  constructor(device: GPUDevice) {
    this.#device = device;
  }
  get(code: string, label: string): CachedPipeline {
    let cached = this.#pipelines.get(code);
    if (cached === undefined) {
      cached = this.#compile(code, label);
      this.#pipelines.set(code, cached);
    }
    return cached;
  }
  #compile(code: string, label: string): CachedPipeline {
    const kinds: GPUBufferBindingType[] = [];
    for (const [, binding, space] of code.matchAll(declaration)) {
      kinds[Number(binding)] =
        space === "uniform" ? "uniform" : space!.endsWith("read_write") ? "storage" : "read-only-storage";
    }
    const layout = this.#device.createBindGroupLayout({
      label,
      entries: kinds.map((type, binding) => ({
        binding,
        visibility: COMPUTE_STAGE,
        buffer: { type, hasDynamicOffset: type === "uniform" },
      })),
    });
    const pipeline = this.#device.createComputePipeline({
      label,
      layout: this.#device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module: this.#device.createShaderModule({ label, code }), entryPoint: "main" },
    });
    const storage = kinds.filter((type) => type !== "uniform");
    return {
      pipeline,
      layout,
      writes: storage.map((type) => type === "storage"),
      hasUniforms: kinds.includes("uniform"),
    };
  }
}
