// Properties of the JSON scanner: it agrees with JSON.parse and names the place of what it refuses.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FileError, findJsonFault, parseJson } from "./index.ts";

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("findJsonFault()", () => {
  it("finds nothing wrong with what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(3), (text, indent) => {
        expect(findJsonFault(text)).toBeNull();
        expect(findJsonFault(JSON.stringify(JSON.parse(text), null, indent))).toBeNull();
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it("finds a syntax error exactly where JSON.parse does", () => {
    const damaged = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom("", ",", "}", "]", '"', "\\", "0", "-", "e", "\n", "[", "{", ":"))
      .map(([text, at, insert]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + insert + text.slice(place + (at % 2));
      });
    fc.assert(
      fc.property(damaged, (text) => {
        const fault = findJsonFault(text);
        if (fault?.kind !== "duplicate-key") expect(fault === null).toBe(parses(text));
      }),
      { seed: 12, numRuns: 2000 },
    );
  });

  it("finds a key used twice, also when it is written with escapes", () => {
    expect(findJsonFault('{"a":1,"b":{"a":2}}')).toBeNull();
    expect(findJsonFault('{"a":1,"\\u0061":2}')).toMatchObject({ kind: "duplicate-key", offset: 7 });
  });

  it("follows deep nesting and long strings without running out of stack", () => {
    expect(findJsonFault("[".repeat(100_003) + "]".repeat(100_003))).toBeNull();
    expect(findJsonFault(`"${"\\n".repeat(3_000_017)}"`)).toBeNull();
  });
});

describe("parseJson()", () => {
  it("names the file, the line and the byte", () => {
    const text = '{\n "é": 1,\n "b" 2}';
    try {
      parseJson(text, "config.json");
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FileError);
      expect(error).toMatchObject({ path: "config.json", action: "parse", line: 3, byte: 17 });
      expect((error as Error).message).toContain("line 3, column 6");
    }
  });

  it("gives the value of a sound text", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseJson(text, "x")).toEqual(JSON.parse(text));
      }),
      { seed: 13, numRuns: 100 },
    );
  });
});
