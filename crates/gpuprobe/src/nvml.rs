//! NVML as a [`Source`].
//!
//! Traps of `nvml-wrapper` that this module keeps everybody else out of: dropping `Nvml` panics
//! where the library lacks `nvmlShutdown`; a symbol that an old driver lacks is an error of its
//! own kind; return codes newer than the wrapper come as numbers.

mod errors;

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use nvml_wrapper::{
    Device as Handle, Nvml as Library,
    enum_wrappers::device::{Clock, TemperatureSensor},
    enums::device::UsedGpuMemory,
    error::NvmlError,
    struct_wrappers::device::ProcessInfo,
};

use self::errors::{Field, failure, field, gone};
use crate::{
    Device, Driver, Failure, FailureKind, Identity, Process, Pulse, Reading, Source, owner,
};

/// The NVML library of this container.
#[derive(Debug)]
pub struct Nvml {
    path: String,
    session: Option<Session>,
}

/// An initialised library with its devices.
#[derive(Debug)]
struct Session {
    library: Lifelong,
    /// Their handles borrow the library, so they end before it.
    cards: Vec<Card>,
}

/// A library on the heap that handles may borrow for as long as their session keeps both.
#[derive(Debug)]
struct Lifelong(*mut Library);

#[derive(Debug)]
struct Card {
    identity: Identity,
    /// The device, or why the driver does not hand it out.
    handle: Result<Handle<'static>, String>,
    /// Fields this device does not offer; asked once per session.
    absent: Vec<&'static str>,
}

impl Nvml {
    /// A library that is opened later; `path` is a name for the dynamic linker, or a path.
    pub fn new(path: String) -> Self {
        Self {
            path,
            session: None,
        }
    }
}

impl Source for Nvml {
    fn open(&mut self, pulse: &Pulse) -> Result<Driver, Failure> {
        self.close(pulse);
        let opened = pulse.opening("nvmlInit_v2", || {
            Library::builder().lib_path(OsStr::new(&self.path)).init()
        });
        let library = Lifelong::new(opened.map_err(|error| failure(&error))?);
        let driver = driver(library.get(), pulse);
        let cards = find_cards(library.get(), pulse);
        let session = self.session.insert(Session {
            library,
            cards: Vec::new(),
        });
        session.cards = cards?;
        Ok(driver)
    }

    fn read(&mut self, pulse: &Pulse) -> Result<Vec<Reading>, Failure> {
        let session = self.session.as_mut().ok_or_else(not_open)?;
        // The library forgets everything when another part of the process shuts it down.
        let library = session.library.get();
        let count = pulse.call("nvmlDeviceGetCount_v2", || library.device_count());
        let count = count.map_err(|error| failure(&error))?;
        if u32::try_from(session.cards.len()) != Ok(count) {
            session.cards = find_cards(library, pulse)?;
        }
        let cards = session.cards.iter_mut();
        Ok(cards.map(|card| card.read(pulse)).collect())
    }

    fn processes(&mut self, pulse: &Pulse) -> Vec<Vec<Process>> {
        let Some(session) = &self.session else {
            return Vec::new();
        };
        let cards = session.cards.iter();
        cards.map(|card| card.processes(pulse)).collect()
    }

    fn close(&mut self, pulse: &Pulse) {
        if let Some(session) = self.session.take() {
            pulse.opening("nvmlShutdown", || drop(session));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.cards.clear();
        self.library.close();
    }
}

impl Lifelong {
    fn new(library: Library) -> Self {
        Self(Box::into_raw(Box::new(library)))
    }

    /// The library; what borrows it must not outlive the session.
    fn get(&self) -> &'static Library {
        // SAFETY: the pointer comes from a box that only `close` frees, at the end of the session.
        #[expect(unsafe_code, reason = "device handles live beside their library")]
        unsafe {
            &*self.0
        }
    }

    /// Shuts the library down, or leaves it loaded where it cannot be shut down.
    fn close(&self) {
        if self.get().lib().nvmlShutdown.is_ok() {
            // SAFETY: called once, when the session drops, after its handles.
            #[expect(unsafe_code, reason = "device handles live beside their library")]
            drop(unsafe { Box::from_raw(self.0) });
        }
    }
}

fn driver(library: &Library, pulse: &Pulse) -> Driver {
    let version = pulse.call("nvmlSystemGetDriverVersion", || {
        library.sys_driver_version()
    });
    let cuda = pulse.call("nvmlSystemGetCudaDriverVersion_v2", || {
        library.sys_cuda_driver_version()
    });
    Driver {
        version: version.unwrap_or_default(),
        // 13020 means 13.2.
        cuda: cuda.map_or_else(
            |_| String::new(),
            |v| format!("{}.{}", v / 1000, v % 1000 / 10),
        ),
    }
}

fn find_cards(library: &'static Library, pulse: &Pulse) -> Result<Vec<Card>, Failure> {
    let count = pulse.opening("nvmlDeviceGetCount_v2", || library.device_count());
    let count = count.map_err(|error| failure(&error))?;
    let found = (0..count).map(|index| Card::find(library, index, pulse));
    Ok(found.collect())
}

impl Card {
    fn find(library: &'static Library, index: u32, pulse: &Pulse) -> Self {
        let found = pulse.opening("nvmlDeviceGetHandleByIndex_v2", || {
            library.device_by_index(index)
        });
        match found {
            Ok(device) => Self {
                identity: identify(&device, index, pulse),
                handle: Ok(device),
                absent: Vec::new(),
            },
            Err(error) => Self {
                identity: Identity {
                    index,
                    ..Identity::default()
                },
                handle: Err(gone(&error).unwrap_or_else(|| error.to_string())),
                absent: Vec::new(),
            },
        }
    }

    fn read(&mut self, pulse: &Pulse) -> Reading {
        let values = match &self.handle {
            Ok(handle) => values(handle, &mut self.absent, pulse).map(Box::new),
            Err(error) => Err(error.clone()),
        };
        Reading {
            identity: self.identity.clone(),
            values,
        }
    }

    /// Compute and graphics processes; one that is both appears once.
    fn processes(&self, pulse: &Pulse) -> Vec<Process> {
        let Ok(device) = &self.handle else {
            return Vec::new();
        };
        let compute = list(pulse, "nvmlDeviceGetComputeRunningProcesses_v3", || {
            device.running_compute_processes()
        });
        let graphics = list(pulse, "nvmlDeviceGetGraphicsRunningProcesses_v3", || {
            device.running_graphics_processes()
        });
        let by_pid: BTreeMap<u32, Option<u64>> = graphics
            .into_iter()
            .chain(compute)
            .map(|process| (process.pid, memory_of(&process)))
            .collect();
        by_pid
            .into_iter()
            .map(|(pid, memory_used_bytes)| Process {
                pid,
                memory_used_bytes,
                name: owner::name(Path::new("/proc"), pid),
            })
            .collect()
    }
}

fn values(
    device: &Handle<'_>,
    absent: &mut Vec<&'static str>,
    pulse: &Pulse,
) -> Result<Device, String> {
    let mut fields = Fields { absent, pulse };
    let rates = fields.ask("nvmlDeviceGetUtilizationRates", || {
        device.utilization_rates()
    })?;
    let memory = fields.ask("nvmlDeviceGetMemoryInfo_v2", || device.memory_info())?;
    Ok(Device {
        utilization_percent: rates.as_ref().map(|rates| rates.gpu),
        memory_utilization_percent: rates.map(|rates| rates.memory),
        memory_total_bytes: memory.as_ref().map(|memory| memory.total),
        memory_used_bytes: memory.map(|memory| memory.used),
        temperature_celsius: fields.ask("nvmlDeviceGetTemperature", || {
            device.temperature(TemperatureSensor::Gpu)
        })?,
        power_milliwatts: fields.ask("nvmlDeviceGetPowerUsage", || device.power_usage())?,
        power_limit_milliwatts: fields.ask("nvmlDeviceGetEnforcedPowerLimit", || {
            device.enforced_power_limit()
        })?,
        sm_clock_mhz: fields.ask("nvmlDeviceGetClockInfo (SM)", || {
            device.clock_info(Clock::SM)
        })?,
        memory_clock_mhz: fields.ask("nvmlDeviceGetClockInfo (memory)", || {
            device.clock_info(Clock::Memory)
        })?,
        fan_percent: fields.ask("nvmlDeviceGetFanSpeed_v2", || device.fan_speed(0))?,
    })
}

/// Asks for the fields of one device and learns which it does not offer.
struct Fields<'a> {
    absent: &'a mut Vec<&'static str>,
    pulse: &'a Pulse,
}

impl Fields<'_> {
    fn ask<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce() -> Result<T, NvmlError>,
    ) -> Result<Option<T>, String> {
        if self.absent.contains(&name) {
            return Ok(None);
        }
        match field(self.pulse.call(name, call)) {
            Field::Value(value) => Ok(Some(value)),
            Field::Missed => Ok(None),
            Field::Absent => {
                self.absent.push(name);
                Ok(None)
            }
            Field::DeviceGone(why) => Err(why),
        }
    }
}

fn identify(device: &Handle<'_>, index: u32, pulse: &Pulse) -> Identity {
    let pci = pulse.call("nvmlDeviceGetPciInfo_v3", || device.pci_info());
    Identity {
        index,
        uuid: pulse
            .call("nvmlDeviceGetUUID", || device.uuid())
            .unwrap_or_default(),
        name: pulse
            .call("nvmlDeviceGetName", || device.name())
            .unwrap_or_default(),
        pci_bus_id: pci.map(|pci| pci.bus_id).unwrap_or_default(),
    }
}

/// A list that outgrew its buffer between two calls is asked for once more, then left for later.
fn list(
    pulse: &Pulse,
    name: &'static str,
    call: impl Fn() -> Result<Vec<ProcessInfo>, NvmlError>,
) -> Vec<ProcessInfo> {
    let mut result = pulse.call(name, &call);
    if matches!(result, Err(NvmlError::InsufficientSize(_))) {
        result = pulse.call(name, &call);
    }
    result.unwrap_or_default()
}

/// Memory of a process. Drivers say 0 where they cannot tell inside a container.
fn memory_of(process: &ProcessInfo) -> Option<u64> {
    match process.used_gpu_memory {
        UsedGpuMemory::Used(bytes) if bytes > 0 => Some(bytes),
        UsedGpuMemory::Used(_) | UsedGpuMemory::Unavailable => None,
    }
}

fn not_open() -> Failure {
    Failure {
        kind: FailureKind::Other,
        text: "the library is not open".to_owned(),
    }
}
