// The suites by name, in the order in which they are run together.

import { ablationSuite } from "./ablation.ts";
import { alpacaSuite } from "./alpaca.ts";
import type { Suite } from "./context.ts";
import { efficiencySuite } from "./efficiency.ts";
import { frontierSuite } from "./frontier.ts";
import { crossArchitectureSuite, mainSuite } from "./main.ts";
import { mtBenchSuite } from "./mt-bench.ts";
import { multiObjectiveSuite } from "./multi-objective.ts";
import { qualitySuite } from "./quality.ts";
import { seedsSuite } from "./seeds.ts";
import { truthfulQaSuite } from "./truthfulqa.ts";
import { weakToStrongSuite } from "./weak-to-strong.ts";

/** The suites that are run together. */
export const suites: readonly Suite[] = [
  mainSuite,
  qualitySuite,
  efficiencySuite,
  ablationSuite,
  multiObjectiveSuite,
  crossArchitectureSuite,
  weakToStrongSuite,
  frontierSuite,
  truthfulQaSuite,
  mtBenchSuite,
  alpacaSuite,
];

/** Every suite that can be named: those, and what is several times their length. */
export const namedSuites: readonly Suite[] = [...suites, seedsSuite];
