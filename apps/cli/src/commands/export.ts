// dual-head export: a model, or a model with heads folded in at a constant α, as a folder or file that others run.
import { rename, rm, stat } from "node:fs/promises";
import { createDirectory, findPathKind, listDirectory, readJson } from "@dual-head/bytes";
import type { GgufValue } from "@dual-head/checkpoint";
import type { Tokenizer } from "@dual-head/tokenizer";
import { Command, Option } from "commander";
import { type FoldedHead, foldHeads } from "../export/fold-heads.ts";
import { type GgufExportDtype, type GgufReport, writeGgufFile } from "../export/gguf-file.ts";
import { copiedVocabulary, ggufVocabulary } from "../export/gguf-vocabulary.ts";
import { type FolderDtype, writeHfFolder } from "../export/hf-folder.ts";
import { openSourceModel, type SourceModel } from "../export/source-model.ts";
import { createProgress, formatBytes, type Io, toJson, UsageError } from "../io.ts";
import { locate } from "../locate.ts";
import { openTokenizer } from "../open-tokenizer.ts";
import { type HeadsOption, headsOption, headWeights, numberOption } from "../options.ts";
import { addIgnoreOption, modelHelp } from "./shared.ts";

interface ExportOptions {
  readonly model: string;
  readonly heads?: readonly HeadsOption[];
  readonly fold?: boolean;
  readonly alpha?: number;
  readonly dropBias?: boolean;
  readonly out: string;
  readonly gguf?: boolean;
  readonly dtype: GgufExportDtype;
  readonly ignoreConfigKey?: readonly string[];
  readonly json?: boolean;
}

/** The `export` command. */
export function exportCommand(io: Io): Command {
  const command = new Command("export")
    .description("write a model, with heads folded in at a constant alpha, as a folder or GGUF file that others run")
    .requiredOption("--model <model>", modelHelp)
    .option(
      "--heads <heads[=weight]>",
      "heads to fold in, a folder or owner/name; repeat to mix by weight",
      headsOption,
    )
    .option("--fold", "fold the heads into the model's own: W = (1-a)*W_LM + a*W_RM, which needs no gate")
    .option(
      "--alpha <a>",
      "alpha of every token; may be left out where the heads' gate is constant",
      numberOption({ min: 0, max: 1 }),
    )
    .option("--drop-bias", "leave out the heads' bias, which the exported model has no place for")
    .requiredOption("--out <path>", "a folder, or a file with --gguf, that does not exist yet")
    .option("--gguf", "one GGUF file, as llama.cpp reads it, instead of a Hugging Face folder")
    .addOption(
      new Option("--dtype <name>", "stored: as in the model; q8_0 and q4_0 with --gguf only")
        .choices(["stored", "f32", "f16", "bf16", "q8_0", "q4_0"])
        .default("stored"),
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
With --alpha the gate is not asked: alpha is then the same for all tokens, whatever the gate was trained to do.
The model's own head stays apart from its embedding in what is written, since the folded head differs from it.`,
    )
    .action(async (options: ExportOptions) => runExport(options, io));
  return addIgnoreOption(command);
}

async function runExport(options: ExportOptions, io: Io): Promise<void> {
  checkOptions(options);
  await checkFree(options.out, options.gguf === true);
  const weights = headWeights(options.heads ?? []);
  const path = await locate(options.model, "model", io);
  const paths: string[] = [];
  for (const { directory } of options.heads ?? []) paths.push(await locate(directory, "heads", io));
  await using model = await openSourceModel(path, { signal: io.signal, ignoreConfigKeys: options.ignoreConfigKey });
  const tokenizer = await openTokenizer(path);
  const { alpha, dropBias = false } = options;
  const head =
    paths.length === 0
      ? null
      : await foldHeads(model, { paths, weights, alpha, dropBias, tokenizerSha256: tokenizer?.sha256 });
  const progress = createProgress(io);
  const onTensor = (index: number, count: number) => progress.show(`writing tensor ${index + 1} of ${count}`);
  let report: GgufReport | null = null;
  try {
    report = await writeBeside(options.out, async (place) => {
      if (options.gguf === true) {
        const vocabulary = await vocabularyFields(model, tokenizer, io);
        return writeGgufFile(place, model, head, options.dtype, vocabulary, onTensor);
      }
      await writeHfFolder(place, model, head, options.dtype as FolderDtype, onTensor);
      if (!model.isFolder) io.note("the model is one file: the folder gets no tokenizer, put its files there\n");
      return null;
    });
  } finally {
    progress.end();
  }
  const bytes = await weightBytesIn(options.out, options.gguf === true);
  tell(options, model, head, report, bytes, io);
}

function checkOptions({ heads = [], fold, alpha, gguf, dtype, dropBias }: ExportOptions): void {
  if (heads.length > 0 && fold !== true) {
    throw new UsageError(
      "Cannot export heads beside a model: others run one head and no gate; add --fold to fold them into the model's own",
    );
  }
  if (heads.length === 0 && (fold === true || alpha !== undefined || dropBias === true)) {
    throw new UsageError("Cannot fold: there are no heads; name them with --heads");
  }
  if (gguf !== true && (dtype === "q8_0" || dtype === "q4_0")) {
    throw new UsageError(`Cannot write ${dtype} into a folder: add --gguf, or take f32, f16 or bf16`);
  }
}

/** Throws where something is at the place already: an export overwrites nothing. */
async function checkFree(out: string, gguf: boolean): Promise<void> {
  const kind = await findPathKind(out);
  if (kind === "missing") return;
  if (kind === "directory" && !gguf && (await listDirectory(out)).length === 0) return;
  const what = kind === "directory" ? (gguf ? "is a folder" : "has files in it") : "exists";
  throw new UsageError(`Cannot export to ${out}: it ${what}, and an export overwrites nothing; name another place`);
}

/** Writes under a name of its own and renames at the end, so that `out` is whole or not there. */
async function writeBeside<Result>(out: string, write: (place: string) => Promise<Result>): Promise<Result> {
  const trimmed = out.replace(/[/\\]+$/, "");
  const parent = /[/\\]/.test(trimmed) ? trimmed.replace(/[/\\][^/\\]*$/, "") || "/" : ".";
  await createDirectory(parent);
  const place = `${trimmed}.${process.pid}.partial`;
  try {
    const result = await write(place);
    await rename(place, trimmed);
    return result;
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    throw error;
  }
}

async function vocabularyFields(
  model: SourceModel,
  tokenizer: Tokenizer | null,
  io: Io,
): Promise<Readonly<Record<string, GgufValue>>> {
  const { path, config, generation, checkpoint } = model;
  if (checkpoint.format === "gguf") return copiedVocabulary(checkpoint);
  const jsonPath = `${path}/tokenizer.json`;
  if (tokenizer === null || (await findPathKind(jsonPath)) !== "file") {
    io.note("the model has no tokenizer.json: the file gets no vocabulary, and llama.cpp will not read text with it\n");
    return { "tokenizer.ggml.model": { string: "none" } };
  }
  const json = await readJson(jsonPath);
  const bosTokenId = tokenizer.bosToken ?? generation.bosTokenId;
  const { eosToken } = tokenizer.config;
  const eosTokenId = (eosToken === null ? undefined : tokenizer.specialTokens.get(eosToken)) ?? null;
  const bare = tokenizer.encode("a", { addSpecialTokens: false });
  const whole = tokenizer.encode("a");
  const addBos = bosTokenId !== null && whole[0] === bosTokenId && whole.length > bare.length;
  const addEos = eosTokenId !== null && whole.at(-1) === eosTokenId && whole.length > bare.length;
  if (bare.length + Number(addBos) + Number(addEos) !== whole.length) {
    throw new UsageError(
      `Cannot write the tokenizer of ${path} as GGUF: it adds tokens to a text other than ${bosTokenId} before and ${eosTokenId} after; export a folder without --gguf`,
    );
  }
  return ggufVocabulary({
    json,
    path: jsonPath,
    vocabSize: config.vocabSize,
    bosTokenId,
    eosTokenId: eosTokenId ?? generation.eosTokenIds[0] ?? null,
    addBos,
    addEos,
    chatTemplate: tokenizer.config.chatTemplate,
  });
}

async function weightBytesIn(out: string, gguf: boolean): Promise<number> {
  if (gguf) return (await stat(out)).size;
  const names = (await listDirectory(out)).filter((name) => name.endsWith(".safetensors"));
  const sizes = await Promise.all(names.map(async (name) => (await stat(`${out}/${name}`)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function tell(
  options: ExportOptions,
  { config }: SourceModel,
  head: FoldedHead | null,
  report: GgufReport | null,
  bytes: number,
  io: Io,
): void {
  if (head !== null && options.alpha !== undefined) {
    io.note(`alpha is ${head.alpha} for every token; the gate is not part of what was written\n`);
  }
  if (head !== null && head.biasError > 0) {
    io.note(
      `the heads' bias was left out: logits move against one another by up to ${head.biasError.toPrecision(3)}\n`,
    );
  }
  if (report !== null && report.widened.length > 0) {
    io.note(`${report.widened.length} matrices are F16: their rows are no multiple of 32\n`);
  }
  if (report !== null && report.contextLength < config.maxTokens) {
    const { contextLength } = report;
    io.note(`the file reads ${contextLength} tokens: beyond, llama.cpp would not keep to the model's window\n`);
  }
  const result = {
    out: options.out,
    format: options.gguf === true ? "gguf" : "huggingface",
    dtype: options.dtype,
    bytes,
    alpha: head?.alpha ?? null,
    biasError: head?.biasError ?? null,
    widened: report?.widened ?? [],
    maxTokens: report?.contextLength ?? config.maxTokens,
  };
  io.out(options.json === true ? `${toJson(result)}\n` : `${options.out}: ${formatBytes(bytes)} of weights\n`);
}
