// What an embedder is: whoever turns texts into vectors. Knows no model.

/** Turns texts into vectors of one length, whose cosine says how alike two texts are. */
export interface Embedder {
  /** Told beside every figure: cosines of different embedders do not compare. */
  readonly name: string;
  /**
   * Vectors in the order of the texts.
   *
   * @param signal ends the work between batches; its reason is thrown
   */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<readonly ArrayLike<number>[]>;
}
