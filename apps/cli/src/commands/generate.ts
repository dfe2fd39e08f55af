// dual-head generate: continues a prompt, streaming text, with α per token.
import { sampled } from "@dual-head/sampler";
import { Command } from "commander";
import { alphaStrip } from "../alpha-strip.ts";
import { type Io, responsive, toJson } from "../io.ts";
import { checkLength, continuation, controlsFrom, openModel, promptTokens, stopTokensOf, textOf } from "../model.ts";
import { collectOption } from "../options.ts";
import {
  type AlignedModelOptions,
  addContextOption,
  addModelOptions,
  addSamplingOptions,
  addTokensAndJson,
  type SamplingOptions,
} from "./shared.ts";

interface GenerateOptions extends AlignedModelOptions, SamplingOptions {
  readonly prompt?: string;
  readonly tokens?: readonly number[];
  readonly stop?: readonly string[];
  readonly trace?: boolean;
  readonly json?: boolean;
}

/** The `generate` command. */
export function generateCommand(io: Io): Command {
  const command = new Command("generate").description("continue a prompt with base or aligned text");
  const withModel = addContextOption(addModelOptions(command), "the prompt and the new tokens");
  addSamplingOptions(addTokensAndJson(withModel.option("--prompt <text>", "text to continue")))
    .option("--stop <text>", "end before this text; repeat for several", collectOption)
    .option("--trace", "show each new token coloured by its alpha, with log-probabilities")
    .action(async (options: GenerateOptions) => generate(options, io));
  return command;
}

async function generate(options: GenerateOptions, io: Io): Promise<void> {
  using model = await openModel(options, io);
  const prompt = promptTokens(model, { text: options.prompt, tokens: options.tokens });
  checkLength(model, prompt);
  const policy = model.createPolicy(prompt.length + options.maxNewTokens);
  const { tokenizer, headWeights: weights } = model;
  const streamed = options.json !== true && options.trace !== true;
  const tokens: { id: number; text: string | null; logp: number; alpha: number | null }[] = [];
  let text = "";
  const start = performance.now();
  let firstToken = start;
  const events = sampled(policy).generate({
    ...options,
    prompt,
    controls: controlsFrom(options, weights),
    stopTokens: stopTokensOf(model),
    stopStrings: options.stop ?? [],
    createDetokenizer: continuation(tokenizer, prompt),
    signal: io.signal,
  });
  for await (const event of responsive(events)) {
    if (event.type === "token") {
      if (tokens.length === 0) firstToken = performance.now();
      tokens.push({ id: event.token, text: textOf(tokenizer, event.token), logp: event.logp, alpha: event.alpha });
    }
    text += event.text;
    if (streamed) io.out(event.text);
  }
  const end = performance.now();
  const decodeSeconds = (end - firstToken) / 1000;
  const timing = {
    prefillSeconds: (firstToken - start) / 1000,
    decodeSeconds,
    // The first token belongs to the prefill.
    tokensPerSecond: tokens.length > 1 ? (tokens.length - 1) / decodeSeconds : null,
  };
  if (options.json === true) {
    io.out(`${toJson({ text, tokens, device: model.device.name, cost: policy.cost, timing })}\n`);
  } else if (options.trace === true) {
    const strip = alphaStrip(
      tokens.map((token) => ({ text: token.text ?? `‹${token.id}›`, alpha: token.alpha })),
      io.colour,
    );
    const rows = tokens.map(({ id, text: piece, logp, alpha }) =>
      [
        String(id).padStart(7),
        logp.toFixed(4).padStart(10),
        (alpha?.toFixed(4) ?? "-").padStart(8),
        `  ${JSON.stringify(piece ?? "")}`,
      ].join(""),
    );
    io.out(`${strip}\n\n     id      logp   alpha  text\n${rows.join("\n")}\n`);
  } else {
    io.out(tokenizer === null ? `${tokens.map(({ id }) => id).join(",")}\n` : "\n");
  }
  io.note(
    `${tokens.length} tokens, ${timing.tokensPerSecond?.toFixed(1) ?? "-"} tokens/s after a prefill of ${timing.prefillSeconds.toFixed(3)} s\n`,
  );
  io.signal.throwIfAborted();
}
