// Models of two dozen tokens for the tests of methods: tables, and a tiny backbone that scores texts.
import { type Backbone, createScalarReward, type ScalarReward, type ScoreModel } from "@dual-head/backbone";
import type { BatchGenerator, GenerateRequest, TokenEvent } from "@dual-head/sampler";
import { randomTable, type TablePolicy, tablePolicy } from "@dual-head/sampler/testing";
import { createRandom, type Device } from "@dual-head/tensor-core";

/** Tokens of the tiny backbone, and of tables beside it. */
export const vocabSize = 23;

/** A policy over a seeded table of `vocabSize` tokens. */
export function tableOf(seed: number, slotCount: number = 16): TablePolicy {
  return tablePolicy(randomTable(vocabSize, seed), { maxTokens: 29, slotCount });
}

/** A backbone with its parameters. */
export interface TinyBackbone<Params> {
  readonly backbone: Backbone<Params>;
  readonly params: Params;
}

/** A score model of random weights above a tiny backbone. */
export function tinyScoreModel<Params>(device: Device, { backbone, params }: TinyBackbone<Params>): ScoreModel<Params> {
  const random = createRandom(7, "score");
  const { hiddenSize } = backbone.config;
  const score = device.tensor(
    Float64Array.from({ length: hiddenSize }, () => random.normal()),
    [1, hiddenSize],
  );
  return { backbone, params, score, padTokenId: null };
}

/** Its slots. */
export function tinyReward<Params>(device: Device, model: TinyBackbone<Params>, slotCount: number): ScalarReward {
  return createScalarReward(device, tinyScoreModel(device, model), { slotCount, capacity: 31 });
}

/** All events of requests, by request. */
export async function answersOf(
  generator: BatchGenerator,
  requests: readonly GenerateRequest[],
): Promise<
  readonly { readonly tokens: readonly number[]; readonly logp: readonly number[]; readonly reason: string }[]
> {
  const events: TokenEvent[][] = requests.map(() => []);
  const reasons: string[] = requests.map(() => "none");
  for await (const { index, event } of generator.generateBatch(requests)) {
    if (event.type === "token") events[index]!.push(event);
    else reasons[index] = event.reason;
  }
  return events.map((own, index) => ({
    tokens: own.map(({ token }) => token),
    logp: own.map(({ logp }) => logp),
    reason: reasons[index]!,
  }));
}
