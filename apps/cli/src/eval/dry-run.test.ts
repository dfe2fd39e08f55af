// What a dry run says of machines and models: memory of what is open at once, and reward models that are none.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { startTestHub } from "@dual-head/hub/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { run } from "../testing/run.ts";
import { writeTinyGpt2, writeTinyModel } from "../testing/tiny-model.ts";

describe("eval --dry-run", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const place = (name: string) => `${folder.path}/${name}`;
  const classifier = { architectures: ["GPT2ForSequenceClassification"], num_labels: 1 };
  const rewardModel = async (name: string, changes: object) => {
    await mkdir(place(name));
    await writeTinyGpt2(place(name));
    const path = place(`${name}/config.json`);
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...changes }));
  };
  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeTinyModel(place("main"));
    await rewardModel("sound", classifier);
    await rewardModel("language", { architectures: ["GPT2LMHeadModel"] });
    await rewardModel("unnamed", {});
    await rewardModel("three", { ...classifier, num_labels: 3 });
    await rewardModel("contrary", { ...classifier, num_labels: 3, id2label: { 0: "good" } });
    const question = "\n\nHuman: What of it?\n\nAssistant: ";
    const pair = { chosen: `${question}Much.`, rejected: `${question}Little.` };
    const other = { chosen: `\n\nHuman: Why?${question}Much.`, rejected: `\n\nHuman: Why?${question}Little.` };
    await writeFile(place("pairs.jsonl"), `${JSON.stringify(pair)}\n${JSON.stringify(other)}\n`);
  });
  afterAll(() => folder.remove());

  const dry = async (suite: string, scorer: string, changes: object = {}, environment?: Record<string, string>) => {
    const files = [place("pairs.jsonl")];
    const config = {
      setting: { kind: "files", preferences: { overall: files }, prompts: files, scorers: { overall: scorer } },
      ...{ backbones: { main: place("main") }, pairs: 8, prompts: 5, concurrency: 3, ...changes },
    };
    await writeFile(place("config.json"), JSON.stringify(config));
    const argv = ["eval", suite, "--config", place("config.json"), "--device", "cpu", "--out", place("out")];
    return run([...argv, "--dry-run"], environment === undefined ? {} : { environment });
  };

  it("takes sequence classifiers as reward models and nothing else", async () => {
    expect(await dry("main", place("sound"))).toMatchObject({ status: 0 });
    const three = await dry("main", place("three"));
    expect([three.status, three.out]).toEqual([
      0,
      expect.stringContaining("3 labels; LABEL_0, the first, is the reward"),
    ]);
    for (const [name, text] of [
      ["language", 'is no sequence classifier: architectures in config.json is ["GPT2LMHeadModel"]'],
      ["unnamed", "is no sequence classifier: architectures in config.json is null"],
      ["contrary", "num_labels"],
    ] as const) {
      const { status, note } = await dry("main", place(name));
      expect([name, status, note]).toEqual([name, 2, expect.stringContaining(text)]);
    }
  });

  it("examines a reward model that is cached, and says so where it is not", async () => {
    const names = ["config.json", "model.safetensors", "tokenizer.json"];
    const filesOf = async (name: string) => {
      const all: Record<string, Uint8Array> = {};
      for (const each of names) all[each] = await readFile(place(`${name}/${each}`));
      return all;
    };
    await using hub = await startTestHub({
      "owner/sound": { files: await filesOf("sound") },
      "owner/language": { files: await filesOf("language") },
    });
    const environment = { HF_HOME: place("hf"), HF_ENDPOINT: hub.endpoint };
    for (const [name, isSound] of [
      ["owner/sound", true],
      ["owner/language", false],
    ] as const) {
      const before = await dry("main", name, {}, environment);
      expect([before.status, before.out]).toEqual([0, expect.stringContaining(`${name} is not downloaded yet`)]);
      expect((await run(["pull", name], { environment })).status).toBe(0);
      const after = await dry("main", name, {}, environment);
      expect([after.status, after.out.includes("not downloaded yet")]).toEqual([isSound ? 0 : 2, false]);
      expect(after.note.includes("is no sequence classifier")).toBe(!isSound);
    }
  });

  it("counts all arms of the efficiency suite together, and one arm at a time elsewhere", async () => {
    const { out } = await dry("efficiency", place("sound"));
    expect(out).toMatch(/efficiency: [\d.]+ \wB beside them for parts and caches of all 6 arms together/);
    const megabytes = 1e6;
    const spy = vi.spyOn(process, "availableMemory");
    try {
      // Room for weights and one arm, not for six.
      spy.mockReturnValue(0.8 * megabytes);
      const many = await dry("efficiency", place("sound"), { concurrency: 1 });
      expect([many.status, many.note]).toEqual([
        2,
        expect.stringMatching(/efficiency needs .* with all 6 arms together open/),
      ]);
      const one = await dry("alpaca", place("sound"), { concurrency: 1 });
      expect(one.note).not.toContain("alpaca needs");
      const wide = await dry("alpaca", place("sound"), { concurrency: 100 });
      expect(wide.note).toMatch(/alpaca needs .* with args open/);
    } finally {
      spy.mockRestore();
    }
  });
});
