// Metrics of each step as JSON lines: appended while training, cut back to the step a run resumes from.
import { findPathKind, readText, toFileError, writeFileAtomic } from "@dual-head/bytes";
import type { StepEvent } from "./events.ts";

/** The name of the file in the output folder. */
export const metricsFileName = "metrics.jsonl";

/** One line: a step's figures, without those that depend on the clock. */
export type StepMetrics = Omit<StepEvent, "kind" | "etaSeconds" | "totalSteps">;

/** Appends to the file and remembers what it holds. */
export interface MetricsLog<Entry extends { readonly step: number } = StepMetrics> {
  readonly steps: readonly Entry[];
  append(step: Entry): Promise<void>;
}

/** Mean loss of the first tenth of the steps, one at least. */
export function lossAtStart(steps: readonly { readonly loss: number }[]): number {
  return meanLoss(steps.slice(0, tenth(steps.length)));
}

/** Mean loss of the last tenth of the steps, one at least. */
export function lossAtEnd(steps: readonly { readonly loss: number }[]): number {
  return meanLoss(steps.slice(-tenth(steps.length)));
}

function tenth(count: number): number {
  return Math.max(1, Math.floor(count / 10));
}

function meanLoss(steps: readonly { readonly loss: number }[]): number {
  return steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length;
}

/**
 * Opens the log, keeping the steps up to `step`; what a killed run wrote after its last checkpoint is cut off.
 *
 * @param folder null for a log that is only remembered
 * @throws FileError where the folder is not writable
 */
export async function openMetrics<Entry extends { readonly step: number } = StepMetrics>(
  folder: string | null,
  step: number,
): Promise<MetricsLog<Entry>> {
  if (folder === null) {
    const steps: Entry[] = [];
    return { steps, append: async (entry) => void steps.push(entry) };
  }
  const { appendFile } = await import("node:fs/promises");
  const path = `${folder}/${metricsFileName}`;
  const former = step === 0 || (await findPathKind(path)) === "missing" ? "" : await readText(path);
  const steps = former.split("\n").flatMap((line) => {
    const parsed = parseLine<Entry>(line);
    return parsed !== null && parsed.step <= step ? [parsed] : [];
  });
  await writeFileAtomic(path, steps.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  return {
    steps,
    async append(entry) {
      steps.push(entry);
      await appendFile(path, `${JSON.stringify(entry)}\n`).catch((error: unknown) => {
        throw toFileError(path, "write", error);
      });
    },
  };
}

/** A line of the log, or null for the torn last line of a killed run. */
function parseLine<Entry extends { readonly step: number }>(line: string): Entry | null {
  try {
    const value = JSON.parse(line) as Entry | null;
    return typeof value?.step === "number" ? value : null;
  } catch {
    return null;
  }
}
