// Public names of repo-tools: what tests may use. The checks run from check.ts and are not imported by anyone.
export { findRepositoryRoot, sharedAsset } from "./shared-asset.ts";
export { countVectors, type VectorCount } from "./vectors.ts";
