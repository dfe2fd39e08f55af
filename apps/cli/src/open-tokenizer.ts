// The tokenizer that belongs to a model's files, or one given beside them, whatever its format.
// Knows no command.
import { findPathKind, memorySource, sha256 } from "@dual-head/bytes";
import { type GgufVocabulary, ggufVocabularyOf, openCheckpoint } from "@dual-head/checkpoint";
import { hasTokenizer, loadTokenizer, type Tokenizer, tokenizerFromGguf } from "@dual-head/tokenizer";

/**
 * Opens a tokenizer: a folder or file of one, or a GGUF file with a vocabulary; null where the path has none.
 *
 * @param path a model's folder or file, or a tokenizer's
 * @throws TokenizerError where it is malformed
 */
export async function openTokenizer(path: string): Promise<Tokenizer | null> {
  if (/\.gguf$/i.test(path)) return openGgufTokenizer(path);
  if (await hasTokenizer(path)) return loadTokenizer(path);
  // Weights named by their file have their tokenizer in the same folder.
  if (!/\.safetensors(\.index\.json)?$/i.test(path) || (await findPathKind(path)) !== "file") return null;
  const folder = path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1) || ".";
  return (await hasTokenizer(folder)) ? loadTokenizer(folder) : null;
}

async function openGgufTokenizer(path: string): Promise<Tokenizer | null> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  const vocabulary = ggufVocabularyOf(checkpoint);
  // The kind that files without a vocabulary name.
  if (vocabulary === null || vocabulary.model === "none") return null;
  return tokenizerFromGguf(vocabulary, { path, sha256: await hashOf(vocabulary) });
}

/** The vocabulary's own hash, so that the same one has the same in files of other weights. */
async function hashOf(vocabulary: GgufVocabulary): Promise<string> {
  const plain = JSON.stringify(vocabulary, (_, value: unknown) =>
    ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value,
  );
  return sha256(memorySource(new TextEncoder().encode(plain), "vocabulary"));
}
