//! What this program is and what it was built from. `build.rs` finds it out.

/// One line, for `-V`: `0.1.0 (abc1234 2026-11-21)`.
pub(super) const SHORT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILT_ORIGIN"), ")");

/// The same line and how it was built, for `--version`.
pub(super) const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("BUILT_ORIGIN"),
    ")\nprofile: ",
    env!("BUILT_PROFILE"),
    "\ntarget:  ",
    env!("BUILT_TARGET"),
    "\nrustc:   ",
    env!("BUILT_RUSTC"),
);
