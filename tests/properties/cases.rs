//! How many cases each property plays.

use proptest::test_runner::Config;

/// `default` cases, or as many times more as `PROPTEST_CASES` is above its own default of 256.
pub(crate) fn cases(default: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse::<u32>().ok());
    let scaled = asked.map_or(default, |asked| (default.saturating_mul(asked) / 256).max(1));
    Config::with_cases(scaled)
}
