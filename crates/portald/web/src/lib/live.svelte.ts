// The one connection to portald: topics as reactive values, reconnecting without a limit.

import { LogBuffer } from "./logs.svelte";
import type { LogBatch, Topics } from "./types";
import { Watchdog } from "./watchdog";

type Name = keyof Topics;
const NAMES: Name[] = ["instance", "apps", "services", "system", "gpu", "boot", "tunnels", "events", "logs"];

class Live {
  /** Undefined until the first value arrives. */
  instance = $state.raw<Topics["instance"]>();
  apps = $state.raw<Topics["apps"]>();
  services = $state.raw<Topics["services"]>();
  system = $state.raw<Topics["system"]>();
  gpu = $state.raw<Topics["gpu"]>();
  boot = $state.raw<Topics["boot"]>();
  tunnels = $state.raw<Topics["tunnels"]>();
  events = $state.raw<Topics["events"]>();
  logs = $state.raw<Topics["logs"]>();

  connected = $state(false);
  /** When the last message came, milliseconds; 0 if none did. */
  heard = $state(0);
  retryAt = $state(0);

  readonly log = new LogBuffer();
  private wantsLog = false;
  private socket: WebSocket | undefined;
  private pause = FIRST_PAUSE;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly watchdog = new Watchdog(PATIENCE);

  start() {
    document.addEventListener("visibilitychange", () => {
      this.watchdog.feed(Date.now());
      if (document.hidden) this.wish();
      else if (this.connected) this.wish();
      else this.connect();
    });
    addEventListener("online", () => this.connect());
    setInterval(() => {
      if (this.socket && this.watchdog.barks(Date.now(), document.hidden)) this.reconnect();
    }, LOOK);
    this.connect();
  }

  /** Follows one source's log, or all of them with null. */
  openLog(source: string | null) {
    this.wantsLog = true;
    this.log.choose(source);
    this.wish();
  }

  closeLog() {
    this.wantsLog = false;
    this.wish();
  }

  connect() {
    clearTimeout(this.timer);
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/stream`);
    this.socket = socket;
    this.watchdog.feed(Date.now());
    socket.onopen = () => {
      this.connected = true;
      this.pause = FIRST_PAUSE;
      this.wish();
    };
    socket.onmessage = (message) => {
      if (this.socket === socket) this.take(JSON.parse(message.data as string));
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.connected = false;
      const wait = this.pause * (0.75 + Math.random() / 2);
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
      this.retryAt = Date.now() + wait;
      this.timer = setTimeout(() => this.connect(), wait);
    };
  }

  /** Gives a silent connection up; its end can take minutes to be told. */
  private reconnect() {
    const silent = this.socket;
    this.socket = undefined;
    this.connected = false;
    silent?.close();
    this.connect();
  }

  /** Tells portald what this tab wants to hear; nothing while nobody looks at it. */
  private wish() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const log = this.wantsLog && !document.hidden
      ? { source: this.log.source, epoch: this.log.epoch, after: this.log.seq }
      : undefined;
    this.socket.send(JSON.stringify({ sub: document.hidden ? [] : NAMES, log }));
  }

  private take(message: LogBatch | { topic: Name; data: never } | { topic: "beat" }) {
    this.heard = Date.now();
    this.watchdog.feed(this.heard);
    if (message.topic === "log") this.log.take(message);
    else if (message.topic !== "beat" && NAMES.includes(message.topic)) this[message.topic] = message.data;
  }
}

const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 10_000;
/** Silence after which a connection counts as dead; portald sends something every ten seconds at least. */
const PATIENCE = 15_000;
const LOOK = 5_000;

export const live = new Live();
