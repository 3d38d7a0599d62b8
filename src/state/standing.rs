//! What stands on disk: mandate, HALT and policy, read anew each time it is asked.

use chrono::{DateTime, Utc};

use super::halt::read_halt;
use super::mandate_file::{MandateFileError, policy_text, read_mandate_text};
use super::paths::LiveFiles;
use crate::domain::mandate::{Mandate, MandateError};
use crate::domain::policy::{Policy, PolicyError};
use crate::gate::{Halt, Standing};

/// Mandate, HALT and policy of one broker folder, as they stand on disk.
#[must_use]
pub fn read_standing(files: &LiveFiles, now: Result<DateTime<Utc>, String>) -> Standing {
    Standing {
        now,
        broker: files.broker().as_str().to_owned(),
        mandate: read_mandate(files),
        halt: match read_halt(files).tripped() {
            None => Halt::Clear,
            Some(what) => Halt::Tripped(what),
        },
        policy: read_policy(files),
    }
}

fn read_mandate(files: &LiveFiles) -> Result<Mandate, MandateError> {
    match read_mandate_text(files) {
        Ok(text) => Mandate::parse(&text),
        Err(MandateFileError::Missing { .. }) => Err(MandateError::Missing),
        Err(error) => Err(MandateError::File(error.to_string())),
    }
}

fn read_policy(files: &LiveFiles) -> Option<Result<Policy, PolicyError>> {
    match policy_text(files) {
        Ok(None) => None,
        Ok(Some(text)) => Some(Policy::parse(&text)),
        Err(error) => Some(Err(PolicyError(error.to_string()))),
    }
}
