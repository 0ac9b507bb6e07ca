//! What people do with an instance, one story per test.
//!
//! Every story boots the release binaries and `ROOT/` in a sandbox of its own.

mod alone;
mod bad_input;
mod comfyui;
mod extensions;
mod front_door;
mod programs;
mod shutdown;
mod sockets;
mod ssh;
mod survival;
mod two_commands;
mod web;
