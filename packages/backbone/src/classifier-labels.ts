// What the config.json of a sequence classifier says of its scores. Knows no architecture.
import * as v from "valibot";
import { ConfigError } from "./config-error.ts";

/** Labels of a sequence classifier's scores, and its padding. */
export interface ClassifierLabels {
  /** Names of the labels, in the order of the scores. */
  readonly labels: readonly string[];
  /** Token that pads texts on the right, or null. */
  readonly padTokenId: number | null;
}

const labelSchema = v.looseObject({
  id2label: v.nullish(v.record(v.string(), v.string())),
  num_labels: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(2 ** 20))),
  pad_token_id: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
});

const requirements: Readonly<Record<string, string>> = {
  id2label: "an object of names by number",
  num_labels: "an integer from 1 to 1048576; use the model's own config.json",
  pad_token_id: "a token id",
};

/**
 * Parses what a sequence classifier's config says of its labels.
 *
 * @param json the parsed config.json
 * @param path its path, for messages
 * @throws ConfigError where labels are not numbered from 0 or the padding is not a token id
 */
export function classifierLabelsFrom(json: unknown, path: string = "config.json"): ClassifierLabels {
  const parsed = v.safeParse(labelSchema, json);
  if (!parsed.success) {
    const key = parsed.issues[0].path?.[0]?.key;
    if (typeof key !== "string") throw new ConfigError(path, null, json, "the object of a Hugging Face config.json");
    throw new ConfigError(path, key, (json as Readonly<Record<string, unknown>>)[key], requirements[key]!);
  }
  const { id2label, num_labels: given, pad_token_id: padTokenId } = parsed.output;
  const count = id2label ? Object.keys(id2label).length : (given ?? 2);
  if (given != null && given !== count) throw new ConfigError(path, "num_labels", given, `${count}, as id2label has`);
  const labels = Array.from({ length: count }, (_, label) => (id2label ? id2label[label] : `LABEL_${label}`));
  if (count === 0 || !labels.every((label) => label !== undefined)) {
    throw new ConfigError(path, "id2label", id2label, `an object with the keys 0 to ${Math.max(0, count - 1)}`);
  }
  return { labels, padTokenId: padTokenId ?? null };
}
