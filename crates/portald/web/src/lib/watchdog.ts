// Notices a connection that is open and silent: behind a network that went away no browser closes
// a WebSocket by itself for minutes.

export class Watchdog {
  private sign = 0;

  constructor(private readonly patience: number) {}

  /** Something came, or there is a reason to begin to wait: a fresh connection, a tab that is looked at again. */
  feed(now: number) {
    this.sign = now;
  }

  /** Whether the silence has lasted too long. A hidden tab asks for nothing, so it hears nothing. */
  barks(now: number, hidden: boolean): boolean {
    return !hidden && now - this.sign > this.patience;
  }
}
