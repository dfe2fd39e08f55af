// A process that trains heads, or tunes a model, and kills itself at a named moment, for the test of resuming; run from the
// built files.
import { readdirSync } from "node:fs";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { writeSafetensors } from "@dual-head/checkpoint";
import { openDevice } from "@dual-head/tensor-core";
import { prepareData } from "../prepare.ts";
import { storeTree } from "../stored-tensors.ts";
import { train } from "../train.ts";
import { dpoObjective } from "../tune/objectives.ts";
import { wholeModel } from "../tune/trainable.ts";
import { tune } from "../tune/tune.ts";
import { tinyRunOptions } from "./tiny-run.ts";

/** Where the process ends: at an event of a kind, the nth time, or while a file is being written; "never" at the end. */
type Moment = "never" | `${"features" | "step"} ${number}` | `writing ${string} ${number}`;

const [folder, moment, what] = process.argv.slice(2) as [string, Moment, "heads" | "model"];
const [kind, ...rest] = moment.split(" ");
const count = Number(rest.at(-1));
const die = () => process.kill(process.pid, "SIGKILL");

const device = await openDevice("cpu", { threads: 1 });
const model = tinyLlama(device, 3);
const options = tinyRunOptions(device, model, folder);

async function tuning() {
  const { tokenizer, pairs } = options;
  const { maxTokens } = model.backbone.config;
  const data = await prepareData(tokenizer, pairs, null, { maxTokens, heldOut: 0.25, seed: 7 });
  return tune({
    device,
    backbone: model.backbone,
    trainable: wholeModel(model.params),
    objective: dpoObjective({ beta: 0.5, labelSmoothing: 0 }),
    ...data,
    folder,
    settings: { batchSize: 5, epochs: 2, learningRate: 0.01, microBatchTokens: 100 },
    outputs: ["tuned.safetensors"],
    save: async (trained) => writeSafetensors(`${folder}/tuned.safetensors`, await storeTree("", trained), {}),
    resume: true,
    checkpointInterval: 3,
  });
}

let seen = 0;
if (kind === "writing") {
  // Between two system calls of a writer, every turn of the loop looks for its partial file.
  let lastName = "";
  const look = () => {
    const name = readdirSync(folder).find((each) => each.startsWith(rest[0]!) && each.endsWith(".partial"));
    if (name !== undefined && name !== lastName) {
      lastName = name;
      if (++seen === count) die();
    }
    setImmediate(look).unref();
  };
  setImmediate(look).unref();
}
const events = what === "model" ? await tuning() : train({ ...options, resume: true });
for await (const event of events) if (event.kind === kind && ++seen === count) die();
