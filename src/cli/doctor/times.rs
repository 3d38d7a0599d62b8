//! This machine's clock beside the exchange's: whether requests can be signed, and whether it is drifting.

use super::finding::Finding;
use crate::venue::VenueError;
use crate::venue::bybit::ClockCheck;

/// A clock that is off by more is worth a warning.
const CLOCK_WARNING_MS: u64 = 500;

pub(super) fn judge_clock(measured: &Result<ClockCheck, VenueError>, recv_window_ms: u64) -> Finding {
    let check = match measured {
        Ok(check) => check,
        Err(error) => {
            return Finding::red(
                "exchange.unreachable",
                error.to_string(),
                "check the network, a proxy, BYBIT_BASE_URL and Bybit's status; no order goes out until it answers",
            );
        }
    };
    let off = check.ahead_ms.unsigned_abs();
    let direction = if check.ahead_ms < 0 { "behind" } else { "ahead of" };
    let what = format!(
        "this machine's clock is {off} ms {direction} the exchange's; a question and its answer take {} ms",
        check.round_trip_ms
    );
    let advice = "turn on NTP";
    if off > recv_window_ms {
        let what =
            format!("{what}; more than the {recv_window_ms} ms of BYBIT_RECV_WINDOW: nothing is signed");
        return Finding::red("clock.off", what, advice);
    }
    if off > CLOCK_WARNING_MS {
        return Finding::yellow("clock.drifting", what, advice);
    }
    Finding::green("clock.right", what)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_window() {
        let judged = |ahead_ms| {
            let check = ClockCheck {
                ahead_ms,
                round_trip_ms: 80,
            };
            let finding = judge_clock(&Ok(check), 5_000);
            (finding.id, finding.severity)
        };
        assert_eq!(judged(500), ("clock.right", Severity::Green));
        assert_eq!(judged(-501), ("clock.drifting", Severity::Yellow));
        assert_eq!(judged(5_000), ("clock.drifting", Severity::Yellow));
        assert_eq!(judged(-5_001), ("clock.off", Severity::Red));
    }

    #[test]
    fn an_exchange_that_does_not_answer_is_red() {
        let finding = judge_clock(&Err(VenueError::Unreachable("x".into())), 5_000);
        assert_eq!(
            (finding.id, finding.severity),
            ("exchange.unreachable", Severity::Red)
        );
    }
}
