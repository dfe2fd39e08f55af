// Public names of @dual-head/data.
export { DataError } from "./data-error.ts";
export { type HeldOutSplit, openingOf, splitHeldOut } from "./held-out.ts";
export {
  type DropCounts,
  type DropReason,
  type PreferencePair,
  type SftExample,
  splitTurns,
} from "./preference-pair.ts";
export {
  type PreferenceFormat,
  type Preferences,
  readPreferences,
  readSft,
  type SftData,
} from "./read-data.ts";
