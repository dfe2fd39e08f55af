// Where arms are made and run: models are opened, parts trained once and kept on disk, prompts answered into files. A run
// that was stopped finds what it had done. Knows no suite and no score.

import { type LoadedLlama, loadLlama } from "@dual-head/backbone-llama";
import { createDirectory, findPathKind, readJson, writeFileAtomic } from "@dual-head/bytes";
import { type DrawnResponse, policyKl } from "@dual-head/eval";
import { createBasePolicy } from "@dual-head/methods";
import type { BatchEvent, DecodePolicy, GenerateRequest } from "@dual-head/sampler";
import type { Device } from "@dual-head/tensor-core";
import type { Tokenizer } from "@dual-head/tokenizer";
import { type Io, responsive, UsageError } from "../io.ts";
import { locate } from "../locate.ts";
import { continuation, stopTokensOf } from "../model.ts";
import { openTokenizer } from "../open-tokenizer.ts";
import { type Arm, keyOf, type PartSpec } from "./arm.ts";
import { sourceOf } from "./backbone-source.ts";
import type { EvalConfig } from "./config.ts";
import { fitPrompt, promptRoom } from "./fit-prompt.ts";
import { type OpenedMethod, openMethod, partsOf } from "./methods/methods.ts";
import type { LoadedParts, ModelPart } from "./methods/parts.ts";
import { type LoadedPart, loadPart, trainPart } from "./methods/train-part.ts";
import { appendResponses, type EvalResponse, readResponses } from "./responses.ts";
import type { AnswerManner, EvalPrompt, Setting } from "./settings/setting.ts";

/** A model of the config, opened. */
export interface OpenBackbone {
  readonly role: string;
  readonly path: string;
  readonly llama: LoadedLlama;
  readonly tokenizer: Tokenizer;
  /** What its weights take on the device. */
  readonly bytes: number;
}

/** How much was trained: numbers, and steps of the optimiser. */
export interface TrainedFigures {
  readonly trainable: number;
  readonly steps: number;
}

/** Of a part that is whole: what it was made from, and its figures. */
const doneFile = "done.json";

/** What a workbench is given. */
export interface WorkbenchOptions {
  readonly config: EvalConfig;
  readonly setting: Setting;
  readonly device: Device;
  /** Folder of models and responses; shared by the suites of a run. */
  readonly folder: string;
  readonly io: Io;
  readonly onProgress: (line: string) => void;
}

/** Opens, trains and runs. */
export class Workbench implements Disposable {
  readonly options: WorkbenchOptions;
  readonly #backbones = new Map<string, Promise<OpenBackbone>>();

  constructor(options: WorkbenchOptions) {
    this.options = options;
  }

  /** The backbone of a role, opened once. */
  backbone(role: string): Promise<OpenBackbone> {
    const known = this.#backbones.get(role);
    if (known !== undefined) return known;
    const opened = this.#openBackbone(role);
    this.#backbones.set(role, opened);
    return opened;
  }

  /** Answers of an arm in the order of the prompts; those that are on disk already are read. */
  async run(
    arm: Arm,
    prompts: readonly EvalPrompt[],
    options: { readonly withKl?: boolean } = {},
  ): Promise<readonly EvalResponse[]> {
    const { config, folder, io, onProgress } = this.options;
    const { withKl = false } = options;
    const path = `${folder}/responses/${await this.#keyOf(arm, prompts, withKl)}.jsonl`;
    await createDirectory(`${folder}/responses`);
    const done = await readResponses(path);
    const todo = [...prompts.keys()].filter((index) => !done.has(index));
    if (todo.length === 0) return inOrder(prompts, done);
    await writeFileAtomic(path.replace(/jsonl$/, "json"), `${JSON.stringify(arm, null, 1)}\n`);
    const temperature = temperatureOf(arm, config);
    const { config: shape } = (await this.backbone(arm.backbone)).llama;
    return this.withMethod(arm, config.concurrency, shape.maxTokens, async (method, base, tokenizer) => {
      const fitted = prompts.map(({ text, manner }) =>
        fitPrompt(
          (given) => tokenizer.encode(given),
          text,
          promptRoom(shape.maxTokens, manner?.maxNewTokens ?? config.maxNewTokens),
        ),
      );
      const cutCount = fitted.filter(({ isCut }) => isCut).length;
      if (cutCount > 0) {
        const most = `${shape.maxTokens} tokens of ${config.backbones[arm.backbone]}`;
        io.note(
          `${arm.name}: ${cutCount} of ${prompts.length} prompts do not fit the ${most}; their first turns are left out\n`,
        );
      }
      const encoded = fitted.map(({ tokens }) => tokens);
      for (let start = 0; start < todo.length; start += groupSize) {
        const group = todo.slice(start, start + groupSize);
        const requests = group.map((index) =>
          this.request(arm, encoded[index]!, index, method, tokenizer, prompts[index]!.manner),
        );
        const answers = await this.#answers(method.generator.generateBatch(requests), group.length);
        io.signal.throwIfAborted();
        const kl =
          withKl && method.policy !== null && temperature > 0
            ? await this.#divergences(
                base,
                method.policy,
                answers.map(({ tokens }, at) => ({
                  prompt: requests[at]!.prompt,
                  response: tokens,
                  controls: method.controls,
                })),
                temperature,
              )
            : group.map(() => null);
        const responses = answers.map(
          ({ text, tokens, reason, logp, alpha }, at): EvalResponse => ({
            index: group[at]!,
            answer: text,
            tokenCount: tokens.length,
            reason,
            logp,
            alpha,
            kl: kl[at]!,
          }),
        );
        for (const response of responses) done.set(response.index, response);
        await appendResponses(path, responses);
        onProgress(`${arm.name}: ${done.size} of ${prompts.length} answers`);
      }
      return inOrder(prompts, done);
    });
  }

  /** A request of an arm as every suite makes it; answer number `index` has a seed of its own, the same for all arms. */
  request(
    arm: Arm,
    prompt: readonly number[],
    index: number,
    method: OpenedMethod,
    tokenizer: Tokenizer,
    manner: AnswerManner = {},
  ): GenerateRequest {
    const { config, setting, io } = this.options;
    return {
      prompt,
      controls: method.controls,
      temperature: manner.temperature ?? temperatureOf(arm, config),
      maxNewTokens: manner.maxNewTokens ?? config.maxNewTokens,
      seed: config.seed * 1_000_003 + index,
      stopTokens: this.#stopTokens.get(arm.backbone) ?? [],
      stopStrings: manner.stopStrings ?? setting.stopStrings,
      createDetokenizer: continuation(tokenizer, prompt),
      signal: io.signal,
    };
  }

  readonly #stopTokens = new Map<string, readonly number[]>();

  /** Opens an arm with its trained parts for `body`, and frees all that was opened for it. */
  async withMethod<Out>(
    arm: Arm,
    slotCount: number,
    capacity: number,
    body: (method: OpenedMethod, base: ModelPart, tokenizer: Tokenizer) => Promise<Out>,
  ): Promise<Out> {
    const { device } = this.options;
    const opened = await this.backbone(arm.backbone);
    const base = modelPartOf(opened);
    const loaded: LoadedPart[] = [];
    try {
      for (const spec of partsOf(arm)) {
        const folder = await this.part(spec);
        loaded.push(await loadPart(spec, folder, await this.backbone(spec.backbone), device));
      }
      const parts: LoadedParts = {
        heads: loaded.flatMap((each) => (each.kind === "heads" ? [each.part] : [])),
        models: loaded.flatMap((each) => (each.kind === "model" ? [each.part] : [])),
        scores: loaded.flatMap((each) => (each.kind === "score" ? [each.part] : [])),
        helper: modelPartOf(await this.backbone(arm.helper ?? arm.backbone)),
      };
      const open = openMethod({
        arm,
        device,
        base,
        parts,
        slotCount,
        capacity: Math.min(capacity, opened.llama.config.maxTokens),
      });
      try {
        return await body(open, base, opened.tokenizer);
      } finally {
        open[Symbol.dispose]();
      }
    } finally {
      for (const part of loaded) part[Symbol.dispose]();
    }
  }

  /** What was trained for an arm, its parts together; null where nothing was. */
  async trainedFigures(arm: Arm): Promise<TrainedFigures | null> {
    const figures: TrainedFigures[] = [];
    for (const spec of partsOf(arm)) {
      const done = (await readJson(`${await this.part(spec)}/${doneFile}`)) as unknown as {
        readonly figures: TrainedFigures;
      };
      figures.push(done.figures);
    }
    if (figures.length === 0) return null;
    const sum = (name: keyof TrainedFigures) => figures.reduce((total, each) => total + each[name], 0);
    return { trainable: sum("trainable"), steps: sum("steps") };
  }

  /** The folder of a trained part; it is trained where it is not there yet, or not whole. */
  async part(spec: PartSpec): Promise<string> {
    const { config, setting, device, folder, io, onProgress } = this.options;
    const opened = await this.backbone(spec.backbone);
    const { seed = config.seed, ...own } = spec;
    const identity = {
      ...{ spec: { ...own, backbone: opened.llama.sha256 }, pairs: config.pairs, seed },
      ...{ setting: config.setting, dtype: config.dtype, device: device.name, variant: device.info.variant },
    };
    const out = `${folder}/models/${spec.kind}-${spec.backbone}-${spec.reward}-${keyOf(identity)}`;
    if ((await findPathKind(`${out}/${doneFile}`)) !== "missing") return out;
    await createDirectory(`${folder}/models`);
    const pairs = await setting.pairs(spec.reward, config.pairs, seed);
    const figures = await trainPart({ spec, pairs, opened, device, folder: out, seed, io, onProgress });
    await writeFileAtomic(`${out}/${doneFile}`, `${JSON.stringify({ ...identity, figures }, null, 1)}\n`);
    return out;
  }

  [Symbol.dispose](): void {
    for (const opened of this.#backbones.values()) {
      void opened.then(({ llama }) => llama[Symbol.dispose]()).catch(() => {});
    }
  }

  async #openBackbone(role: string): Promise<OpenBackbone> {
    const { config, device, io } = this.options;
    const source = config.backbones[role];
    if (source === undefined) {
      const known = Object.keys(config.backbones).join(", ");
      throw new UsageError(`Cannot use the backbone ${role}: the configuration names ${known}; add it to backbones`);
    }
    const path = await locate(await sourceOf(source), "model", io);
    const tokenizer = await openTokenizer(path);
    if (tokenizer === null) {
      throw new UsageError(`Cannot evaluate ${source}: it has no tokenizer; give a folder with tokenizer.json`);
    }
    const before = device.stats.bytes;
    const llama = await loadLlama(path, device, { dtype: config.dtype, signal: io.signal });
    this.#stopTokens.set(role, stopTokensOf({ tokenizer, loaded: llama }));
    return { role, path, llama, tokenizer, bytes: device.stats.bytes - before };
  }

  async #keyOf(arm: Arm, prompts: readonly EvalPrompt[], withKl: boolean): Promise<string> {
    const { config, device } = this.options;
    const { name, seed: trainingSeed = config.seed, ...own } = arm;
    const { llama } = await this.backbone(arm.backbone);
    const helper = arm.helper === undefined ? null : (await this.backbone(arm.helper)).llama.sha256;
    const { pairs, seed, temperature, maxNewTokens, setting, dtype } = config;
    const manners = prompts.map(({ manner }) => manner ?? null);
    return `${name.replaceAll(/[^a-z0-9]+/gi, "-")}-${keyOf({
      ...{ own, backbone: llama.sha256, helper, withKl, prompts: prompts.map(({ text }) => text) },
      ...(manners.some((manner) => manner !== null) ? { manners } : {}),
      // Only another seed than the configuration's makes other answers than an arm without one.
      ...(trainingSeed === seed ? {} : { trainingSeed }),
      ...{ pairs, seed, temperature, maxNewTokens, setting, dtype, device: device.name, variant: device.info.variant },
    })}`;
  }

  /** KL(π ‖ base) along each answer, nats, both at the temperature at which it was drawn. */
  async #divergences(
    { backbone, params }: ModelPart,
    policy: DecodePolicy,
    responses: readonly DrawnResponse[],
    temperature: number,
  ): Promise<readonly number[]> {
    const { device, io } = this.options;
    const { maxTokens } = backbone.config;
    using base = createBasePolicy({ backbone, params, device, slotCount: klBatchSize, capacity: maxTokens });
    const batches = { batchSize: klBatchSize, signal: io.signal };
    const found = await policyKl({ policy, base, responses, temperature, ...batches });
    return found.map(({ exact }) => exact);
  }

  async #answers(events: AsyncIterable<BatchEvent>, count: number) {
    const answers = Array.from({ length: count }, () => ({
      ...{ text: "", tokens: [] as number[], reason: "none", logp: 0, alphaSum: 0, alphaCount: 0 },
    }));
    for await (const { index, event } of responsive(events)) {
      const own = answers[index]!;
      own.text += event.text;
      if (event.type === "end") {
        own.reason = event.reason;
        continue;
      }
      own.tokens.push(event.token);
      own.logp += event.logp;
      if (event.alpha === null) continue;
      own.alphaSum += event.alpha;
      own.alphaCount++;
    }
    return answers.map(({ alphaSum, alphaCount, ...own }) => ({
      ...own,
      alpha: alphaCount === 0 ? null : alphaSum / alphaCount,
    }));
  }
}

/** Sequences of one question with its answers. */
export const answerSlots = 17;
/** Answers whose logits are held at once: 16 of 64 tokens are 16 MiB a model at a vocabulary of 2048. */
const klBatchSize = 16;
/** Prompts answered between two writes to the disk. */
const groupSize = 100;

function temperatureOf({ knobs }: Arm, config: EvalConfig): number {
  return knobs.temperature ?? config.temperature;
}

function modelPartOf({ role, llama }: OpenBackbone): ModelPart {
  return { name: role, backbone: llama.backbone, params: llama.params };
}

function inOrder(prompts: readonly EvalPrompt[], done: ReadonlyMap<number, EvalResponse>): readonly EvalResponse[] {
  return prompts.map((_, index) => done.get(index)!);
}
