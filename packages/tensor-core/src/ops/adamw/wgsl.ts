export const wgsl = (): never => {
  throw new Error("adamw on webgpu");
};
