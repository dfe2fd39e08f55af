// Trees of parameters: paths, order and rebuilding.
import { describe, expect, it } from "vitest";
import { leavesOf, mapTree, replaceLeaves } from "./tree.ts";

const tree = {
  layers: [
    { weight: 1, bias: null },
    { weight: 2, bias: 3 },
  ],
  head: 4,
};

describe("trees", () => {
  it("lists leaves with their paths and skips null", () => {
    expect(leavesOf<number>(tree).map(({ path, leaf }) => `${path}=${leaf}`)).toEqual([
      "layers.0.weight=1",
      "layers.1.weight=2",
      "layers.1.bias=3",
      "head=4",
    ]);
  });
  it("maps every leaf and keeps the structure", () => {
    expect(mapTree(tree, (leaf) => (leaf as number) * 10)).toEqual({
      layers: [
        { weight: 10, bias: null },
        { weight: 20, bias: 30 },
      ],
      head: 40,
    });
  });
  it("rebuilds from a map of leaves and names a missing one", () => {
    const leaves = new Map(leavesOf<number>(tree).map(({ path, leaf }) => [path, leaf + 1]));
    expect(replaceLeaves(tree, leaves).head).toBe(5);
    leaves.delete("layers.1.bias");
    expect(() => replaceLeaves(tree, leaves)).toThrow("layers.1.bias");
  });
});
