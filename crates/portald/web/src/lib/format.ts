// Numbers and times as people read them.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number): string {
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function percent(part: number, whole: number): number {
  return whole > 0 ? (100 * part) / whole : 0;
}

/** A duration in microseconds, for work that took that long. */
export function took(us: number): string {
  if (us < 1000) return `${us} µs`;
  if (us < 100_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  if (us < 60_000_000) return `${(us / 1e6).toFixed(1)} s`;
  return span(us / 1e6);
}

/** A duration in seconds, in its two largest units. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min ${s % 60} s`;
  const h = Math.floor(m / 60);
  if (h < 24) return `${h} h ${m % 60} min`;
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** A duration that goes on: coarse enough not to be redrawn every second for ever. */
export function roughly(seconds: number): string {
  const minutes = Math.floor(Math.max(0, seconds) / 60);
  return minutes > 0 && minutes < 60 ? `${minutes} min` : span(seconds);
}

/** How long ago a time in microseconds was, seen at `now` in milliseconds. */
export function ago(unixUs: number, now: number): string {
  const seconds = (now - unixUs / 1000) / 1000;
  return seconds < 3 ? "just now" : `${roughly(seconds)} ago`;
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

export function clock(unixMs: number): string {
  return TIME.format(unixMs);
}

/** The time of day, with the date if it is another day than today. */
export function moment(unixUs: number, now: number): string {
  const date = new Date(unixUs / 1000);
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? TIME.format(date) : `${DAY.format(date)}, ${TIME.format(date)}`;
}

export function iso(unixUs: number): string {
  return new Date(unixUs / 1000).toISOString();
}

const SIGNALS: Record<number, string> = {
  1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
  9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
};

export function exitWords(exit: { code: number | null; signal: number | null } | null): string {
  if (!exit) return "";
  if (exit.signal !== null) return `killed by ${SIGNALS[exit.signal] ?? `signal ${exit.signal}`}`;
  return `code ${exit.code ?? "?"}`;
}
