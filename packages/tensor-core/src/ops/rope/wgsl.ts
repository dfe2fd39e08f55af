export const wgsl = (): never => {
  throw new Error("rope on webgpu");
};
