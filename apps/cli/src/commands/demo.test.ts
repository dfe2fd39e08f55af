// The demo at a small size, chat with the shipped heads, and doctor: the screens hold what they promise.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { shippedBackbone, shippedHeads } from "@dual-head/mini-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DemoFigures } from "../demo/figures.ts";
import { temporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";

describe("demo, chat and doctor", () => {
  let world: Awaited<ReturnType<typeof temporaryFolder>>;
  const demo = (...extra: string[]) => [
    ...["demo", "--out", `${world.path}/demo`, "--device", "cpu", "--threads", "2"],
    ...["--pairs", "40", "--prompts", "6", ...extra],
  ];

  beforeAll(async () => {
    world = await temporaryFolder();
  });
  afterAll(() => world.remove());

  it("demo shows base beside aligned text, the strip, every setting, and a page of it", async () => {
    const { status, out, note } = await run(demo());
    expect(note).toContain("a reward head and a gate trained from nothing");
    expect(status).toBe(0);
    expect(out.match(/^ {2}base /gm)?.length).toBe(4);
    expect(out.match(/^ {2}aligned /gm)?.length).toBe(4);
    expect(out).toMatch(/Chosen: of 6 questions, those [34] whose scores rose most/);
    expect(out).toContain("0 (base)");
    expect(out).toContain("½ / ½");
    expect(out).toMatch(/helpful reward of answers +before/);
    const page = await readFile(`${world.path}/demo/report.html`, "utf8");
    expect(page.match(/<svg/g)?.length).toBe(3);
    expect(page).not.toMatch(/src=|href="http/);
  });

  it("demo runs again in the same folder and gives the same figures", async () => {
    const figures = await runJson<DemoFigures & { report: string }>(demo());
    const again = await runJson<DemoFigures>(demo());
    expect(figures.strengths.map(({ strength }) => strength)).toEqual([0, 0.5, 1, 1.5, 2]);
    expect(figures.mixtures.map(({ helpful }) => helpful)).toEqual([1, 0.5, 0]);
    expect(figures.lesson.summary.steps).toBeGreaterThan(0);
    const timeless = ({ examples, strengths, mixtures }: DemoFigures) => ({ examples, strengths, mixtures });
    expect(timeless(again)).toEqual(timeless(figures));
    expect(again.lesson.after).toEqual(figures.lesson.after);
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
      await shippedBackbone("m"),
      "--heads",
      await shippedHeads("m", "helpful"),
      "--device",
      "cpu",
      "--max-new-tokens",
      "8",
    ];
    const lines = [
      "How do I boil an egg?",
      "/strength 0.5",
      "/alpha 2",
      "/weights 1",
      "/trace",
      "And how do I cook rice?",
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
    expect(variant!.startsWith("wide") || passedOver.some((reason) => reason.startsWith("wide: "))).toBe(true);
    expect(report.versions["dual-head"]).toMatch(/^\d+\.\d+\.\d+/);
    expect(report.auto.why.length).toBeGreaterThan(5);
    expect((await run(["doctor"])).out).toContain("auto takes");
  });
});
