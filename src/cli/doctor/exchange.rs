//! Asks the exchange: is it there, do the clocks agree, what may the key do, how is the account set up.

use std::time::Duration;

use serde_json::Value;

use super::super::app::{App, mode};
use super::finding::Finding;
use super::{account, key};
use crate::broker::Mode;
use crate::state::clock;
use crate::venue::bybit::{BybitConfig, BybitVenue, ClockCheck};
use crate::venue::{ReadRequest, Venue, VenueError};

/// A clock that is off by more is worth a warning.
const CLOCK_WARNING_MS: u64 = 500;

/// A start does not wait longer for one answer.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The contract by which the position mode is told: the mode is the same for all of one settle coin, as a rule.
const SAMPLE: &str = "BTCUSDT";

const KEY: ReadRequest = private("/v5/user/query-api");
const INFO: ReadRequest = private("/v5/account/info");
const SETTINGS: ReadRequest = private("/v5/account/user-setting-config");

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// What a red line could come of, in seconds.
    Start,
    Full,
}

const fn private(path: &'static str) -> ReadRequest {
    ReadRequest {
        path,
        private: true,
        query: Vec::new(),
    }
}

pub(super) async fn check(app: &App, depth: Depth) -> Vec<Finding> {
    let settings_wrong = |error: String| {
        vec![Finding::red(
            "exchange.settings",
            error,
            "correct the BYBIT_ variables; nothing starts with these",
        )]
    };
    let mode = match mode() {
        Ok(mode) => mode,
        Err(error) => return settings_wrong(error.to_string()),
    };
    // The paper exchange lives as long as this is held.
    let (mut config, _paper) = match app.exchange().await {
        Ok(exchange) => exchange,
        Err(error) => return settings_wrong(error.to_string()),
    };
    if depth == Depth::Start {
        config.timeout = config.timeout.min(START_TIMEOUT);
    }
    let mut findings = vec![describe(&config, mode)];
    findings.extend(ask(&BybitVenue::new(config), depth).await);
    findings
}

fn describe(config: &BybitConfig, mode: Mode) -> Finding {
    let money = if config.paper { "play money" } else { "real money" };
    let writes = match mode {
        Mode::Trade => "orders pass the gate",
        Mode::Read => "BYBIT_MODE=read: every order is refused",
    };
    Finding::green("exchange.venue", format!("{}: {money}; {writes}", config.label))
}

async fn ask(venue: &BybitVenue, depth: Depth) -> Vec<Finding> {
    let config = venue.config();
    let measured = venue.check_clock().await;
    let mut findings = vec![judge_clock(&measured, config.recv_window_ms)];
    if config.credentials.is_none() {
        findings.push(Finding::yellow(
            "key.none",
            "no API key is set: prices can be read, nothing can be traded",
            "set BYBIT_API_KEY_FILE and BYBIT_API_SECRET_FILE, or try --venue paper",
        ));
        return findings;
    }
    if let Err(error) = &measured {
        findings.push(key::judge_failure(error));
        return findings;
    }
    findings.extend(about_key(venue).await);
    findings.extend(about_account(venue, depth).await);
    findings
}

fn judge_clock(measured: &Result<ClockCheck, VenueError>, recv_window_ms: u64) -> Finding {
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

async fn about_key(venue: &BybitVenue) -> Vec<Finding> {
    let answer = venue.read(KEY).await;
    match answer {
        Ok(info) => key::judge(&info, clock::now()),
        Err(error) if venue.is_paper() && is_unserved(&error) => vec![not_here("key.permissions", KEY.path)],
        Err(error) => vec![key::judge_failure(&error)],
    }
}

async fn about_account(venue: &BybitVenue, depth: Depth) -> Vec<Finding> {
    if depth == Depth::Start {
        let info = venue.read(INFO).await;
        return judged(venue, "account.mode", INFO.path, info, |info| {
            vec![account::judge_mode(info)]
        });
    }
    let wallet = ReadRequest {
        query: vec![("accountType", "UNIFIED".to_owned())],
        ..private("/v5/account/wallet-balance")
    };
    let position = ReadRequest {
        query: vec![("category", "linear".to_owned()), ("symbol", SAMPLE.to_owned())],
        ..private("/v5/position/list")
    };
    let (wallet_path, position_path) = (wallet.path, position.path);
    let (info, settings, wallet, position) = futures::join!(
        venue.read(INFO),
        venue.read(SETTINGS),
        venue.read(wallet),
        venue.read(position)
    );
    let mut findings = judged(venue, "account.mode", INFO.path, info, account::judge_info);
    findings.extend(judged(
        venue,
        "account.position_mode",
        position_path,
        position,
        |rows| vec![account::judge_position_mode(rows, SAMPLE)],
    ));
    findings.extend(judged(
        venue,
        "account.price_limit",
        SETTINGS.path,
        settings,
        account::judge_price_limits,
    ));
    findings.extend(judged(
        venue,
        "account.borrowing",
        wallet_path,
        wallet,
        |wallet| vec![account::judge_borrowing(wallet)],
    ));
    findings
}

/// What an answer says; without one that nothing is known, which is never green.
fn judged(
    venue: &BybitVenue,
    id: &'static str,
    path: &str,
    answer: Result<Value, VenueError>,
    judge: impl FnOnce(&Value) -> Vec<Finding>,
) -> Vec<Finding> {
    match answer {
        Ok(answer) => judge(&answer),
        Err(error) if is_unserved(&error) => vec![not_here(id, path)],
        Err(error) if id == "account.mode" && !venue.is_paper() => vec![Finding::red(
            id,
            format!("the account's mode is not known: {error}"),
            "run this again",
        )],
        Err(error) => vec![Finding::yellow(
            id,
            format!("it could not be read: {error}"),
            "run this again",
        )],
    }
}

fn not_here(id: &'static str, path: &str) -> Finding {
    Finding::grey(
        id,
        format!("not to be checked here: this exchange does not serve {path}"),
    )
}

/// No such path here, or not for a demo account (facts §1.3, §2.3).
fn is_unserved(error: &VenueError) -> bool {
    matches!(
        error,
        VenueError::Rejected {
            code: 404 | 10017 | 10032 | 10404,
            ..
        }
    )
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

    #[test]
    fn what_is_not_served_is_told_from_what_failed() {
        let rejected = |code| VenueError::Rejected {
            code,
            message: String::new(),
        };
        assert!(is_unserved(&rejected(404)) && is_unserved(&rejected(10017)));
        assert!(!is_unserved(&rejected(10004)));
        assert!(!is_unserved(&VenueError::Unreachable("x".into())));
    }
}
