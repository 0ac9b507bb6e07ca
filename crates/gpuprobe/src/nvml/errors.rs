//! What NVML's return codes mean: for one field, for one device, for the driver.

use nvml_wrapper::error::NvmlError;

use crate::{Failure, FailureKind};

/// What one call for one field says.
pub(super) enum Field<T> {
    Value(T),
    /// The device does not offer it.
    Absent,
    /// It could not be read this time.
    Missed,
    /// The device as a whole does not answer.
    DeviceGone(String),
}

/// What the result of a call means for its field.
pub(super) fn field<T>(result: Result<T, NvmlError>) -> Field<T> {
    match result {
        Ok(value) => Field::Value(value),
        Err(error) => match (gone(&error), error) {
            (Some(why), _) => Field::DeviceGone(why),
            (
                None,
                NvmlError::NotSupported
                | NvmlError::FunctionNotFound
                | NvmlError::FailedToLoadSymbol(_)
                | NvmlError::InvalidArg
                | NvmlError::NoPermission
                // Argument version mismatch and deprecated, newer than the wrapper.
                | NvmlError::UnexpectedVariant(25 | 26),
            ) => Field::Absent,
            (None, _) => Field::Missed,
        },
    }
}

/// Why a device as a whole does not answer, with what to do; nothing for errors of one field.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the wrapper's list of errors grows with the driver's"
)]
pub(super) fn gone(error: &NvmlError) -> Option<String> {
    let advice = match error {
        NvmlError::GpuLost => "report it to the host or move to another machine",
        NvmlError::ResetRequired => "the host must reset it",
        NvmlError::IrqIssue => "the host must look at its interrupts",
        NvmlError::InsufficientPower => "the host must check its power cables",
        NvmlError::OperatingSystem => "restart the instance, so that it gets its device files",
        _ => return None,
    };
    Some(format!("{error}; {advice}"))
}

/// What an error means for the driver as a whole.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the wrapper's list of errors grows with the driver's"
)]
pub(super) fn failure(error: &NvmlError) -> Failure {
    let kind = match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => FailureKind::NoLibrary,
        NvmlError::DriverNotLoaded => FailureKind::NotLoaded,
        NvmlError::LibRmVersionMismatch => FailureKind::Mismatch,
        // A container that lost its device files gets "Unknown" from the very first call.
        NvmlError::Unknown | NvmlError::OperatingSystem => FailureKind::Detached,
        NvmlError::NoPermission => FailureKind::NoPermission,
        _ => FailureKind::Other,
    };
    Failure {
        kind,
        text: words(error),
    }
}

/// The error's innermost words: the loader's message names the file, the wrapper's does not.
fn words(error: &NvmlError) -> String {
    let mut text = error.to_string();
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
        text = cause.to_string();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_or_an_old_driver_lacks_is_absent() {
        for error in [
            NvmlError::NotSupported,
            NvmlError::FunctionNotFound,
            NvmlError::FailedToLoadSymbol("nvmlDeviceGetMemoryInfo_v2".to_owned()),
            NvmlError::UnexpectedVariant(25),
            NvmlError::UnexpectedVariant(26),
        ] {
            assert!(matches!(field::<u32>(Err(error)), Field::Absent));
        }
    }

    #[test]
    fn a_passing_error_costs_one_field_once() {
        for error in [NvmlError::Timeout, NvmlError::Unknown, NvmlError::NoData] {
            assert!(matches!(field::<u32>(Err(error)), Field::Missed));
        }
    }

    #[test]
    fn a_lost_device_says_so_with_advice() {
        let Field::DeviceGone(why) = field::<u32>(Err(NvmlError::GpuLost)) else {
            panic!("not gone");
        };
        assert!(
            why.contains("fell off the bus") && why.contains("host"),
            "{why}"
        );
    }

    #[test]
    fn failures_of_the_driver_are_told_apart() {
        let kinds = [
            (NvmlError::DriverNotLoaded, FailureKind::NotLoaded),
            (NvmlError::LibRmVersionMismatch, FailureKind::Mismatch),
            (NvmlError::Unknown, FailureKind::Detached),
            (NvmlError::OperatingSystem, FailureKind::Detached),
            (NvmlError::NoPermission, FailureKind::NoPermission),
            (NvmlError::Uninitialized, FailureKind::Other),
        ];
        for (error, kind) in kinds {
            assert_eq!(failure(&error).kind, kind, "{error}");
        }
    }
}
