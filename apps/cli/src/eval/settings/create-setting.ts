// The settings by kind.
import type { Scorer } from "@dual-head/eval";
import type { SettingConfig } from "../config.ts";
import { createFilesSetting } from "./files.ts";
import { createMiniWorldSetting } from "./mini-world.ts";
import type { Setting } from "./setting.ts";

/** Creates the setting of a configuration. */
export function createSetting(config: SettingConfig, openScorer: (model: string) => Promise<Scorer>): Setting {
  return config.kind === "mini-world" ? createMiniWorldSetting() : createFilesSetting(config, openScorer);
}

/** The setting as it is before a run: everything but scores. */
export function previewSetting(config: SettingConfig): Setting {
  return createSetting(config, (model) => Promise.reject(new Error(`Cannot score by ${model} before a run`)));
}
