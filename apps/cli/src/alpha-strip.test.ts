// The strip shows every character of the text, and α by colour or by height.
import { describe, expect, it } from "vitest";
import { alphaBars, alphaColour, alphaStrip } from "./alpha-strip.ts";

const tokens = [
  { text: "Of", alpha: 0 },
  { text: " course", alpha: 0.5 },
  { text: ".", alpha: 1 },
  { text: "\n", alpha: null },
];
const esc = String.fromCharCode(27);

describe("alphaStrip()", () => {
  it("without colours prints the text and a bar a token, and no esc", () => {
    const strip = alphaStrip(tokens, false);
    expect(strip).toBe("Of course.\n\nα  ▄█·");
    expect(strip.includes(esc)).toBe(false);
  });
  it("with colours keeps the text", () => {
    const strip = alphaStrip(tokens, true);
    expect(strip).toContain(`${esc}[48;2;`);
    expect(strip.replaceAll(new RegExp(`${esc}\\[[0-9;]*m`, "g"), "")).toBe("Of course.\n");
  });
  it("grows from the first colour to the last and stays within bytes", () => {
    expect(alphaColour(0)).toEqual([52, 73, 94]);
    expect(alphaColour(1)).toEqual([211, 84, 0]);
    expect(alphaColour(-3)).toEqual(alphaColour(0));
    expect(alphaBars([0, 0.25, 0.75, 1])).toBe(" ▂▆█");
  });
});
