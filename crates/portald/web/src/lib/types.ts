// The topics of /api/v1/stream, as src/view.rs and src/neighbours.rs make them.

export type Daemon = "bootd" | "supervisord" | "proxyd" | "tunneld" | "gpuprobe";
export type Severity = "error" | "warning" | "info";

/** Marks values whose source does not answer. */
export interface Stale {
  daemon: Daemon;
  problem: string;
  since_unix_us: number;
  known: boolean;
}

export interface Attention {
  severity: Severity;
  subject: string;
  text: string;
  page: string;
}

export interface Feed {
  daemon: Daemon;
  connected: boolean;
  problem: string;
  meaning: string;
  since_unix_us: number;
  restarts_seen: number;
}

export interface Instance {
  id: string;
  version: string;
  portal_epoch: number;
  phase: "unknown" | "booting" | "up" | "stopping";
  feeds: Feed[];
  attention: Attention[];
}

export type AppState = "ready" | "starting" | "stopped" | "failed" | "unknown";

export interface App {
  name: string;
  program: string | null;
  external_port: number;
  internal_port: number;
  outside_port: number | null;
  open_path: string;
  /** Null while nobody has said. */
  scheme: "http" | "https" | null;
  state: AppState;
  reason: string;
  is_portal: boolean;
}

export interface Apps {
  stale: Stale | null;
  apps: App[];
  problems: string[];
  missing: string | null;
}

export type ProgramState =
  | "stopped"
  | "starting"
  | "running"
  | "backoff"
  | "stopping"
  | "exited"
  | "fatal"
  | "unknown";

export interface Exit {
  code: number | null;
  signal: number | null;
  expected: boolean;
}

export interface Program {
  name: string;
  group: string;
  state: ProgramState;
  readiness: "no_probe" | "not_ready" | "ready";
  probe: string;
  pid: number;
  started_unix_us: number;
  stopped_unix_us: number;
  last_exit: Exit | null;
  restarts: number;
  description: string;
  spawn_error: string;
  log_path: string;
  command: string;
  autostart: boolean;
  defined_in: string;
  protected: boolean;
  log: string | null;
}

export interface ConfigProblem {
  file: string;
  line: number;
  section: string;
  text: string;
}

export interface Services {
  stale: Stale | null;
  programs: Program[];
  problems: ConfigProblem[];
  shutting_down: boolean;
}

export interface System {
  cpu_percent: number | null;
  cpu_cores: number;
  memory_used_bytes: number | null;
  memory_total_bytes: number | null;
  memory_limited: boolean;
  disks: { path: string; total_bytes: number; used_bytes: number; problem: string }[];
  interval_seconds: number;
  cpu_history: number[];
  memory_history: number[];
}

export interface Device {
  index: number;
  uuid: string;
  name: string;
  error: string;
  utilization_percent: number | null;
  memory_total_bytes: number | null;
  memory_used_bytes: number | null;
  temperature_celsius: number | null;
  power_milliwatts: number | null;
  power_limit_milliwatts: number | null;
  sm_clock_mhz: number | null;
  fan_percent: number | null;
  processes: { pid: number; memory_used_bytes: number | null; name: string }[];
}

export interface Gpu {
  stale: Stale | null;
  said: {
    state: "unknown" | "ok" | "no_driver" | "mismatch" | "no_device" | "hung" | "error";
    state_text: string;
    advice: string;
    driver_version: string;
    cuda_version: string;
    sampled_unix_us: number;
    devices: Device[];
  } | null;
}

export type Outcome =
  | "unknown"
  | "pending"
  | "running"
  | "done"
  | "skipped"
  | "degraded"
  | "failed";

export interface Step {
  name: string;
  script: boolean;
  outcome: Outcome;
  started_us: number | null;
  duration_us: number | null;
  message: string;
}

export interface Boot {
  stale: Stale | null;
  said: {
    phase: Instance["phase"];
    steps: Step[];
    supervisor: {
      state: "unknown" | "not_started" | "running" | "restarting" | "stopped";
      pid: number;
      restarts: number;
      last_exit: string;
      leftovers_stopped: string[];
      last_restart_unix_us: number;
    };
    orphans_reaped: number;
    instance_id: string;
    is_init: boolean;
    notices: { unix_us: number; subject: string; text: string }[];
  } | null;
}

export interface Tunnels {
  stale: Stale | null;
  relay: "unknown" | "not_configured" | "connecting" | "connected" | null;
  advice: string;
  apps: {
    app: string;
    direct_url: string;
    direct_problem: string;
    ssh_command: string;
    ssh_url: string;
  }[];
  notices: string[];
}

export interface Event {
  id: number;
  unix_us: number;
  severity: Severity;
  subject: string;
  text: string;
}

export interface Topics {
  instance: Instance;
  apps: Apps;
  services: Services;
  system: System;
  gpu: Gpu;
  boot: Boot;
  tunnels: Tunnels;
  events: { events: Event[] };
  logs: { sources: { name: string; path: string }[] };
}

/** One line of a log. A line with a known id replaces the earlier one. */
export interface LogLine {
  id: number;
  n: number;
  src: string;
  ts?: number;
  t: string;
  r?: [number, string][];
}

export interface LogBatch {
  topic: "log";
  source: string | null;
  epoch: number;
  seq: number;
  lines: LogLine[];
}
