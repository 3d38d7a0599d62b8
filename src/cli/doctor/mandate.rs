//! The mandate: whether the gate would act on it, how long, and whether it refuses more than was meant.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use super::super::app::App;
use super::super::args::VenueChoice;
use super::finding::Finding;
use crate::domain::mandate::{Mandate, SCHEMA_VERSION};
use crate::state::clock;
use crate::state::mandate_file::{MandateFileError, read_mandate_text};

/// Less time left is worth a warning.
const SHORT: TimeDelta = TimeDelta::days(3);

/// How a new mandate comes about.
fn renew(venue: VenueChoice, path: &Path) -> String {
    let path = path.display();
    match venue {
        VenueChoice::Bybit => format!("commit a new mandate in Vibe-Trading; it is read from `{path}`"),
        // Never the root of real money.
        VenueChoice::Paper => format!("put a mandate at `{path}`; play money has a folder of its own"),
    }
}

pub(super) fn check(app: &App) -> Vec<Finding> {
    let renew = renew(app.venue, &app.files.mandate());
    let text = match read_mandate_text(&app.files) {
        Ok(text) => text,
        Err(error) => return vec![judge_file_error(&error, &renew)],
    };
    match Mandate::parse(&text) {
        Ok(mandate) => judge(&mandate, app.files.broker().as_str(), clock::now(), &renew),
        Err(error) => vec![Finding::red("mandate.invalid", error.to_string(), renew)],
    }
}

fn judge_file_error(error: &MandateFileError, renew: &str) -> Finding {
    let (id, advice) = match error {
        MandateFileError::Missing(path) => {
            let what = format!("no mandate on file: `{}` does not exist", path.display());
            return Finding::red("mandate.missing", what, renew);
        }
        MandateFileError::NotAllowed { .. } => (
            "mandate.writable",
            "take the permission away, then read the mandate once more: someone may have changed it",
        ),
        MandateFileError::Unreadable { .. } | MandateFileError::NotUtf8(_) => ("mandate.invalid", renew),
    };
    Finding::red(id, error.to_string(), advice)
}

/// `now` is this machine's clock; whether that is right is the exchange's to say.
fn judge(mandate: &Mandate, broker: &str, now: DateTime<Utc>, renew: &str) -> Vec<Finding> {
    if mandate.schema_version != SCHEMA_VERSION {
        let found = mandate.schema_version;
        return vec![Finding::red(
            "mandate.invalid",
            format!("its schema_version is {found}, and this program knows {SCHEMA_VERSION} alone"),
            renew,
        )];
    }
    let named = mandate.consent.broker.trim().to_lowercase();
    if named != broker {
        return vec![Finding::red(
            "mandate.other_broker",
            format!("it was given for broker `{named}`, not for `{broker}`"),
            "put each mandate into the folder of its own broker, or set BYBIT_BROKER_KEY",
        )];
    }
    let mut findings = vec![judge_time(mandate, now, renew)];
    findings.extend(judge_breadth(mandate));
    findings
}

/// What a mandate that is valid refuses all the same, in words.
pub(in crate::cli) fn refuses_more(mandate: &Mandate) -> Vec<String> {
    let findings = judge_breadth(mandate).into_iter();
    findings.map(|finding| finding.what).collect()
}

fn judge_breadth(mandate: &Mandate) -> Vec<Finding> {
    let mut findings: Vec<Finding> = judge_caps(mandate).into_iter().collect();
    findings.extend(judge_universe(mandate));
    findings
}

fn judge_time(mandate: &Mandate, now: DateTime<Utc>, renew: &str) -> Finding {
    let Some(expires) = mandate.consent.expires() else {
        return Finding::red(
            "mandate.expired",
            format!(
                "`{}` is no instant, so it counts as ended",
                mandate.consent.expires_at
            ),
            renew,
        );
    };
    let left = expires - now;
    let until = format!("valid, schema 1, until {}", mandate.consent.expires_at);
    if left <= TimeDelta::zero() {
        return Finding::red(
            "mandate.expired",
            format!("it ended at {}", mandate.consent.expires_at),
            renew,
        );
    }
    if left < SHORT {
        return Finding::yellow(
            "mandate.ends_soon",
            format!("{until}: {} hours are left", left.num_hours()),
            renew,
        );
    }
    Finding::green(
        "mandate.valid",
        format!("{until}: {} days are left", left.num_days()),
    )
}

/// A cap of zero is a mandate all the same: it refuses every order that adds.
fn judge_caps(mandate: &Mandate) -> Option<Finding> {
    let caps = &mandate.hard_caps;
    let zero: Vec<&str> = [
        ("account_funding_usd", caps.account_funding_usd.value()),
        ("max_order_notional_usd", caps.max_order_notional_usd.value()),
        ("max_total_exposure_usd", caps.max_total_exposure_usd.value()),
        ("max_leverage", caps.max_leverage),
        ("max_trades_per_day", Decimal::from(caps.max_trades_per_day)),
    ]
    .into_iter()
    .filter(|(_, cap)| cap.is_zero())
    .map(|(name, _)| name)
    .collect();
    (!zero.is_empty()).then(|| {
        Finding::yellow(
            "mandate.zero_cap",
            format!(
                "zero stands for {}: every order that adds is refused",
                zero.join(", ")
            ),
            "commit a mandate with the caps that you mean, if that is not meant",
        )
    })
}

fn judge_universe(mandate: &Mandate) -> Vec<Finding> {
    let lists = |words: &[String]| words.iter().any(|word| word == "crypto");
    let mut findings = Vec::new();
    if mandate.universe.min_market_cap_usd.is_some() {
        findings.push(Finding::yellow(
            "mandate.market_cap_floor",
            "min_market_cap_usd is set, and Bybit gives no market capitalisation: every order that adds is refused",
            "commit a mandate without that floor",
        ));
    }
    if !lists(&mandate.hard_caps.allowed_instruments) || !lists(&mandate.universe.asset_classes) {
        findings.push(Finding::yellow(
            "mandate.no_crypto",
            "`crypto` is missing in allowed_instruments or asset_classes: every order on Bybit is refused",
            "commit a mandate that permits it",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::super::finding::Severity;
    use super::*;

    const NOW: &str = "2026-06-15T12:00:00Z";

    fn sample() -> Value {
        json!({
            "schema_version": 1,
            "hard_caps": {"account_funding_usd": 900, "max_order_notional_usd": 90, "max_total_exposure_usd": 450,
                          "max_leverage": 2, "allowed_instruments": ["crypto"], "max_trades_per_day": 7},
            "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null,
                         "min_avg_daily_volume_usd": null, "exclude_symbols": []},
            "consent": {"created_at": NOW, "consent_token_sha256": "ab", "broker": "bybit", "account_ref": "a",
                        "expires_at": "2026-07-01T00:00:00Z"},
        })
    }

    fn judged(change: impl Fn(&mut Value)) -> Vec<(&'static str, Severity)> {
        let mut value = sample();
        change(&mut value);
        let mandate = Mandate::parse(&value.to_string()).unwrap();
        let findings = judge(&mandate, "bybit", NOW.parse().unwrap(), "renew");
        findings
            .iter()
            .map(|finding| (finding.id, finding.severity))
            .collect()
    }

    #[test]
    fn a_mandate_in_force_is_green() {
        assert_eq!(judged(|_| ()), [("mandate.valid", Severity::Green)]);
    }

    #[test]
    fn the_time_left_is_judged() {
        let until = |text: &'static str| judged(move |value| value["consent"]["expires_at"] = text.into());
        assert_eq!(
            until("2026-06-18T11:59:59Z"),
            [("mandate.ends_soon", Severity::Yellow)]
        );
        assert_eq!(
            until("2026-06-18T12:00:00Z"),
            [("mandate.valid", Severity::Green)]
        );
        assert_eq!(until(NOW), [("mandate.expired", Severity::Red)]);
        assert_eq!(until("next week"), [("mandate.expired", Severity::Red)]);
    }

    #[test]
    fn another_schema_or_broker_is_red() {
        let schema = judged(|value| value["schema_version"] = 2.into());
        assert_eq!(schema, [("mandate.invalid", Severity::Red)]);
        let broker = judged(|value| value["consent"]["broker"] = "kraken".into());
        assert_eq!(broker, [("mandate.other_broker", Severity::Red)]);
        assert_eq!(
            judged(|value| value["consent"]["broker"] = " ByBit".into()).len(),
            1
        );
    }

    #[test]
    fn what_refuses_everything_is_yellow() {
        let zero = judged(|value| value["hard_caps"]["max_leverage"] = 0.into());
        assert_eq!(zero[1..], [("mandate.zero_cap", Severity::Yellow)]);
        let floor = judged(|value| value["universe"]["min_market_cap_usd"] = 1.into());
        assert_eq!(floor[1..], [("mandate.market_cap_floor", Severity::Yellow)]);
        let stocks = judged(|value| value["universe"]["asset_classes"] = json!(["us_equity"]));
        assert_eq!(stocks[1..], [("mandate.no_crypto", Severity::Yellow)]);
    }

    #[test]
    fn on_paper_nobody_is_sent_to_commit_real_money() {
        let path = PathBuf::from("/p/live/bybit/mandate.json");
        let missing =
            |venue| judge_file_error(&MandateFileError::Missing(path.clone()), &renew(venue, &path));
        let real = missing(VenueChoice::Bybit).advice.unwrap();
        assert!(
            real.contains("Vibe-Trading") && real.contains("/p/live/bybit/mandate.json"),
            "{real}"
        );
        let on_paper = format!("{:?}", missing(VenueChoice::Paper));
        assert!(!on_paper.contains("Vibe-Trading"), "{on_paper}");
        assert!(
            on_paper.contains("put a mandate at `/p/live/bybit/mandate.json`"),
            "{on_paper}"
        );
    }

    #[test]
    fn the_files_own_faults_have_their_ids() {
        let path = PathBuf::from("/m");
        let writable = MandateFileError::NotAllowed {
            path: path.clone(),
            mode: 0o666,
        };
        assert_eq!(judge_file_error(&writable, "renew").id, "mandate.writable");
        assert_eq!(
            judge_file_error(&MandateFileError::Missing(path.clone()), "renew").id,
            "mandate.missing"
        );
        assert_eq!(
            judge_file_error(&MandateFileError::NotUtf8(path), "renew").id,
            "mandate.invalid"
        );
    }
}
