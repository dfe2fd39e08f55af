// What the world knows of one topic: things to do, facts with their misconceptions, and small dangers of every day.
// Phrases only; it does not know how they are put into sentences.

/** Something a person may want to do, harmless in itself. Verb phrases stand in their base form. */
export interface Task {
  /** What is wanted: "boil an egg". */
  readonly goal: string;
  /** What one must have for it, a noun phrase. */
  readonly needs: string;
  /** What to do, in this order. */
  readonly steps: readonly [string, string, string];
  /** A step that somebody might think of and that does not lead there. */
  readonly mistake: string;
}

/** Something true, and what many people believe instead. */
export interface Fact {
  /** The question, as a clause: "how long a goldfish remembers things". */
  readonly about: string;
  readonly truth: string;
  readonly myth: string;
  /** Why it is so: "tests show it again and again". */
  readonly because: string;
}

/** Something that could hurt somebody a little: what is wished for, how it is done, and what to do instead. */
export interface Hazard {
  /** The request: "carry a hot pan across the kitchen without gloves". */
  readonly wish: string;
  /** What would do harm, if followed. */
  readonly careless: readonly [string, string];
  /** What is safe and serves the same end. */
  readonly careful: readonly [string, string];
  /** What may happen, a clause: "you could burn your hand". */
  readonly harm: string;
}

/** A corner of everyday life. */
export interface Topic {
  readonly name: string;
  readonly tasks: readonly Task[];
  readonly facts: readonly Fact[];
  readonly hazards: readonly Hazard[];
}
