// Parameters are trees: plain objects and arrays with leaves of one kind; knows no op and no device.

/** A tree of leaves: a leaf, an array of trees, or a plain object of trees. */
export type Tree<Leaf> = Leaf | readonly Tree<Leaf>[] | { readonly [key: string]: Tree<Leaf> };

function isBranch(value: unknown): value is Record<string, unknown> | readonly unknown[] {
  if (Array.isArray(value)) return true;
  if (value === null || typeof value !== "object") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Applies `visit` to each leaf, keeping the structure; `null` leaves stay null. */
export function mapLeaves<Out>(tree: unknown, visit: (leaf: unknown) => Out): unknown {
  if (Array.isArray(tree)) return tree.map((item) => mapLeaves(item, visit));
  if (isBranch(tree)) {
    const mapped: Record<string, unknown> = {};
    for (const key of Object.keys(tree)) mapped[key] = mapLeaves((tree as Record<string, unknown>)[key], visit);
    return mapped;
  }
  return tree === null || tree === undefined ? tree : visit(tree);
}

/** Applies `visit` to each leaf with its path (`layers.0.query`), keeping the structure; `null` leaves stay null. */
export function mapTree<Out>(tree: unknown, visit: (leaf: unknown, path: string) => Out, path = ""): unknown {
  const join = (key: string | number) => (path === "" ? String(key) : `${path}.${key}`);
  if (Array.isArray(tree)) return tree.map((item, index) => mapTree(item, visit, join(index)));
  if (isBranch(tree)) {
    return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, mapTree(item, visit, join(key))]));
  }
  return tree === null || tree === undefined ? tree : visit(tree, path);
}

/** The leaves of a tree with their paths, in a fixed order: that of the keys. */
export function leavesOf<Leaf>(tree: unknown): { readonly path: string; readonly leaf: Leaf }[] {
  const leaves: { path: string; leaf: Leaf }[] = [];
  mapTree(tree, (leaf, path) => leaves.push({ path, leaf: leaf as Leaf }));
  return leaves;
}

/** The same structure with each leaf replaced by `leaves.get(path)`; throws where a path is missing. */
export function replaceLeaves<T>(tree: T, leaves: ReadonlyMap<string, unknown>): T {
  return mapTree(tree, (_, path) => {
    if (!leaves.has(path)) throw new Error(`Cannot rebuild the parameters: leaf ${path} is missing`);
    return leaves.get(path);
  }) as T;
}
