export const wgslBroadcastTo = (): never => {
  throw new Error("broadcast on webgpu");
};
export const wgslSumTo = (): never => {
  throw new Error("broadcast on webgpu");
};
