// Loading a tokenizer from a folder or a file. It does not know the model in the same folder.
import { FileError, findPathKind, listDirectory, openFile, parseJson, readText, sha256 } from "@dual-head/bytes";
import { createTokenizer } from "./json/create-tokenizer.ts";
import { createLlama2cTokenizer } from "./llama2c/create-llama2c.ts";
import { createSentencepieceTokenizer } from "./sentencepiece/create-sentencepiece.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { parseTokenizerConfig, type TokenizerConfig } from "./tokenizer-config.ts";
import { TokenizerError } from "./tokenizer-error.ts";

type Format = "json" | "sentencepiece" | "llama2c";

/** What a folder may hold, the preferred first. */
const folderNames: readonly (readonly [name: string, format: Format])[] = [
  ["tokenizer.json", "json"],
  ["tokenizer.model", "sentencepiece"],
  ["spiece.model", "sentencepiece"],
  ["tokenizer.bin", "llama2c"],
];

/** The format of a file by its name, or null. */
function formatOf(name: string): Format | null {
  if (/\.json$/i.test(name)) return "json";
  if (/\.model(\.v\d+)?$/i.test(name)) return "sentencepiece";
  // Weights end in .bin too.
  return /tok[^/\\]*\.bin$/i.test(name) ? "llama2c" : null;
}

interface Choice {
  /** The file that holds the vocabulary. */
  readonly path: string;
  readonly format: Format;
  /** The folder whose settings go with it. */
  readonly directory: string;
}

async function choose(path: string): Promise<Choice | null> {
  if ((await findPathKind(path)) === "file") {
    const format = formatOf(path);
    const place = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
    return format === null ? null : { path, format, directory: place < 0 ? "." : path.slice(0, place) };
  }
  const directory = path.replace(/(?<=[^/\\])[/\\]+$/, "");
  for (const [name, format] of folderNames) {
    const file = `${directory}/${name}`;
    if ((await findPathKind(file)) === "file") return { path: file, format, directory };
  }
  return null;
}

/**
 * Whether {@link loadTokenizer} knows how to load a path: a folder with `tokenizer.json`, `tokenizer.model`,
 * `spiece.model` or `tokenizer.bin`, or a file with such a name.
 */
export async function hasTokenizer(path: string): Promise<boolean> {
  return (await choose(path)) !== null;
}

/** Reads a file of the folder, or undefined where it is absent. */
async function readOptional(directory: string, name: string): Promise<string | undefined> {
  const path = `${directory}/${name}`;
  return (await findPathKind(path)) === "missing" ? undefined : readText(path);
}

async function readOptionalJson(directory: string, name: string): Promise<unknown> {
  const text = await readOptional(directory, name);
  return text === undefined ? undefined : parseJson(text, `${directory}/${name}`);
}

async function readConfig(directory: string, path: string): Promise<TokenizerConfig> {
  const [tokenizerConfig, specialTokensMap, addedTokens, generationConfig, chatTemplate] = await Promise.all([
    readOptionalJson(directory, "tokenizer_config.json"),
    readOptionalJson(directory, "special_tokens_map.json"),
    readOptionalJson(directory, "added_tokens.json"),
    readOptionalJson(directory, "generation_config.json"),
    readOptional(directory, "chat_template.jinja"),
  ]);
  const template = chatTemplate === undefined ? {} : { chatTemplate };
  return parseTokenizerConfig({ tokenizerConfig, specialTokensMap, addedTokens, generationConfig, ...template }, path);
}

async function explainMissing(path: string): Promise<TokenizerError> {
  const names = folderNames.map(([name]) => name).join(", ");
  const kind = await findPathKind(path);
  if (kind === "file") {
    const remedy = /\.gguf$/i.test(path)
      ? "read its metadata and give them to tokenizerFromGguf"
      : "give a file whose name ends in .json, .model or tok*.bin";
    return new TokenizerError(path, `Cannot load tokenizer ${path}: its name says no format that is known, ${remedy}`);
  }
  const others = (await listDirectory(path)).filter((name) => /^(tokenizer|vocab|spiece|sentencepiece)/.test(name));
  const found = others.length === 0 ? "no tokenizer file" : others.join(", ");
  const message = `Cannot load tokenizer ${path}: it needs one of ${names} but has ${found}, convert the tokenizer or give token ids`;
  return new TokenizerError(path, message);
}

/**
 * Loads a tokenizer: from a folder, of which the first of `tokenizer.json`, `tokenizer.model`, `spiece.model` and
 * `tokenizer.bin` is taken, or from a file of one of these kinds. The settings that lie beside it count:
 * `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`, `generation_config.json` and
 * `chat_template.jinja`. What was chosen stands in the tokenizer's `description`.
 *
 * @param path the folder or file
 * @throws TokenizerError where nothing is found or a file is malformed; a cause names the line where known
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  try {
    const choice = await choose(path);
    if (choice === null) throw await explainMissing(path);
    const config = await readConfig(choice.directory, choice.path);
    const source = await openFile(choice.path);
    try {
      const hash = await sha256(source);
      if (choice.format === "json") {
        return createTokenizer(parseJson(await readText(choice.path), choice.path), config, hash);
      }
      const bytes = await source.read(0, source.size);
      const create = choice.format === "llama2c" ? createLlama2cTokenizer : createSentencepieceTokenizer;
      return create(bytes, config, hash);
    } finally {
      await source.close();
    }
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new TokenizerError(error.path, `Cannot load tokenizer ${path}: ${error.message}`, { cause: error });
  }
}
