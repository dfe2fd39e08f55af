// From a gate's description to the gate; knows no file format.
import { attentionGate } from "./attention-gate.ts";
import { constantGate } from "./constant-gate.ts";
import type { Gate, GateConfig } from "./gate.ts";

/**
 * The gate a configuration describes, as `gate.config` gave it.
 *
 * @throws GatingError where the configuration cannot be
 */
export function createGate(config: GateConfig): Gate {
  return config.kind === "attention" ? attentionGate(config) : constantGate(config);
}
