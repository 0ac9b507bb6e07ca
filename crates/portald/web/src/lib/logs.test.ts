import { describe, expect, it } from "vitest";
import { LogBuffer } from "./logs.svelte";
import type { LogLine } from "./types";

function batch(lines: LogLine[], epoch = 1, seq = 1) {
  return { topic: "log" as const, source: null, epoch, seq, lines };
}

describe("LogBuffer", () => {
  it("replaces a line that it has and appends one that it has not", () => {
    const buffer = new LogBuffer();
    buffer.take(batch([{ id: 4, n: 1, src: "a", t: "10%" }]));
    buffer.take(batch([{ id: 4, n: 1, src: "a", t: "20%" }, { id: 6, n: 2, src: "a", t: "done" }]));
    expect(buffer.all().map((line) => line.t)).toEqual(["20%", "done"]);
  });

  it("counts the lines that were lost between two", () => {
    const buffer = new LogBuffer();
    buffer.take(batch([{ id: 1, n: 1, src: "a", t: "x" }, { id: 2, n: 7, src: "b", t: "y" }]));
    buffer.take(batch([{ id: 9, n: 12, src: "a", t: "z" }]));
    expect(buffer.all().map((line) => line.gap)).toEqual([0, 0, 10]);
  });

  it("begins anew with another portald", () => {
    const buffer = new LogBuffer();
    buffer.take(batch([{ id: 50, n: 50, src: "a", t: "old" }], 1));
    buffer.take(batch([{ id: 1, n: 1, src: "a", t: "fresh" }], 2));
    expect(buffer.all().map((line) => line.t)).toEqual(["fresh"]);
  });

  it("keeps everything while somebody reads, and counts what it lets go", () => {
    const buffer = new LogBuffer();
    const lines = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ id: from + i, n: from + i, src: "a", t: "" }));
    buffer.held = true;
    buffer.take(batch(lines(1, 30_000)));
    expect(buffer.all().length).toBe(30_000);
    buffer.held = false;
    buffer.take(batch(lines(30_001, 1)));
    expect(buffer.all().length).toBe(20_000);
    expect(buffer.dropped).toBe(10_001);
  });
});
