//! What gpuprobe reads from, behind a narrow trait so that tests can play recorded samples.

use crate::{Device, Process, Pulse};

/// A driver and its devices. Lives on the sampler thread, so its calls may block.
///
/// Every call that may block is announced through [`Pulse::call`].
pub trait Source: 'static {
    /// Opens the driver; called again, with growing pauses, after it failed.
    ///
    /// # Errors
    /// When there is no driver or it refuses.
    fn open(&mut self, pulse: &Pulse) -> Result<Driver, Failure>;

    /// Reads every device once. A device that fails costs only itself.
    ///
    /// # Errors
    /// When the driver as a whole is gone; it is opened again later.
    fn read(&mut self, pulse: &Pulse) -> Result<Vec<Reading>, Failure>;

    /// Processes on each device, in the order of [`Self::read`]. Slower than the rest and
    /// therefore called less often.
    fn processes(&mut self, pulse: &Pulse) -> Vec<Vec<Process>>;

    /// Closes the driver; also called after a failure.
    fn close(&mut self, pulse: &Pulse);
}

/// What an opened driver says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Driver {
    /// Version such as "580.82.07"; empty if unknown.
    pub version: String,
    /// Newest CUDA version it supports, such as "13.0"; empty if unknown.
    pub cuda: String,
}

/// Why the driver as a whole cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class of the failure; it decides text and advice.
    pub kind: FailureKind,
    /// The driver's or the system's own words.
    pub text: String,
}

/// Classes of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The library is not in this container.
    NoLibrary,
    /// The library is there, the kernel module is not loaded on the host.
    NotLoaded,
    /// Library and kernel module have different versions.
    Mismatch,
    /// The container has lost, or never got, the right to use the device files.
    Detached,
    /// This account may not ask the driver.
    NoPermission,
    /// Anything else.
    Other,
}

/// Who a device is; does not change while the driver stays open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Index among the visible devices.
    pub index: u32,
    /// UUID such as "GPU-4c5c…"; empty if unknown.
    pub uuid: String,
    /// Product name; empty if unknown.
    pub name: String,
    /// PCI address such as "00000000:07:00.0"; empty if unknown.
    pub pci_bus_id: String,
}

/// One device, read once: its values, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Who it is.
    pub identity: Identity,
    /// Its values, or why it could not be read, with what to do.
    pub values: Result<Box<Device>, String>,
}
