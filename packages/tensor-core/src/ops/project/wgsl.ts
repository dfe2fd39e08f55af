export const wgsl = (): never => {
  throw new Error("project on webgpu");
};
