//! Asks the exchange: is it there, do the clocks agree, what may the key do, how is the account set up.

use std::time::Duration;

use serde_json::Value;

use super::super::Failure;
use super::super::app::{App, mode};
use super::finding::Finding;
use super::times::judge_clock;
use super::{account, key};
use crate::broker::Mode;
use crate::state::clock;
use crate::venue::bybit::{BybitConfig, BybitVenue};
use crate::venue::{ReadRequest, Venue, VenueError};

/// A start does not wait longer for one answer.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The contract by which the position mode is told: the mode is the same for all of one settle coin, as a rule.
const SAMPLE: &str = "BTCUSDT";

const KEY: ReadRequest = private("/v5/user/query-api");
const INFO: ReadRequest = private("/v5/account/info");
const SETTINGS: ReadRequest = private("/v5/account/user-setting-config");
const WALLET: ReadRequest = private("/v5/account/wallet-balance");
const POSITION: ReadRequest = private("/v5/position/list");

const MODE: &str = "account.mode";

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
    let mode = match mode() {
        Ok(mode) => mode,
        Err(error) => return vec![judge_start(&error)],
    };
    // The paper exchange lives as long as this is held.
    let (mut config, _paper) = match app.exchange().await {
        Ok(exchange) => exchange,
        Err(error) => return vec![judge_start(&error)],
    };
    if depth == Depth::Start {
        config.timeout = config.timeout.min(START_TIMEOUT);
    }
    let mut findings = vec![describe(&config, mode)];
    findings.extend(ask(&BybitVenue::new(config), depth).await);
    findings
}

/// Settings that are wrong, or a paper exchange that does not start with ones that are right.
fn judge_start(error: &Failure) -> Finding {
    let advice = match error {
        Failure::Usage(_) => "correct that setting; nothing starts with it",
        Failure::Failed(_) => "do as it says; until then nothing starts",
    };
    Finding::red("exchange.settings", error.to_string(), advice)
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
    findings.extend(match depth {
        Depth::Start => about_mode(venue).await,
        Depth::Full => about_account(venue).await,
    });
    findings
}

async fn about_key(venue: &BybitVenue) -> Vec<Finding> {
    let answer = venue.read(KEY).await;
    match answer {
        Ok(info) => key::judge(&info, clock::now()),
        Err(error) if venue.is_paper() && is_unserved(&error) => vec![not_here("key.permissions", KEY.path)],
        Err(error) => vec![key::judge_failure(&error)],
    }
}

/// The one thing about the account that a start must know.
async fn about_mode(venue: &BybitVenue) -> Vec<Finding> {
    let info = venue.read(INFO).await;
    judged(venue, MODE, INFO.path, info, |info| {
        vec![account::judge_mode(info)]
    })
}

async fn about_account(venue: &BybitVenue) -> Vec<Finding> {
    let wallet = ReadRequest {
        query: vec![("accountType", "UNIFIED".to_owned())],
        ..WALLET
    };
    let position = ReadRequest {
        query: vec![("category", "linear".to_owned()), ("symbol", SAMPLE.to_owned())],
        ..POSITION
    };
    let (info, settings, wallet, position) = futures::join!(
        venue.read(INFO),
        venue.read(SETTINGS),
        venue.read(wallet),
        venue.read(position)
    );
    let legs = |rows: &Value| vec![account::judge_position_mode(rows, SAMPLE)];
    let debts = |wallet: &Value| vec![account::judge_borrowing(wallet)];
    let limits = account::judge_price_limits;
    [
        judged(venue, MODE, INFO.path, info, account::judge_info),
        judged(venue, "account.position_mode", POSITION.path, position, legs),
        judged(venue, "account.price_limit", SETTINGS.path, settings, limits),
        judged(venue, "account.borrowing", WALLET.path, wallet, debts),
    ]
    .concat()
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
        // With real money at stake an account that nobody could look at is not taken for a good one.
        Err(error) if id == MODE && !venue.is_paper() => vec![Finding::red(
            id,
            format!("the account's mode is not known: {error}"),
            "run this again",
        )],
        Err(error) if is_unserved(&error) => vec![not_here(id, path)],
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
    use super::*;

    #[test]
    fn a_setting_is_to_be_corrected_and_a_full_disk_is_no_setting() {
        let advice = |error| judge_start(&error).advice.unwrap();
        assert!(advice(Failure::Usage(String::new())).contains("setting"));
        assert!(!advice(Failure::Failed(String::new())).contains("setting"));
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
