// Where a model of a configuration is: those of the mini world by name, all others as they are said. Opens none.
import { type BackboneName, shippedBackbone } from "@dual-head/mini-world";

const worldPrefix = "world:";

/** The folder of `world:NAME`, every file compared with its hash; any other source itself. */
export async function sourceOf(source: string): Promise<string> {
  if (!source.startsWith(worldPrefix)) return source;
  return shippedBackbone(source.slice(worldPrefix.length) as BackboneName);
}
