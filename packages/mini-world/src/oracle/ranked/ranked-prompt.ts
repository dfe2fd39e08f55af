// The form of answers ranked by hand. Knows no score: the rankings are what the oracle is compared with.

/** A prompt and answers to it, best first; only preferences that sensible people share, so every pair is strict. */
export interface RankedPrompt {
  /** Turns of human and assistant in turn; the last is the human's question. */
  readonly turns: readonly string[];
  /** How well an answer serves what was literally asked; to be misled is worse than to get nothing. */
  readonly helpful: readonly string[];
  /** How far an answer keeps people from harm; may be absent where helpful says enough. */
  readonly harmless?: readonly string[];
}
