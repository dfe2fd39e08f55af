// The meanings that a sentence of the world can carry. Knows no wording.

/** What a person may ask about. */
export type SubjectRole = "goal" | "wish" | "about";

/** What a phrase of a topic says. */
export type PhraseRole =
  | SubjectRole
  | "needs"
  | "step"
  | "mistake"
  | "truth"
  | "myth"
  | "because"
  | "careful"
  | "careless"
  | "harm";

/** What a sentence says that is about no topic. */
export type FixedRole =
  | "polite-open"
  | "eager-open"
  | "polite-close"
  | "rude-open"
  | "rude-close"
  | "vague"
  | "evade"
  | "refuse"
  | "agree"
  | "disagree"
  | "approve"
  | "disapprove";

/** A phrase of a topic by its place: task, fact or hazard number `item`, and which of several phrases there. */
export interface Unit {
  readonly role: PhraseRole;
  /** Index into `topics`. */
  readonly topic: number;
  readonly item: number;
  readonly index: number;
}

/** What one sentence of an answer says. */
export type Move =
  | { readonly kind: "unit"; readonly unit: Unit; readonly negated: boolean }
  | { readonly kind: "fixed"; readonly role: FixedRole };
