//! The web page of an instance: apps, processes, logs, tunnels, GPU.
//!
//! ```text
//!  bootd supervisord proxyd tunneld gpuprobe      portal.yaml   /proc, cgroup   log files
//!        └──────── feeds ────────┘                   apps          system         logs
//!                      └──────────── facts ───────────┴──────────────┘             │
//!                                      ▼                                           │
//!                          hub (world, events, memory)                             │
//!                                      ▼ published topics                          ▼
//!                           http (page, REST, WebSocket) and service (gRPC)      Store
//! ```
//!
//! It shows the state of others and keeps none of its own but the history of events. A neighbour
//! that is missing costs its part of the page and nothing else.

mod apps;
mod events;
mod feeds;
mod http;
mod hub;
mod logs;
mod memory;
mod neighbours;
mod run;
mod service;
mod settings;
mod system;
mod view;
mod world;

pub use run::run;
pub use settings::Settings;
