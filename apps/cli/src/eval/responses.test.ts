// Answers on disk: whatever a killed run left, whole lines are kept and the torn one is asked again.
import { appendFile, readFile, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { appendResponses, type EvalResponse, readResponses } from "./responses.ts";

const responses: readonly EvalResponse[] = Array.from({ length: 5 }, (_, index) => ({
  ...{ index, answer: `answer ${index} “é\n”`, tokenCount: index, reason: "length", logp: -index - 0.5 },
  ...{ alpha: index === 2 ? null : 0.5, kl: index === 3 ? null : 1.25 },
}));

describe("readResponses()", () => {
  it("gives what was appended, and nothing of a file that is not there", async () => {
    const folder = await temporaryFolder();
    const path = `${folder.path}/a.jsonl`;
    expect(await readResponses(path)).toEqual(new Map());
    await appendResponses(path, responses.slice(0, 2));
    await appendResponses(path, responses.slice(2));
    expect([...(await readResponses(path)).values()]).toEqual(responses);
    await folder.remove();
  });

  it("takes a torn last line out wherever it is torn, so that the next append is whole", async () => {
    const folder = await temporaryFolder();
    const path = `${folder.path}/a.jsonl`;
    await writeFile(path, "");
    await appendResponses(path, responses);
    const whole = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (length) => {
        await writeFile(path, whole.subarray(0, length));
        const kept = await readResponses(path);
        expect([...kept.values()]).toEqual(responses.slice(0, kept.size));
        await appendResponses(path, responses.slice(kept.size));
        expect([...(await readResponses(path)).values()]).toEqual(responses);
      }),
      { numRuns: 60, seed: 7 },
    );
    await folder.remove();
  });

  it("refuses a file with another line that is no response, by its number", async () => {
    const folder = await temporaryFolder();
    const path = `${folder.path}/a.jsonl`;
    await appendResponses(path, responses.slice(0, 1));
    await appendFile(path, "{}\n");
    await appendResponses(path, responses.slice(1, 2));
    await expect(readResponses(path)).rejects.toThrow("line 2 is no response");
    await folder.remove();
  });
});
