import { describe, expect, it } from "vitest";
import { Watchdog } from "./watchdog";

describe("Watchdog", () => {
  it("barks after a silence and not while something comes", () => {
    const dog = new Watchdog(15_000);
    dog.feed(1_000);
    expect(dog.barks(16_000, false)).toBe(false);
    expect(dog.barks(16_001, false)).toBe(true);
    dog.feed(16_001);
    expect(dog.barks(30_000, false)).toBe(false);
  });

  it("lets a hidden tab sleep and gives it a fresh wait when it is looked at again", () => {
    const dog = new Watchdog(15_000);
    dog.feed(0);
    expect(dog.barks(3_600_000, true)).toBe(false);
    dog.feed(3_600_000);
    expect(dog.barks(3_600_001, false)).toBe(false);
  });
});
