// Recordings against the same work done anew, on every device: other numbers, caches that are written to, memory.
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { type Device, openDevice } from "./device.ts";
import { createRowCache } from "./nn/row-cache.ts";
import { attention, attentionOp } from "./ops/attention/op.ts";
import { add, multiply } from "./ops/binary/op.ts";
import { gatherRows, scatterAddRows } from "./ops/gather-rows/op.ts";
import { logSoftmax } from "./ops/log-softmax/op.ts";
import { matmul } from "./ops/matmul/op.ts";
import { reshape } from "./ops/reshape/op.ts";
import { unary } from "./ops/unary/op.ts";
import { Recordings } from "./recordings.ts";
import type { Tensor } from "./tensor.ts";
import { sharedDevice, testDeviceNames } from "./testing/index.ts";

/** Work with an intermediate of every kind: views, constants, freed memory of one size, host loops on cpu (scatterAddRows). */
function work(device: Device, weight: Tensor, x: () => readonly number[], rows: () => Uint32Array): Tensor {
  const input = device.tensor(x, [2, 4]);
  const products = device.scope(() => unary("silu", matmul(input, weight, { transposeB: true })));
  const constant = device.tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 4]);
  const moved = device.scope(() => multiply(add(products, constant), reshape(constant, [2, 4])));
  const index = device.tensor(rows, [2]);
  return logSoftmax(add(scatterAddRows(moved, index, 2), gatherRows(products, index)));
}

const floats = fc.float({ min: -4, max: 4, noNaN: true });

describe.each(testDeviceNames)("Recordings on %s", (name) => {
  it("give the bits of the work done anew, whatever numbers the host has by then", async () => {
    const device = await sharedDevice(name);
    using weight = device.tensor(
      Array.from({ length: 16 }, (_, index) => Math.sin(index)),
      [4, 4],
    );
    using recordings = new Recordings(device);
    let x: readonly number[] = [];
    let rows = new Uint32Array();
    const once = () =>
      work(
        device,
        weight,
        () => x,
        () => rows,
      );
    await fc.assert(
      fc.asyncProperty(
        fc.array(floats, { minLength: 8, maxLength: 8 }),
        fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 2, maxLength: 2 }),
        async (values, indices) => {
          x = values;
          rows = Uint32Array.from(indices);
          using recorded = recordings.run("work", [], once);
          using anew = device.scope(once);
          expect(await recorded.read()).toEqual(await anew.read());
        },
      ),
      { numRuns: 25 },
    );
    expect(recordings.count).toBe(1);
  });

  it("extend a cache step by step as calls do, and count the same dispatches", async () => {
    const device = await sharedDevice(name);
    using recordings = new Recordings(device);
    const extents = { slotCount: 2, capacity: 40, pageSize: 4, widths: [3] };
    using cache = createRowCache(device, extents);
    using plain = createRowCache(device, extents);
    const batch = { slots: new Uint32Array(1), positions: new Uint32Array(1) };
    const step = (into: typeof cache, value: number) => {
      into.extend(batch);
      into.write(
        0,
        device.scope(() =>
          unary(
            "exp",
            device.tensor(() => [position + value, 2, 3], [1, 3]),
          ),
        ),
        batch,
      );
      return gatherRows(
        into.matrix(0),
        device.tensor(() => into.rows(batch), [-1]),
      );
    };
    let position = 0;
    let slot = cache.open();
    let other = plain.open();
    for (; position < 30; position++) {
      // A fork shares its last page: what is begun of it is copied before the step writes.
      if (position === 10) [slot, other] = [cache.fork(slot), plain.fork(other)];
      batch.positions[0] = position;
      batch.slots[0] = slot;
      const before = device.stats.dispatches;
      using recorded = recordings.run("step", [], () => step(cache, 0.5));
      const between = device.stats.dispatches;
      batch.slots[0] = other;
      using anew = device.scope(() => step(plain, 0.5));
      expect(between - before).toBe(device.stats.dispatches - between);
      expect(await recorded.read()).toEqual(await anew.read());
    }
    expect(recordings.count).toBe(1);
    using all = device.scope(() => add(cache.matrix(0), device.tensor([0], [1])));
    using expected = device.scope(() => add(plain.matrix(0), device.tensor([0], [1])));
    expect(await all.read()).toEqual(await expected.read());
  });

  it("leave nothing behind once they and what they returned are disposed, in any order", async () => {
    using device = await openDevice(name, name === "webgpu" ? {} : { threads: 1 });
    const { liveBuffers, bytes } = device.stats;
    for (const outputsFirst of [true, false]) {
      const weight = device.tensor(new Array(16).fill(1), [4, 4]);
      const recordings = new Recordings(device);
      const run = () =>
        recordings.run("work", [], () =>
          work(
            device,
            weight,
            () => [1, 2, 3, 4, 5, 6, 7, 8],
            () => Uint32Array.of(0, 1),
          ),
        );
      run().dispose();
      const held = device.stats.bytes;
      const out = run();
      expect(device.stats.bytes).toBe(held);
      if (outputsFirst) out.dispose();
      recordings[Symbol.dispose]();
      if (!outputsFirst) {
        expect((await out.read()).length).toBe(8);
        out.dispose();
      }
      weight.dispose();
      expect(device.stats).toMatchObject({ liveBuffers, bytes });
    }
  });
});

describe("Recordings", () => {
  it("run host work once a run and in order, before a length that changes asks for another recording", async () => {
    const device = await sharedDevice("cpu");
    using recordings = new Recordings(device);
    let values: readonly number[] = [1];
    const seen: string[] = [];
    const run = async () => {
      using out = recordings.run("work", [], () => {
        device.host(() => void seen.push("first"));
        const x = device.tensor(() => {
          seen.push(`values ${values.length}`);
          return values;
        }, [-1]);
        device.host(() => void seen.push("second"));
        return add(x, x);
      });
      return [...(await out.read())];
    };
    expect(await run()).toEqual([2]);
    values = [3];
    expect(await run()).toEqual([6]);
    const once = ["first", "values 1", "second"];
    expect(seen.splice(0)).toEqual([...once, ...once]);
    values = [1, 2];
    expect(await run()).toEqual([2, 4]);
    // Values have no effect and may be asked for again; work has.
    expect(seen.splice(0).filter((each) => !each.startsWith("values"))).toEqual(["first", "second"]);
    values = [5];
    expect(await run()).toEqual([10]);
    values = [7, 8];
    expect(await run()).toEqual([14, 16]);
    expect(recordings.count).toBe(2);
  });

  it("run no op where host work throws", async () => {
    const device = await sharedDevice("cpu");
    using recordings = new Recordings(device);
    let refused = false;
    const run = () =>
      recordings.run("work", [], () => {
        device.host(() => {
          if (refused) throw new RangeError("no room");
        });
        return unary(
          "exp",
          device.tensor(() => [1], [1]),
        );
      });
    run().dispose();
    const { dispatches, bytes } = device.stats;
    refused = true;
    expect(run).toThrow("no room");
    expect(device.stats).toMatchObject({ dispatches, bytes });
    refused = false;
    run().dispose();
    expect(recordings.count).toBe(1);
  });

  it("are made anew for other inputs, and where a tensor from outside was freed", async () => {
    const device = await sharedDevice("cpu");
    using recordings = new Recordings(device);
    const double = async (x: Tensor) => {
      using out = recordings.run("double", [x], () => add(x, x));
      return (await out.read())[0];
    };
    using one = device.tensor([1], [1]);
    const two = device.tensor([2], [1]);
    for (let round = 0; round < 3; round++) {
      expect(await double(one)).toBe(2);
      expect(await double(two)).toBe(4);
    }
    expect(recordings.count).toBe(2);
    two.dispose();
    expect(await double(one)).toBe(2);
    expect(recordings.count).toBe(1);
  });

  it("keep those that ran last", async () => {
    const device = await sharedDevice("cpu");
    using recordings = new Recordings(device, { capacity: 2 });
    let calls = 0;
    const run = (key: string) => {
      recordings
        .run(key, [], () => {
          calls++;
          return device.tensor([1], [1]);
        })
        .dispose();
    };
    for (const key of ["a", "b", "a", "c"]) run(key);
    expect([calls, recordings.count]).toEqual([3, 2]);
    run("a");
    expect(calls).toBe(3);
    run("b");
    expect(calls).toBe(4);
  });

  it("keep no more bytes than they may, but for those that ran last", async () => {
    const device = await sharedDevice("cpu");
    using recordings = new Recordings(device, { byteCapacity: 5000 });
    const run = (key: string, length: number) =>
      recordings.run(key, [], () => unary("exp", device.tensor(new Float32Array(length), [length]))).dispose();
    // 8 bytes a number: what is uploaded and what is made of it.
    for (let key = 0; key < 10; key++) run(`${key}`, 100);
    expect(recordings.count).toBe(6);
    for (let key = 0; key < 10; key++) run(`large ${key}`, 1000);
    expect(recordings.count).toBe(4);
  });

  it("run the kernels of attention from the record, for one query and for several", async () => {
    const device = await sharedDevice("cpu");
    using recordings = new Recordings(device);
    const kernel = vi.spyOn(attentionOp as unknown as { cpu: (call: never) => void }, "cpu");
    const attrs = { headCount: 1, groupCount: 1, scale: 1 };
    for (const queryCount of [1, 3]) {
      const shape = [queryCount, 4];
      for (let round = 0; round < 3; round++) {
        recordings
          .run(`${queryCount}`, [], () => {
            const rows = device.tensor(() => new Float32Array(4 * queryCount).fill(round), shape);
            const ranges = Uint32Array.from({ length: 2 * queryCount }, (_, at) => (at % 2 === 0 ? 0 : queryCount));
            return attention(
              rows,
              rows,
              rows,
              device.tensor(() => ranges, [queryCount, 2]),
              attrs,
            );
          })
          .dispose();
      }
    }
    expect(kernel).toHaveBeenCalledTimes(2);
    kernel.mockRestore();
  });

  it("take no packed weights from functions", async () => {
    const device = await sharedDevice("cpu");
    expect(() => device.tensor(() => [1, 2], [1, 2], "q8")).toThrow("packed weights do not change between runs");
  });

  it("hold no memory of work that failed, and refuse to run within another", async () => {
    const device = await sharedDevice("cpu");
    using recordings = new Recordings(device);
    const { liveBuffers } = device.stats;
    expect(() =>
      recordings.run("work", [], () => {
        const x = device.tensor([1, 2], [2]);
        return matmul(x, x);
      }),
    ).toThrow("matmul");
    const inner = () => recordings.run("inner", [], () => null);
    for (let round = 0; round < 2; round++) {
      expect(() => recordings.run("outer", [], inner)).toThrow("Cannot run recordings");
      inner();
    }
    expect(recordings.count).toBe(1);
    expect(device.stats.liveBuffers).toBe(liveBuffers);
  });
});
