//! `mandated mandate`: what a person committed, in words.

use std::path::Path;

use serde_json::{Value, json};

use super::app::App;
use super::doctor::refuses_more;
use super::out::{Style, say, say_json};
use super::{Done, Failure};
use crate::domain::mandate::{Mandate, MandateError, SCHEMA_VERSION};
use crate::state::clock;
use crate::state::mandate_file::{MandateFileError, candidate_text};
use crate::state::paths::BrokerKey;
use crate::state::standing::read_standing;

pub(super) fn show(app: &App, as_json: bool) -> Result<Done, Failure> {
    let standing = read_standing(&app.files, Ok(clock::now()));
    print(
        &standing.mandate,
        app.files.broker().as_str(),
        &app.files.mandate(),
        as_json,
    )
}

pub(super) fn check(broker_key: &str, file: &Path, as_json: bool) -> Result<Done, Failure> {
    let broker = BrokerKey::parse(broker_key).map_err(Failure::usage)?;
    let mandate = match candidate_text(file, &broker) {
        Ok(text) => Mandate::parse(&text),
        Err(refused @ MandateFileError::NotAllowed { .. }) => Err(MandateError::File(refused.to_string())),
        Err(error) => return Err(Failure::failed(error)),
    };
    print(&mandate, broker.as_str(), file, as_json)
}

fn print(
    mandate: &Result<Mandate, MandateError>,
    broker: &str,
    file: &Path,
    as_json: bool,
) -> Result<Done, Failure> {
    let verdict = mandate
        .as_ref()
        .map_err(ToString::to_string)
        .and_then(|mandate| in_force(mandate, broker));
    let warnings = mandate.as_ref().map(refuses_more).unwrap_or_default();
    if as_json {
        let (valid, why) = (verdict.is_ok(), verdict.as_ref().err());
        say_json(
            &json!({"valid": valid, "reason": why, "warnings": warnings, "file": file.display().to_string(),
                    "mandate": mandate.as_ref().ok().map(as_json_value)})
            .to_string(),
        );
    } else {
        match &verdict {
            Ok(()) => say(&format!("valid: {}", file.display())),
            Err(why) => {
                say(&format!("not in force: {why}"));
                say(&format!("  file: {}", file.display()));
            }
        }
        for warning in &warnings {
            say(&format!("{}: {warning}", Style::of_stdout().warn("warning")));
        }
        if let Ok(mandate) = mandate {
            lines(mandate).iter().for_each(|line| say(&format!("  {line}")));
        }
    }
    Ok(if verdict.is_ok() {
        Done::Well
    } else {
        Done::NotInOrder
    })
}

/// Whether the gate would act on it now.
pub(super) fn in_force(mandate: &Mandate, broker: &str) -> Result<(), String> {
    if mandate.schema_version != SCHEMA_VERSION {
        return Err(format!(
            "its schema_version is {}, this program knows {SCHEMA_VERSION}",
            mandate.schema_version
        ));
    }
    let named = mandate.consent.broker.trim().to_lowercase();
    if named != broker {
        return Err(format!("it was given for broker `{named}`, not for `{broker}`"));
    }
    match mandate.consent.expires() {
        None => Err("its expires_at cannot be read as an instant".to_owned()),
        Some(expires) if clock::now() >= expires => {
            Err(format!("it ended at {}", mandate.consent.expires_at))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn lines(mandate: &Mandate) -> Vec<String> {
    let caps = &mandate.hard_caps;
    let list = |items: &[String]| {
        if items.is_empty() {
            "nothing".to_owned()
        } else {
            items.join(", ")
        }
    };
    let floor =
        |floor: Option<crate::domain::money::Usd>| floor.map_or("none".to_owned(), |usd| format!("${usd}"));
    vec![
        format!("one order at most        ${}", caps.max_order_notional_usd),
        format!("all positions at most    ${}", caps.max_total_exposure_usd),
        format!(
            "leverage at most         {}x of ${}",
            caps.max_leverage.normalize(),
            caps.account_funding_usd
        ),
        format!("orders a day at most     {}", caps.max_trades_per_day),
        format!("instruments              {}", list(&caps.allowed_instruments)),
        format!(
            "asset classes            {}",
            list(&mandate.universe.asset_classes)
        ),
        format!(
            "never                    {}",
            list(&mandate.universe.exclude_symbols)
        ),
        format!(
            "market cap floor         {}",
            floor(mandate.universe.min_market_cap_usd)
        ),
        format!(
            "daily volume floor       {}",
            floor(mandate.universe.min_avg_daily_volume_usd)
        ),
        format!(
            "on HALT                  {}",
            if mandate.flatten_on_halt {
                "cancel orders and close positions"
            } else {
                "cancel orders"
            }
        ),
        format!(
            "account                  {} at {}",
            mandate.consent.account_ref, mandate.consent.broker
        ),
        format!("ends                     {}", mandate.consent.expires_at),
    ]
}

pub(super) fn as_json_value(mandate: &Mandate) -> Value {
    let caps = &mandate.hard_caps;
    json!({
        "max_order_notional_usd": caps.max_order_notional_usd.to_string(),
        "max_total_exposure_usd": caps.max_total_exposure_usd.to_string(),
        "max_leverage": caps.max_leverage.normalize().to_string(),
        "account_funding_usd": caps.account_funding_usd.to_string(),
        "max_trades_per_day": caps.max_trades_per_day,
        "allowed_instruments": caps.allowed_instruments,
        "asset_classes": mandate.universe.asset_classes,
        "exclude_symbols": mandate.universe.exclude_symbols,
        "min_market_cap_usd": mandate.universe.min_market_cap_usd.map(|usd| usd.to_string()),
        "min_avg_daily_volume_usd": mandate.universe.min_avg_daily_volume_usd.map(|usd| usd.to_string()),
        "flatten_on_halt": mandate.flatten_on_halt,
        "broker": mandate.consent.broker,
        "account_ref": mandate.consent.account_ref,
        "expires_at": mandate.consent.expires_at,
    })
}
