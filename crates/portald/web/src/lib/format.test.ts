import { expect, it } from "vitest";
import { ago, bytes, exitWords, roughly, span, took } from "./format";

it("writes sizes in binary units", () => {
  expect(bytes(0)).toBe("0 B");
  expect(bytes(1536)).toBe("1.5 KiB");
  expect(bytes(24 * 2 ** 30)).toBe("24.0 GiB");
});

it("writes durations in their two largest units", () => {
  expect(took(40)).toBe("40 µs");
  expect(took(38_500)).toBe("38.5 ms");
  expect(took(2_300_000)).toBe("2.3 s");
  expect(span(65)).toBe("1 min 5 s");
  expect(span(90_000)).toBe("1 d 1 h");
  expect(roughly(65)).toBe("1 min");
  expect(ago(1_000_000_000, 1_001_000)).toBe("just now");
});

it("names signals", () => {
  expect(exitWords({ code: null, signal: 9 })).toBe("killed by SIGKILL");
  expect(exitWords({ code: 3, signal: null })).toBe("code 3");
  expect(exitWords(null)).toBe("");
});
