export const wgsl = (): never => {
  throw new Error("write-rows on webgpu");
};
