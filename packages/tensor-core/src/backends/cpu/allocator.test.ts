// Addresses never overlap, come back whole, and are reused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Allocator, LINE_BYTES } from "./allocator.ts";

type Step =
  | { readonly kind: "allocate"; readonly bytes: number }
  | { readonly kind: "free"; readonly which: number }
  | { readonly kind: "extend" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("allocate" as const),
        bytes: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 40_000 })),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("free" as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("extend" as const) }) },
  ),
  { maxLength: 120 },
);

describe("Allocator", () => {
  it("hands out aligned ranges inside its bounds that never overlap", () => {
    fc.assert(
      fc.property(steps, (script) => {
        const begin = 1000;
        const allocator = new Allocator(begin, 65_536);
        const live: { start: number; bytes: number }[] = [];
        for (const step of script) {
          if (step.kind === "extend") allocator.extend(allocator.end + 8192);
          else if (step.kind === "free") {
            const [gone] = live.length === 0 ? [] : live.splice(step.which % live.length, 1);
            if (gone !== undefined) expect(allocator.free(gone.start)).toBe(true);
          } else {
            const start = allocator.allocate(step.bytes);
            if (start === null) continue;
            expect(start % LINE_BYTES).toBe(0);
            expect(start).toBeGreaterThanOrEqual(begin);
            expect(start + step.bytes).toBeLessThanOrEqual(allocator.end);
            for (const other of live)
              expect(start + step.bytes <= other.start || other.start + other.bytes <= start).toBe(true);
            live.push({ start, bytes: Math.max(1, step.bytes) });
          }
          const inUse = live.reduce((sum, { bytes }) => sum + Math.ceil(bytes / LINE_BYTES) * LINE_BYTES, 0);
          expect(allocator.bytesInUse).toBe(inUse);
        }
        for (const { start } of live) allocator.free(start);
        expect(allocator.bytesInUse).toBe(0);
        // Joined again: everything fits in one piece.
        expect(allocator.allocate(allocator.end - 1024)).toBe(1024);
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  it("reuses the address it took back last for the same size", () => {
    const allocator = new Allocator(0, 1_000_000);
    const [first, , third] = [allocator.allocate(5000), allocator.allocate(64), allocator.allocate(5000)];
    allocator.free(first!);
    allocator.free(third!);
    expect([first, third]).toContain(allocator.allocate(5000));
    expect([first, third]).toContain(allocator.allocate(5000));
  });

  it("refuses addresses that are not handed out", () => {
    const allocator = new Allocator(0, 65_536);
    const start = allocator.allocate(100)!;
    expect(allocator.free(start + 64)).toBe(false);
    expect(allocator.free(start)).toBe(true);
    expect(allocator.free(start)).toBe(false);
  });

  it("returns null where no free block is large enough", () => {
    const allocator = new Allocator(0, 65_536);
    expect(allocator.allocate(65_537)).toBeNull();
    expect(allocator.allocate(65_536)).toBe(0);
    expect(allocator.allocate(1)).toBeNull();
  });
});
