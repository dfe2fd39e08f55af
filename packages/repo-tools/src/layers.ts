// The table of layers: which internal packages each package may import. The only place that says so.
// A package not listed here fails the check; docs/architecture.md explains the order.

/** Allowed internal imports by package; every entry names lower packages only, and the table has no cycles. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  // L0
  "tensor-core": [],
  sampler: [],
  bytes: [],
  tokenizer: ["bytes"],
  data: ["bytes"],
  // L1
  backbone: ["tensor-core"],
  heads: ["tensor-core"],
  gating: ["tensor-core"],
  losses: ["tensor-core"],
  checkpoint: ["tensor-core", "bytes"],
  hub: ["bytes"],
  // L2
  "backbone-llama": ["backbone", "checkpoint", "tensor-core", "bytes"],
  "backbone-gpt2": ["backbone", "checkpoint", "tensor-core", "bytes"],
  train: ["backbone", "heads", "gating", "losses", "checkpoint", "tokenizer", "data", "tensor-core", "bytes"],
  // L3
  methods: ["backbone", "heads", "gating", "losses", "sampler", "train", "tensor-core"],
  // L4: plain numbers; only its tests import the packages they compare with.
  theorems: [],
  eval: ["data", "methods", "sampler", "backbone", "backbone-llama", "tokenizer", "train", "tensor-core", "bytes"],
  "mini-world": ["backbone-llama", "train", "tokenizer", "tensor-core", "bytes"],
};

/** Packages that only tests may import, from anywhere; the tools themselves import nothing internal. */
export const testOnlyPackages: readonly string[] = ["repo-tools"];

/**
 * Folders inside which files may import one another in a circle: an op's record holds its gradient, gradients are made of
 * other ops, and they refer to one another only when called, never while modules load.
 */
export const cyclicFolders: readonly string[] = ["packages/tensor-core/src/ops/"];

/** L5, the composition roots: they may import every package above but one another. */
export function isCompositionRoot(key: string): boolean {
  return key === "benchmarks" || key.startsWith("apps/");
}

/** The internal packages that the package `key` may import, or null where the table does not know it. */
export function allowedImports(key: string): readonly string[] | null {
  if (testOnlyPackages.includes(key)) return [];
  return isCompositionRoot(key) ? Object.keys(layers) : (layers[key] ?? null);
}
