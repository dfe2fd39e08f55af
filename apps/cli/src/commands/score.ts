// dual-head score: log-probability, α and top tokens of every position of a given text.

import { readText } from "@dual-head/bytes";
import { logNormalizer } from "@dual-head/sampler";
import { Command } from "commander";
import { type Io, toJson, UsageError } from "../io.ts";
import { checkLength, controlsFrom, openModel, promptTokens, textOf } from "../model.ts";
import { numberOption } from "../options.ts";
import { type AlignedModelOptions, addContextOption, addModelOptions, addTokensAndJson } from "./shared.ts";

interface ScoreOptions extends AlignedModelOptions {
  readonly text?: string;
  readonly tokens?: readonly number[];
  readonly file?: string;
  readonly top?: number;
  readonly logits?: boolean;
  readonly json?: boolean;
}

/** The `score` command. */
export function scoreCommand(io: Io): Command {
  const command = new Command("score").description(
    "log-probability (nats), alpha and likeliest tokens at each position of a text",
  );
  addTokensAndJson(addContextOption(addModelOptions(command), "the text"))
    .option("--text <text>", "text to score")
    .option("--file <path>", "file with the text to score")
    .option("--top <k>", "the k likeliest next tokens after each position", numberOption({ min: 1, integer: true }))
    .option("--logits", "the full mixed logits after each position (with --json)")
    .action(async (options: ScoreOptions) => score(options, io));
  return command;
}

async function score(options: ScoreOptions, io: Io): Promise<void> {
  if (options.logits === true && options.json !== true)
    throw new UsageError("Cannot print logits as a table: add --json");
  if (options.file !== undefined && options.text !== undefined)
    throw new UsageError("Cannot score two texts: give --text or --file");
  const text = options.file === undefined ? options.text : await readText(options.file);
  using model = await openModel(options, io);
  const { tokenizer } = model;
  const ids = promptTokens(model, { text, tokens: options.tokens });
  checkLength(model, ids);
  const policy = model.createPolicy(ids.length);
  const sequence = policy.open(controlsFrom(options, model.headWeights));
  const wantsLogits = options.logits === true || options.top !== undefined;
  const [scores] = await policy.score([{ sequence, tokens: ids }], { logits: wantsLogits });
  const broken = scores!.logp.findIndex((logp, index) => index > 0 && !Number.isFinite(logp));
  if (broken >= 0) {
    throw new Error(
      `Cannot score position ${broken}: its log-probability is ${scores!.logp[broken]}; check the weights of model and heads`,
    );
  }
  const tokens = ids.map((id, index) => {
    const logits = scores!.logits?.[index];
    return {
      id,
      text: textOf(tokenizer, id),
      // The first token has nothing before it.
      logp: index === 0 ? null : scores!.logp[index]!,
      alpha: scores!.alpha?.[index] ?? null,
      ...(options.top === undefined
        ? {}
        : {
            top: likeliest(logits!, options.top).map(({ id: next, logp }) => ({
              id: next,
              text: textOf(tokenizer, next),
              logp,
            })),
          }),
      ...(options.logits === true ? { logits } : {}),
    };
  });
  if (options.json === true) {
    io.out(`${toJson({ model: options.model, device: model.device.name, tokens })}\n`);
    return;
  }
  const header = `position      id      logp   alpha  text${options.top === undefined ? "" : "  →  likeliest next"}`;
  const rows = tokens.map(({ id, text: piece, logp, alpha, top }, index) => {
    const next = top
      ?.map((item) => `${JSON.stringify(item.text ?? item.id)} ${Math.exp(item.logp).toFixed(3)}`)
      .join("  ");
    const cells = [
      String(index).padStart(8),
      String(id).padStart(8),
      (logp?.toFixed(4) ?? "-").padStart(10),
      (alpha?.toFixed(4) ?? "-").padStart(8),
    ];
    return `${cells.join("")}  ${JSON.stringify(piece ?? "")}${next === undefined ? "" : `  →  ${next}`}`;
  });
  const total = tokens.reduce((sum, { logp }) => sum + (logp ?? 0), 0);
  const scored = tokens.length - 1;
  io.out(
    `${header}\n${rows.join("\n")}\ntotal ${total.toFixed(4)} nats over ${scored} tokens${scored > 0 ? `, ${(-total / scored).toFixed(4)} nats a token` : ""}\n`,
  );
}

/** The k likeliest tokens with their log-probabilities, ties by the lower id. */
function likeliest(logits: Float32Array | Float64Array, k: number): readonly { id: number; logp: number }[] {
  const normaliser = logNormalizer(logits);
  const ids = Uint32Array.from(logits, (_, id) => id).sort((a, b) => logits[b]! - logits[a]! || a - b);
  return Array.from(ids.subarray(0, k), (id) => ({ id, logp: logits[id]! - normaliser }));
}
