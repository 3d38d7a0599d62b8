//! Texts that are read without a file around them: mandate, policy, arguments, a line of `explain --jsonl`.

use mandated::cli::explain::explain;
use mandated::domain::mandate::{Mandate, parse_instant};
use mandated::domain::order::{Size, Write, WriteTool};
use mandated::domain::policy::Policy;
use mandated::gate::{self, Halt, Limit, Standing, known_arguments};
use rust_decimal::Decimal;
use serde_json::Value;

use super::caps;

/// A mandate of which every cap is a number from zero up; broken or not, nothing of it is guessed.
pub(super) fn mandate(data: &[u8]) -> Result<(), String> {
    let Ok(text) = str::from_utf8(data) else {
        return Ok(());
    };
    let Ok(mandate) = Mandate::parse(text) else {
        return Ok(());
    };
    let caps = &mandate.hard_caps;
    let money = [
        caps.account_funding_usd,
        caps.max_order_notional_usd,
        caps.max_total_exposure_usd,
    ];
    if money.iter().any(|usd| usd.value() < Decimal::ZERO) || caps.max_leverage < Decimal::ZERO {
        return Err(format!("a cap below zero: {caps:?}"));
    }
    if mandate
        .consent
        .expires()
        .is_some_and(|expires| expires.timestamp() <= i64::MIN / 2)
    {
        return Err("an expiry before time began".to_owned());
    }
    let read = |text: &str| Mandate::parse(text).as_ref() == Ok(&mandate);
    // The same in other white space, and inside another document.
    if !read(&format!("\n{text}\t ")) || read(&format!("{text}{text}")) {
        return Err("white space matters, or more text does not".to_owned());
    }
    let line = format!(
        r#"{{"tool":"bybit_cancel_all_orders","args":{{"category":"spot"}},"facts":{{"now":"2026-06-15T12:00:00Z","halted":false,"mandate":{text}}}}}"#
    );
    let live = mandate.schema_version == 1
        && mandate.consent.broker.trim().to_lowercase() == "bybit"
        && mandate.consent.expires() > parse_instant("2026-06-15T12:00:00Z");
    let allowed = explain(&line).decision == "allow";
    match allowed == live {
        true => Ok(()),
        false => Err(format!("allowed: {allowed}, live: {live}")),
    }
}

/// A policy without a doubled or an unknown limit.
pub(super) fn policy(data: &[u8]) -> Result<(), String> {
    let Ok(text) = str::from_utf8(data) else {
        return Ok(());
    };
    let Ok(policy) = Policy::parse(text) else {
        return Ok(());
    };
    if policy
        .max_price_deviation_percent
        .is_some_and(|percent| percent <= Decimal::ZERO)
    {
        return Err(format!("{policy:?}"));
    }
    match Policy::parse(&format!("more_of_it = 1\n{text}")) {
        Ok(_) => Err("an unknown limit was dropped".to_owned()),
        Err(_) => Ok(()),
    }
}

fn wide_authority() -> Result<gate::Authority, String> {
    let mandate =
        Mandate::parse(include_str!("../../examples/mandate.json")).map_err(|error| error.to_string())?;
    let mut standing = Standing {
        now: Ok(parse_instant("2026-06-15T12:00:00Z").ok_or("no instant")?),
        broker: "bybit".to_owned(),
        mandate: Ok(mandate),
        halt: Halt::Clear,
        policy: None,
    };
    if let Ok(mandate) = &mut standing.mandate {
        mandate.consent.expires_at = "2099-01-01T00:00:00Z".to_owned();
        mandate.consent.broker = "bybit".to_owned();
    }
    gate::authority(standing).map_err(|no| no.refusal.reason)
}

/// The first byte is the tool, the rest its arguments: one write of that tool with known arguments alone.
pub(super) fn arguments(data: &[u8]) -> Result<(), String> {
    let [tool, text @ ..] = data else {
        return Ok(());
    };
    let tool = WriteTool::ALL[usize::from(*tool) % WriteTool::ALL.len()];
    let Ok(text) = str::from_utf8(text) else {
        return Ok(());
    };
    let intended = match gate::intent(wide_authority()?, tool, text) {
        Ok(intended) => intended,
        Err(no) if no.refusal.limit == Limit::Intent => return Ok(()),
        Err(no) => return Err(format!("refused by {:?}", no.refusal.limit)),
    };
    let given: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    let members = given.as_object().ok_or("no object was taken")?;
    if let Some(unknown) = members
        .keys()
        .find(|name| !known_arguments(tool).contains(&name.as_str()))
    {
        return Err(format!("`{unknown}` was dropped"));
    }
    let write = intended.write();
    if write.tool() != tool || given["category"] != write.category().as_str() {
        return Err(format!("{write:?}"));
    }
    match write {
        Write::Place(order) if order.size.qty().value() <= Decimal::ZERO => Err(format!("{order:?}")),
        Write::Place(order)
            if matches!(order.size, Size::Quote(_)) != (given["market_unit"] == "quoteCoin") =>
        {
            Err(format!("{order:?}"))
        }
        _ => Ok(()),
    }
}

/// A line of `explain --jsonl`: allowed within every cap of its own mandate, or refused with a reason.
pub(super) fn explain_line(data: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(data);
    let verdict = explain(&text);
    if verdict.decision != "allow" {
        return match (verdict.reason.is_empty(), verdict.limit) {
            (false, Some(_)) => Ok(()),
            _ => Err(format!("a refusal without a reason: {verdict:?}")),
        };
    }
    if verdict.limit.is_some() || !verdict.checked_limits.contains(&"halt_flag") {
        return Err(format!("{verdict:?}"));
    }
    caps::within(&text, &verdict)
}
