// npm run world:train: trains a backbone of the world, or goes on where a run was stopped. Knows no reward.
import { parseArgs } from "node:util";
import { openDevice } from "@dual-head/tensor-core";
import { type BackboneName, recipes } from "./backbones/recipes.ts";
import { trainBackbone } from "./backbones/train-backbone.ts";

const { values: flags } = parseArgs({
  options: {
    backbone: { type: "string", default: "m" },
    out: { type: "string", default: "world-out" },
    tokens: { type: "string" },
    threads: { type: "string" },
    resume: { type: "boolean", default: false },
  },
});
if (!Object.hasOwn(recipes, flags.backbone)) {
  throw new RangeError(
    `Cannot train backbone ${flags.backbone}: there is none of this name; choose from ${Object.keys(recipes).join(", ")}`,
  );
}
const name = flags.backbone as BackboneName;
const device = await openDevice("cpu", flags.threads === undefined ? {} : { threads: Number(flags.threads) });
const controller = new AbortController();
process.once("SIGINT", () => controller.abort());
console.error(`backbone ${name} on ${device.info.description}`);
for await (const event of trainBackbone({
  name,
  device,
  folder: `${flags.out}/${name}`,
  tokenBudget: flags.tokens === undefined ? undefined : Number(flags.tokens),
  resume: flags.resume,
  signal: controller.signal,
})) {
  if (event.kind === "step" && event.step % 20 === 0) {
    const { step, totalSteps, loss, tokensPerSecond, etaSeconds } = event;
    console.error(
      `step ${step}/${totalSteps}  ${loss.toFixed(4)} nats a token  ${tokensPerSecond.toFixed(0)} tokens/s  ${(etaSeconds / 60).toFixed(1)} min left`,
    );
  } else if (event.kind !== "step") {
    console.error(JSON.stringify(event));
  }
}
device[Symbol.dispose]();
