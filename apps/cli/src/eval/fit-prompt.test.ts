// Prompts are cut at turns, as little as needed, and never beyond their room.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitPrompt, promptRoom } from "./fit-prompt.ts";

const letters = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const turn = fc.string({ unit: fc.constantFrom("a", "b", " "), maxLength: 23 });

describe("fitPrompt()", () => {
  it("keeps the longest end that begins with a turn of the human and fits, else the last tokens", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(turn, turn), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 300 }),
        (exchanges, room) => {
          const said = exchanges.map(([human, assistant], at) =>
            at === exchanges.length - 1
              ? `\n\nHuman:${human}\n\nAssistant:`
              : `\n\nHuman:${human}\n\nAssistant:${assistant}`,
          );
          const ends = said.map((_, at) => said.slice(at).join(""));
          const { tokens, isCut } = fitPrompt(letters, ends[0]!, room);
          expect(tokens.length).toBeLessThanOrEqual(room);
          expect(isCut).toBe(ends[0]!.length > room);
          const expected = ends.find(({ length }) => length <= room) ?? ends.at(-1)!.slice(-room);
          expect(tokens).toEqual(letters(expected));
        },
      ),
      { seed: 4 },
    );
  });

  it("leaves an answer its room, but a prompt half of all", () => {
    expect([promptRoom(512, 100), promptRoom(512, 1024), promptRoom(7, 6)]).toEqual([412, 256, 3]);
  });
});
