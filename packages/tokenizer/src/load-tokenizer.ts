// Loading a tokenizer from a Hugging Face folder. It does not know the model in the same folder.
import { FileError, findPathKind, listDirectory, openFile, parseJson, readText, sha256 } from "@dual-head/bytes";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { parseTokenizerConfig } from "./tokenizer-config.ts";
import { TokenizerError } from "./tokenizer-error.ts";

const mainName = "tokenizer.json";

/** Whether a folder has a tokenizer that {@link loadTokenizer} can load. */
export async function hasTokenizer(directory: string): Promise<boolean> {
  return (await findPathKind(`${directory}/${mainName}`)) === "file";
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

/**
 * Loads the tokenizer of a folder: `tokenizer.json` and, where present, `tokenizer_config.json`,
 * `special_tokens_map.json`, `generation_config.json` and `chat_template.jinja`.
 *
 * @param directory the folder
 * @throws TokenizerError where tokenizer.json is missing or a file is malformed; a cause names the line where known
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const path = `${directory}/${mainName}`;
  try {
    if (!(await hasTokenizer(directory))) {
      const others = (await listDirectory(directory)).filter((name) => /^(tokenizer|vocab|spiece)/.test(name));
      const found = others.length === 0 ? "no tokenizer file" : others.join(", ");
      const message = `Cannot load tokenizer ${directory}: it needs ${mainName} but has ${found}, convert the tokenizer or give token ids`;
      throw new TokenizerError(directory, message);
    }
    const [json, tokenizerConfig, specialTokensMap, generationConfig, chatTemplate] = await Promise.all([
      readText(path).then((text) => parseJson(text, path)),
      readOptionalJson(directory, "tokenizer_config.json"),
      readOptionalJson(directory, "special_tokens_map.json"),
      readOptionalJson(directory, "generation_config.json"),
      readOptional(directory, "chat_template.jinja"),
    ]);
    const config = parseTokenizerConfig(
      { tokenizerConfig, specialTokensMap, generationConfig, ...(chatTemplate === undefined ? {} : { chatTemplate }) },
      directory,
    );
    const source = await openFile(path);
    try {
      return createTokenizer(json, config, await sha256(source));
    } finally {
      await source.close();
    }
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new TokenizerError(error.path, `Cannot load tokenizer ${directory}: ${error.message}`, { cause: error });
  }
}
