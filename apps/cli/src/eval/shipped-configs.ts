// The configurations that come with the program. Knows nothing of what they say.
import { fileURLToPath } from "node:url";

/** Their names. */
export const shippedConfigs: readonly string[] = [
  ...["mini-world", "mini-world-quick", "hh-rlhf-llama", "hh-rlhf-mistral"],
];

/** The path of one of them. */
export function shippedConfig(name: string): string {
  return fileURLToPath(new URL(`../../configs/${name}.json`, import.meta.url));
}
