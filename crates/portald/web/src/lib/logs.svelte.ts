// The lines of the log that is shown. Lines arrive in bursts of thousands, so they are kept in a
// plain array and one counter tells the view that it changed.

import type { LogBatch, LogLine } from "./types";

export interface Shown extends LogLine {
  /** Lines of this source that were lost before this one. */
  gap: number;
}

export class LogBuffer {
  version = $state(0);
  source: string | null = null;
  epoch = 0;
  seq = 0;
  /** While somebody reads further up, nothing may move under their eyes. */
  held = false;
  dropped = 0;
  loaded = $state(false);
  /** Whether any line here has a time: what stood in the file before has none. */
  timed = $state(false);
  private lines: Shown[] = [];
  private lastNumber = new Map<string, number>();

  all(): readonly Shown[] {
    return this.lines;
  }

  choose(source: string | null) {
    this.source = source;
    this.loaded = false;
    this.forget();
  }

  forget() {
    this.lines = [];
    this.lastNumber.clear();
    this.epoch = 0;
    this.seq = 0;
    this.dropped = 0;
    this.timed = false;
    this.version += 1;
  }

  take(batch: LogBatch) {
    if (batch.source !== this.source) return;
    // Another portald numbers lines anew.
    if (this.epoch !== 0 && batch.epoch !== this.epoch) this.forget();
    this.epoch = batch.epoch;
    this.seq = batch.seq;
    for (const line of batch.lines) this.put(line);
    const limit = this.held ? HELD_LIMIT : LIMIT;
    if (this.lines.length > limit) {
      const surplus = this.lines.length - limit;
      this.lines.splice(0, surplus);
      this.dropped += surplus;
    }
    this.loaded = true;
    this.version += 1;
  }

  private put(line: LogLine) {
    if (line.ts !== undefined) this.timed = true;
    const last = this.lines.at(-1);
    if (!last || line.id > last.id) {
      const before = this.lastNumber.get(line.src);
      const gap = before === undefined ? 0 : Math.max(0, line.n - before - 1);
      this.lastNumber.set(line.src, line.n);
      this.lines.push({ ...line, gap });
      return;
    }
    const at = this.find(line.id);
    const known = this.lines[at];
    if (known?.id === line.id) this.lines[at] = { ...line, gap: known.gap };
  }

  /** Position of the first line whose id is not below `id`. */
  find(id: number): number {
    let low = 0;
    let high = this.lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.lines[middle]?.id ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const LIMIT = 20_000;
const HELD_LIMIT = 60_000;
