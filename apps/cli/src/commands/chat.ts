// dual-head chat: a conversation in the terminal, with strength and α turned between turns.
import { sampled } from "@dual-head/sampler";
import { type ChatMessage, chatPrompt, encodeChat } from "@dual-head/tokenizer";
import { Command } from "commander";
import { alphaStrip } from "../alpha-strip.ts";
import { defaultContext } from "../context.ts";
import { type Io, responsive, UsageError } from "../io.ts";
import { continuation, controlsFrom, openModel, stopTokensOf } from "../model.ts";
import {
  type AlignedModelOptions,
  addContextOption,
  addModelOptions,
  addSamplingOptions,
  type SamplingOptions,
} from "./shared.ts";

interface ChatOptions extends AlignedModelOptions, SamplingOptions {
  readonly system?: string;
}

const help = `/strength S   0 is exactly base, 1 the gate as trained
/alpha A      set alpha to a number; /alpha gate asks the gate again
/weights W…   one weight a head
/trace        colour each token by its alpha, on or off
/reset        forget the conversation
/quit         leave
`;

/** The `chat` command. */
export function chatCommand(io: Io): Command {
  const command = new Command("chat").description("talk with the model; lines beginning with / turn its knobs (/help)");
  addSamplingOptions(addContextOption(addModelOptions(command), `${defaultContext} where model and memory allow`))
    .option("--system <text>", "a first message that sets the tone")
    .action(async (options: ChatOptions) => chat(options, io));
  return command;
}

async function chat(options: ChatOptions, io: Io): Promise<void> {
  using model = await openModel(options, io);
  const { tokenizer, loaded } = model;
  if (tokenizer === null) throw new UsageError("Cannot chat: the model has no tokenizer; name one with --tokenizer");
  // A turn begins with all turns before it.
  const context = model.chooseContext();
  const policy = model.createPolicy(context, 1, { keepsPrefixes: true });
  const knobs: { strength: number; alpha: number | undefined; weights: readonly number[]; trace: boolean } = {
    strength: options.strength,
    alpha: options.alpha,
    weights: model.headWeights,
    trace: false,
  };
  const opening: readonly ChatMessage[] =
    options.system === undefined ? [] : [{ role: "system", content: options.system }];
  let messages = [...opening];
  let turn = 0;
  const { maxTokens } = loaded.config;
  const longer = context < maxTokens ? `, or start with a --context up to ${maxTokens}` : "";
  io.note(`context: ${context} of the ${maxTokens} tokens that the model reads\n`);
  io.note("/help lists the knobs; an empty line or Ctrl-D leaves\n> ");
  for await (const line of io.lines()) {
    if (line.trim() === "" || line.trim() === "/quit" || io.signal.aborted) break;
    if (line.startsWith("/")) {
      if (line.trim() === "/reset") messages = [...opening];
      io.note(`${turnKnob(line.trim(), knobs)}\n> `);
      continue;
    }
    messages.push({ role: "user", content: line });
    const prompt = [...encodeChat(tokenizer, chatPrompt(tokenizer.config, messages))];
    if (prompt.length >= context) {
      io.note(
        `Cannot answer: the conversation has ${prompt.length} tokens and there is room for ${context}; /reset begins anew${longer}\n> `,
      );
      messages.pop();
      continue;
    }
    let answer = "";
    const tokens: { text: string; alpha: number | null }[] = [];
    const events = sampled(policy).generate({
      ...options,
      prompt,
      seed: options.seed + turn++,
      controls: controlsFrom(knobs, knobs.weights),
      stopTokens: stopTokensOf(model),
      stopStrings: ["\n\nHuman:"],
      createDetokenizer: continuation(tokenizer, prompt),
      signal: io.signal,
    });
    for await (const event of responsive(events)) {
      answer += event.text;
      if (event.type === "token") tokens.push({ text: event.text, alpha: event.alpha });
      if (!knobs.trace) io.out(event.text);
    }
    if (knobs.trace) io.out(alphaStrip(tokens, io.colour));
    io.out("\n");
    messages.push({ role: "assistant", content: answer.trim() });
    io.note("> ");
  }
  io.note("\n");
}

/** Turns a knob and says where it stands. */
function turnKnob(
  line: string,
  knobs: { strength: number; alpha: number | undefined; weights: readonly number[]; trace: boolean },
): string {
  const [name, ...values] = line.slice(1).split(/\s+/);
  const numbers = values.map(Number);
  const within = (value: number | undefined, low: number, high: number) =>
    value !== undefined && value >= low && value <= high;
  if (name === "strength" && within(numbers[0], 0, Number.MAX_VALUE)) {
    knobs.strength = numbers[0]!;
    return `strength ${knobs.strength}`;
  }
  if (name === "alpha" && (values[0] === "gate" || within(numbers[0], 0, 1))) {
    knobs.alpha = values[0] === "gate" ? undefined : numbers[0];
    return `alpha ${knobs.alpha ?? "by the gate"}`;
  }
  const total = numbers.reduce((sum, value) => sum + value, 0);
  if (
    name === "weights" &&
    numbers.length === knobs.weights.length &&
    numbers.every((value) => value >= 0) &&
    total > 0
  ) {
    knobs.weights = numbers.map((value) => value / total);
    return `weights ${knobs.weights.map((weight) => weight.toFixed(2)).join(" ")}`;
  }
  if (name === "trace") {
    knobs.trace = !knobs.trace;
    return `trace ${knobs.trace ? "on" : "off"}`;
  }
  return name === "reset" ? "the conversation is forgotten" : help;
}
