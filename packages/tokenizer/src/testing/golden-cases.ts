// Shapes of the golden cases that other people's tokenizers gave. Knows no tokenizer.

/** A text with its ids and what they give back. */
export interface GoldenCase {
  readonly text: string;
  readonly ids: readonly number[];
  readonly decoded: string;
}

/** A text of transformers' own tests. */
export interface GoldenTest {
  readonly input: string;
  readonly encoded: { readonly input_ids: readonly number[] };
  readonly decoded_with_special: string;
  readonly decoded_without_special: string;
}
