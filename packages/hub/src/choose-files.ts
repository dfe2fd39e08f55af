// Which files of a repository are needed: weights in the format read best, config, tokenizer, templates; no duplicates of
// the weights in other formats. Knows names only.
import { FileError, type JsonValue, parseJson } from "@dual-head/bytes";
import { HubError } from "./hub-error.ts";

/** What a repository is wanted for; "auto" takes trained heads where it has them and a model otherwise. */
export type Purpose = "auto" | "model" | "heads" | "adapter" | "tokenizer";

/** The chosen files. */
export interface FileChoice {
  readonly paths: readonly string[];
  /** An index among them that names further files, or null. */
  readonly index: string | null;
}

/** The file of trained heads. */
export const headsName = "heads.safetensors";
const singleName = "model.safetensors";
const indexName = "model.safetensors.index.json";
const tokenizerNames =
  /^(tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.json|merges\.txt|tokenizer\.model|spiece\.model|chat_template\.(jinja|json)|additional_chat_templates\/[^/]+\.jinja)$/;
const configNames = /^(config\.json|generation_config\.json)$/;
/** A PEFT folder of low-rank changes. */
const adapterNames = ["adapter_config.json", "adapter_model.safetensors"] as const;
const headsNames = /^(heads\.safetensors|card\.md)$/;

/**
 * Chooses what a purpose needs among the paths of a repository.
 *
 * @param repository its name, for messages
 * @throws HubError where the repository lacks what is needed, or leaves a choice between several GGUF files
 */
export function chooseFiles(paths: readonly string[], purpose: Purpose, repository: string): FileChoice {
  const has = (name: string) => paths.includes(name);
  const matching = (pattern: RegExp) => paths.filter((path) => pattern.test(path));
  const refuse = (expected: string, actual: readonly string[], remedy: string): never => {
    const shown = actual.length === 0 ? "none" : listNames(actual);
    throw new HubError(`Cannot use ${repository}: it needs ${expected} but has ${shown}; ${remedy}`, {
      fault: "no-files",
      repository,
      expected,
      actual: shown,
    });
  };
  if (purpose === "tokenizer") {
    const chosen = matching(tokenizerNames);
    return hasTokenizer(chosen)
      ? { paths: chosen, index: null }
      : refuse("tokenizer.json or tokenizer.model", chosen, "name a repository with a tokenizer");
  }
  if (purpose === "heads" || (purpose === "auto" && has(headsName))) {
    return has(headsName)
      ? { paths: matching(headsNames), index: null }
      : refuse(headsName, matching(/^[^/]+\.safetensors$/), "name a repository that holds trained heads");
  }
  if (purpose === "adapter") {
    return adapterNames.every(has)
      ? { paths: adapterNames, index: null }
      : refuse(
          adapterNames.join(" and "),
          matching(/^adapter_[^/]+$/),
          "name a repository with low-rank changes in PEFT's form",
        );
  }
  const others = [...matching(configNames), ...matching(tokenizerNames)];
  if (has(singleName)) return { paths: [...others, singleName], index: null };
  if (has(indexName)) return { paths: [...others, indexName], index: indexName };
  const ggufs = matching(/\.gguf$/i);
  const parts = ggufParts(ggufs[0] ?? "");
  if (ggufs.length === 1 && parts === null) return { paths: ggufs, index: null };
  if (parts !== null && ggufs.every((path) => parts.includes(path))) return { paths: parts, index: null };
  if (ggufs.length > 1) {
    return refuse("one GGUF file", ggufs, `name one, such as ${repository}:${ggufs[0]}`);
  }
  return refuse(
    `${singleName}, ${indexName} or a GGUF file`,
    matching(/\.(safetensors|bin|pt|pth|h5|msgpack|onnx)$/i),
    "name a repository with such weights, or one file as owner/name:file",
  );
}

/** Whether there is a whole tokenizer among the paths. */
export function hasTokenizer(paths: readonly string[]): boolean {
  return paths.some((path) => /^(tokenizer\.json|tokenizer\.model|spiece\.model)$/.test(path));
}

/** All parts of the model in parts that a GGUF file's name says it belongs to, in their order; null for others. */
export function ggufParts(path: string): readonly string[] | null {
  const [, stem, , count, ending] = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/i.exec(path) ?? [];
  if (stem === undefined || Number(count) < 1) return null;
  return Array.from(
    { length: Number(count) },
    (_, at) => `${stem}-${`${at + 1}`.padStart(5, "0")}-of-${count}${ending}`,
  );
}

/** The first few names and how many more there are. */
function listNames(names: readonly string[]): string {
  return `${names.slice(0, 6).join(", ")}${names.length > 6 ? ` and ${names.length - 6} more` : ""}`;
}

/**
 * The shards that an index names, sorted.
 *
 * @param name a label for messages
 * @throws FileError where the text is no index of safetensors shards
 */
export function shardsOfIndex(text: string, name: string): readonly string[] {
  const map = (parseJson(text, name) as { readonly weight_map?: JsonValue } | null)?.weight_map;
  const values = typeof map === "object" && map !== null && !Array.isArray(map) ? Object.values(map) : [];
  const shards = values.filter((value): value is string => typeof value === "string" && value.endsWith(".safetensors"));
  if (values.length === 0 || shards.length !== values.length) {
    throw new FileError(name, "parse", "it needs an object weight_map of .safetensors names, fetch it again");
  }
  return [...new Set(shards)].sort();
}
