// Mistakes in what outlives an op: recorded work and caches. A table: nothing here runs.
import type { Mutation } from "../mutation.ts";

const rowCache = {
  file: "packages/tensor-core/src/nn/row-cache.ts",
  test: "packages/tensor-core/src/nn/row-cache.test.ts",
};

const pageTable = {
  file: "packages/tensor-core/src/nn/page-table.ts",
  test: "packages/tensor-core/src/nn/page-table.test.ts",
};

const pageLists = "PageTable > behaves like lists of rows, with a window of";

const recordings = {
  file: "packages/tensor-core/src/recordings.ts",
  test: "packages/tensor-core/src/recordings.test.ts",
};

/** Recordings and caches. */
export const memoryMutations: readonly Mutation[] = [
  {
    id: "recording-uploads-share-memory",
    what: "What the host uploads for a recording lies where its ops write before and after",
    ...recordings,
    find: "new KeptBuffers(internals.source, false)",
    replace: "this.source",
    property: "Recordings on cpu > give the bits of the work done anew, whatever numbers the host has by then",
  },
  {
    id: "recording-host-work-twice",
    what: "Host work runs again where the length of what is uploaded asks for another recording",
    ...recordings,
    find: "if (this.#hostRuns > 0) this.#hostRuns--;",
    replace: "if (this.#hostRuns < 0) this.#hostRuns--;",
    property:
      "Recordings > run host work once a run and in order, before a length that changes asks for another recording",
  },
  {
    id: "recording-of-freed-memory",
    what: "A recording runs though a tensor that it reads was freed",
    ...recordings,
    find: "holders > 0",
    replace: "holders >= 0",
    property: "Recordings > are made anew for other inputs, and where a tensor from outside was freed",
  },
  {
    id: "recording-loops-of-the-host",
    what: "Ops whose kernels follow what the host read are replayed with the former rows",
    file: "packages/tensor-core/src/backends/cpu/backend.ts",
    test: recordings.test,
    find: "if (onHost) return () => backend.run(op, inputs, outputs, attrs);",
    replace: "",
    property: "Recordings on cpu > give the bits of the work done anew, whatever numbers the host has by then",
  },
  {
    id: "cache-truncate-does-nothing",
    what: "Truncating a sequence keeps its rows",
    ...pageTable,
    find: "this.release(page);\n    state.length = length;\n  }\n\n  close",
    replace: "this.release(page);\n  }\n\n  close",
    property: `${pageLists} Infinity`,
  },
  {
    id: "cache-fork-is-its-parent",
    what: "A fork is given its parent's slot",
    ...pageTable,
    find: "const copy = this.open();",
    replace: "const copy = slot;",
    property: `${pageLists} Infinity`,
  },
  {
    id: "cache-fork-writes-shared-pages",
    what: "A fork writes into the page it shares with its parent",
    ...pageTable,
    find: "this.#references[pages.at(-1)!]! > 1;",
    replace: "this.#references[pages.at(-1)!]! > 9;",
    property: `${pageLists} Infinity`,
  },
  {
    id: "cache-fork-copies-nothing",
    what: "A fork that writes has a page of its own, but not what was begun of it",
    ...rowCache,
    find: "if (from.length > 0) this.#copyRows(from, to);",
    replace: "if (from.length < 0) this.#copyRows(from, to);",
    property: "createRowCache() on reference > behaves like lists of rows",
  },
  {
    id: "cache-close-keeps-pages",
    what: "Closing a slot frees the slot but not its rows",
    ...pageTable,
    find: "if (this.#references[page] === 0) this.#freePageCount++;",
    replace: "",
    property: `${pageLists} Infinity`,
  },
  {
    id: "cache-ring-too-short",
    what: "The ring of a sliding window lets go of a page that rows of a chunk still see",
    ...pageTable,
    find: "const firstPage = Math.floor(firstKept / this.pageSize);",
    replace: "const firstPage = Math.ceil(firstKept / this.pageSize);",
    property: `${pageLists} 4`,
  },
  {
    id: "cache-window-ignored",
    what: "A sliding window does not slide in cached decoding",
    ...pageTable,
    find: "Math.max(0, positions[entry]! + 1 - window), positions",
    replace: "Math.max(0, positions[entry]! - window), positions",
    property: "createRowCache() on reference > refuses gaps, names the next position, and gives windows as ranges",
    test: rowCache.test,
  },
  {
    id: "cache-position-off-by-one",
    what: "Rows are written one position early",
    ...pageTable,
    find: "const position = positions[entry]!;",
    replace: "const position = Math.max(0, positions[entry]! - 1);",
    property: `${pageLists} Infinity`,
  },
  {
    id: "cache-values-are-keys",
    what: "Values of a layer are read where its keys are",
    file: "packages/backbone/src/kv-cache.ts",
    test: "packages/backbone/src/kv-cache.test.ts",
    find: "values: (layer) => rows.matrix(2 * layer + 1),",
    replace: "values: (layer) => rows.matrix(2 * layer),",
    property: "createKvCache() > keeps the rows of layers, keys and values apart",
  },
];
