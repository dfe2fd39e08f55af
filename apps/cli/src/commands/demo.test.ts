// The demo at a small size, then chat and doctor on what it left: the screens hold what they promise.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";

describe("demo, chat and doctor", () => {
  let world: Awaited<ReturnType<typeof temporaryFolder>>;
  const demo = (...extra: string[]) => [
    "demo",
    "--out",
    `${world.path}/demo`,
    "--device",
    "cpu",
    "--threads",
    "2",
    "--pairs",
    "60",
    "--prompts",
    "8",
    ...extra,
  ];

  beforeAll(async () => {
    world = await temporaryFolder();
  });
  afterAll(() => world.remove());

  it("demo shows base beside aligned text, the strip and the figures at each strength", async () => {
    const { status, out, note } = await run(demo("--steps", "25"));
    expect(note).toContain("1. a tiny language model learns");
    expect(status).toBe(0);
    expect(out.match(/^Human: /gm)?.length).toBe(3);
    expect(out.match(/^ {2}base /gm)?.length).toBe(3);
    expect(out.match(/^ {2}aligned /gm)?.length).toBe(3);
    expect(out).toContain("0 (base)");
    expect(out).toMatch(/On \d+ held-out pairs/);
  });

  it("demo runs again in the same folder, and on a given model and data", async () => {
    const result = await runJson<{
      training: { steps: number };
      measures: unknown[];
      examples: { base: { text: string } }[];
    }>(demo("--model", `${world.path}/demo/model`, "--data", `${world.path}/demo/preferences.jsonl`));
    expect(result.training.steps).toBeGreaterThan(0);
    expect(result.measures).toEqual([]);
    expect(result.examples.length).toBe(3);
    expect((await run(demo("--model", "x"))).status).toBe(2);
  });

  it("demo touches no folder that a demo did not make", async () => {
    await mkdir(`${world.path}/mine/heads`, { recursive: true });
    await writeFile(`${world.path}/mine/heads/heads.safetensors`, "precious");
    const argv = demo();
    argv[2] = `${world.path}/mine`;
    const { status, note } = await run(argv);
    expect(status).toBe(2);
    expect(note).toContain("holds files of others");
    expect(await readFile(`${world.path}/mine/heads/heads.safetensors`, "utf8")).toBe("precious");
  });

  it("chat answers, turns its knobs, and ends with the input", async () => {
    const argv = [
      "chat",
      "--model",
      `${world.path}/demo/model`,
      "--heads",
      `${world.path}/demo/heads`,
      "--device",
      "cpu",
      "--max-new-tokens",
      "8",
    ];
    const lines = [
      "How do I draw a cat.",
      "/strength 0.5",
      "/alpha 2",
      "/weights 1",
      "/trace",
      "And how do I sleep better.",
      "/reset",
      "/nonsense",
      "/quit",
      "never read",
    ];
    const { status, out, note } = await run(argv, { lines });
    expect(status).toBe(0);
    expect(out.split("\n").length).toBeGreaterThanOrEqual(3);
    expect(out).toContain("α ");
    expect(note).toContain("strength 0.5");
    expect(note).toContain("trace on");
    expect(note).toContain("the conversation is forgotten");
    expect(note).toContain("/strength S");
    expect(note).not.toContain("never");
  });

  it("doctor lists every device with its variant, and the versions", async () => {
    const report = await runJson<{
      auto: { name: string; why: string };
      devices: { name: string; available: boolean; variant: string | null; passedOver: string[] }[];
      versions: Record<string, string | null>;
    }>(["doctor"]);
    expect(report.devices.map(({ name }) => name)).toEqual(["webgpu", "cpu", "reference"]);
    expect(report.devices.slice(1).every(({ available, variant }) => available && variant !== null)).toBe(true);
    // The widest build is either taken or named with the reason why not.
    const { variant, passedOver } = report.devices[1]!;
    expect(variant === "wide" || passedOver.some((reason) => reason.startsWith("wide: "))).toBe(true);
    expect(report.versions["dual-head"]).toMatch(/^\d+\.\d+\.\d+/);
    expect(report.auto.why.length).toBeGreaterThan(5);
    expect((await run(["doctor"])).out).toContain("auto takes");
  });
});
