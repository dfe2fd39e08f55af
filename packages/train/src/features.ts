// Hidden states of the frozen backbone for training: from a file extracted once, or computed anew for each batch.
import type { Backbone } from "@dual-head/backbone";
import { createDirectory, memorySource, sha256 } from "@dual-head/bytes";
import type { Device } from "@dual-head/tensor-core";
import { layoutFeatures, openFeatureFile, openFeatureWriter } from "./feature-file.ts";
import { createRowExtractor, type ExampleRows, groupExamples, type RowExtractor } from "./rows.ts";
import type { TokenisedExample } from "./tokenise.ts";

/** Where collation takes rows from; both kinds give the same rows, up to the rounding of binary16 in the file. */
export interface FeatureSource {
  /** Rows of the examples with these indices. */
  read(indices: readonly number[]): Promise<ExampleRows[]>;
  close(): Promise<void>;
}

/** How far extraction has come. */
export interface FeatureProgress {
  readonly done: number;
  readonly total: number;
}

/** Everything features depend on. */
export interface FeatureOptions<Params> {
  readonly device: Device;
  readonly backbone: Backbone<Params>;
  readonly params: Params;
  readonly backboneSha256: string;
  /** How the backbone's matrices are held. */
  readonly backboneDtype: string;
  readonly examples: readonly TokenisedExample[];
  /** SHA-256 of the token ids, `PreparedData.sha256`. */
  readonly dataSha256: string;
  /** Rows run through the backbone at once. */
  readonly rowLimit: number;
  readonly signal?: AbortSignal | undefined;
}

/** Changes whenever what is stored does. */
const cacheVersion = 2;

function extractorOf<Params>({ device, backbone, params, examples }: FeatureOptions<Params>): RowExtractor {
  const longest = examples.map(({ prompt, responses }) =>
    responses.reduce((most, response) => Math.max(most, prompt.length + response.length - 1), prompt.length),
  );
  return createRowExtractor(
    device,
    backbone,
    params,
    longest.reduce((a, b) => Math.max(a, b), 1),
  );
}

/** Features computed anew for each batch: nothing is stored, and the backbone runs in every epoch. */
export function recomputedFeatures<Params>(options: FeatureOptions<Params>): FeatureSource {
  const extractor = extractorOf(options);
  return {
    async read(indices) {
      const examples = indices.map((index) => options.examples[index]!);
      const rows: ExampleRows[] = [];
      for (const group of groupExamples(examples, options.rowLimit)) rows.push(...(await extractor.extract(group)));
      return rows;
    },
    close: async () => extractor[Symbol.dispose](),
  };
}

/**
 * Features from a file in `folder`, extracted first where it is not there; an interrupted extraction goes on. The file
 * is named by backbone, tokens, device and kernel variant, so that none is ever mistaken for another.
 *
 * @throws TrainingError where the disk has no room, or rows do not fit binary16
 * @throws the signal's reason where it is aborted
 */
export async function* cachedFeatures<Params>(
  folder: string,
  options: FeatureOptions<Params>,
): AsyncGenerator<FeatureProgress, FeatureSource, undefined> {
  const { device, backbone, examples, rowLimit, signal } = options;
  const { hiddenSize } = backbone.config;
  const { backboneSha256, backboneDtype, dataSha256 } = options;
  const facts = [cacheVersion, backboneSha256, backboneDtype, dataSha256, hiddenSize, rowLimit];
  const name = JSON.stringify([...facts, device.name, device.info.variant]);
  const key = await sha256(memorySource(new TextEncoder().encode(name), "key"));
  const path = `${folder}/features-${key.slice(0, 16)}.bin`;
  const layout = layoutFeatures(key, hiddenSize, examples);
  await createDirectory(folder);
  let file = await openFeatureFile(path, layout);
  if (file === null) {
    const groups = groupExamples(examples, rowLimit);
    const boundaries = [0];
    for (const group of groups) boundaries.push(boundaries.at(-1)! + group.length);
    const writer = await openFeatureWriter(path, layout, boundaries);
    const extractor = extractorOf(options);
    try {
      let done = writer.startCount;
      yield { done, total: examples.length };
      for (const group of groups.slice(boundaries.indexOf(done))) {
        signal?.throwIfAborted();
        await writer.append(await extractor.extract(group));
        done += group.length;
        yield { done, total: examples.length };
      }
      await writer.finish();
    } finally {
      extractor[Symbol.dispose]();
      await writer.close();
    }
    file = await openFeatureFile(path, layout);
  }
  const opened = file!;
  return {
    read: (indices) => Promise.all(indices.map((index) => opened.read(index))),
    close: () => opened.close(),
  };
}
