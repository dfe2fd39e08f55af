// Writing a kernel once: declarations and argument order come from the names of its buffers and uniforms.
import type { WgslBinding, WgslLimits, WgslPass } from "./program.ts";

/** How a kernel holds a buffer; a written one may be read too. */
export type BufferKind = "read f32" | "read u32" | "write f32" | "write u32";

/** The text of a kernel. */
export interface KernelSource<Buffers extends string, Uniforms extends string> {
  readonly label: string;
  /** Names in the shader, in binding order. */
  readonly buffers: Readonly<Record<Buffers, BufferKind>>;
  /** Fields of `params` in the shader. */
  readonly uniforms: Readonly<Record<Uniforms, "u32" | "f32">>;
  /** Lanes of a workgroup; defaults to 64. */
  readonly lanes?: number;
  /** Functions and workgroup variables. */
  readonly globals?: string;
  /** Statements of the entry point; sees `lane`, `group` (first two grid axes, linear), `slice` (third) and `params`. */
  readonly body: string;
}

/** A kernel: buffers and uniforms by name, and the grid, to one pass. */
export type Kernel<Buffers extends string, Uniforms extends string> = (
  buffers: Readonly<Record<Buffers, WgslBinding>>,
  uniforms: Readonly<Record<Uniforms, number>>,
  workgroups: WgslPass["workgroups"],
) => WgslPass;

/** Lanes of a workgroup where a kernel does not say otherwise. */
export const defaultLanes = 64;

/** Defines a kernel; the shader text is put together once. */
export function defineKernel<Buffers extends string, Uniforms extends string>(
  source: KernelSource<Buffers, Uniforms>,
): Kernel<Buffers, Uniforms> {
  const bufferNames = Object.keys(source.buffers) as Buffers[];
  const fields = Object.entries(source.uniforms) as [Uniforms, "u32" | "f32"][];
  let code: string | null = null;
  return (buffers, uniforms, workgroups) => {
    code ??= shaderOf(source);
    return {
      label: source.label,
      code,
      bindings: bufferNames.map((name) => buffers[name]),
      uniforms: fields.map(([name, type]) => (type === "u32" ? { u32: uniforms[name] } : { f32: uniforms[name] })),
      workgroups,
    };
  };
}

/** One kernel a key, defined when it is first asked for. */
export function kernelFamily<Key, Of>(define: (key: Key) => Of): (key: Key) => Of {
  const held = new Map<Key, Of>();
  return (key) => {
    let kernel = held.get(key);
    if (kernel === undefined) {
      kernel = define(key);
      held.set(key, kernel);
    }
    return kernel;
  };
}

/** A grid of `count` workgroups folded over two axes, times `slices` on the third; `group` may run past `count`. */
export function gridOf(limits: WgslLimits, count: number, slices: number = 1): WgslPass["workgroups"] {
  const width = Math.max(1, Math.min(count, limits.maxWorkgroups));
  return [width, Math.ceil(count / width), slices];
}

/** As gridOf, with one lane for each of `count` items. */
export function laneGrid(limits: WgslLimits, count: number): WgslPass["workgroups"] {
  return gridOf(limits, Math.ceil(count / defaultLanes));
}

/** Index of the item a lane of `laneGrid` owns. */
export const itemOfLane: string = `group * ${defaultLanes}u + lane`;

/** `sumOver(lane, x)` and `maxOver(lane, x)`: fixed-tree reductions over the lanes of a workgroup, in uniform control flow. */
export const laneReductions: string = `
var<workgroup> reduced: array<f32, ${defaultLanes}>;
fn sumOver(lane: u32, value: f32) -> f32 {
  reduced[lane] = value;
  workgroupBarrier();
  for (var reach = ${defaultLanes / 2}u; reach > 0u; reach >>= 1u) {
    if (lane < reach) { reduced[lane] += reduced[lane + reach]; }
    workgroupBarrier();
  }
  let total = reduced[0];
  workgroupBarrier();
  return total;
}
fn maxOver(lane: u32, value: f32) -> f32 {
  reduced[lane] = value;
  workgroupBarrier();
  for (var reach = ${defaultLanes / 2}u; reach > 0u; reach >>= 1u) {
    if (lane < reach) { reduced[lane] = max(reduced[lane], reduced[lane + reach]); }
    workgroupBarrier();
  }
  let highest = reduced[0];
  workgroupBarrier();
  return highest;
}
`;

/** Below every score a kernel meets, and finite: exp(lowest − x) is 0 without an infinity. */
export const lowest: string = "-1e30";

function shaderOf(source: KernelSource<string, string>): string {
  const buffers = Object.entries(source.buffers);
  const fields = Object.entries(source.uniforms);
  const declarations = buffers.map(([name, kind], index) => {
    const [access, element] = kind.split(" ");
    return `@group(0) @binding(${index}) var<storage, ${access === "read" ? "read" : "read_write"}> ${name}: array<${element}>;`;
  });
  if (fields.length > 0) {
    declarations.push(
      `struct Params { ${fields.map(([name, type]) => `${name}: ${type}`).join(", ")} }`,
      `@group(0) @binding(${buffers.length}) var<uniform> params: Params;`,
    );
  }
  return `${declarations.join("\n")}
${source.globals ?? ""}
@compute @workgroup_size(${source.lanes ?? defaultLanes})
fn main(
  @builtin(workgroup_id) workgroupId: vec3u,
  @builtin(num_workgroups) workgroupCount: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = workgroupId.x + workgroupId.y * workgroupCount.x;
  let slice = workgroupId.z;
${source.body}
}
`;
}
