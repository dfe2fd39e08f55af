export const wgslGatherRows = (): never => {
  throw new Error("gather-rows on webgpu");
};
export const wgslScatterAddRows = (): never => {
  throw new Error("gather-rows on webgpu");
};
