//! The API key: whether the exchange takes it, from where it works and for how long (`/v5/user/query-api`, facts §4.7).

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::Value;

use super::finding::Finding;
use super::permissions::judge_permissions;
use crate::domain::mandate::parse_instant;
use crate::venue::VenueError;

/// A key that ends sooner is worth a warning.
const SHORT: TimeDelta = TimeDelta::days(14);

/// Codes with which Bybit refuses the key itself (facts §2.3).
const KEY_REFUSED: [i64; 6] = [401, 10003, 10004, 10005, 10007, 10010];
const KEY_EXPIRED: [i64; 2] = [33004, -2015];

pub(super) const AT_BYBIT: &str = "on Bybit, API management";

/// Everything about the key that the exchange tells.
pub(super) fn judge(info: &Value, now: DateTime<Utc>) -> Vec<Finding> {
    let mut findings = vec![Finding::green(
        "key.accepted",
        "the exchange accepts the key and its signature",
    )];
    findings.extend(judge_permissions(info));
    findings.push(judge_address(info));
    findings.push(judge_expiry(info, now));
    findings
}

/// Why nothing is known about the key.
pub(super) fn judge_failure(error: &VenueError) -> Finding {
    match error {
        VenueError::Rejected { code, .. } if KEY_EXPIRED.contains(code) => Finding::red(
            "key.expired",
            format!("the exchange refuses the key: {error}"),
            format!("make a new key {AT_BYBIT}, bound to this machine's address"),
        ),
        VenueError::Rejected { code, .. } if KEY_REFUSED.contains(code) => Finding::red(
            "key.refused",
            format!("the exchange refuses the key: {error}"),
            "check key and secret, that both belong to this environment (mainnet, testnet, demo), and the bound address",
        ),
        error => Finding::red(
            "key.unchecked",
            format!("what the key may do is not known: {error}"),
            "run this again; a key that may withdraw must not be traded with unseen",
        ),
    }
}

/// The addresses that may use the key.
fn addresses(info: &Value) -> Option<Vec<&str>> {
    info.get("ips")?.as_array()?.iter().map(Value::as_str).collect()
}

fn is_bound(info: &Value) -> Option<bool> {
    let addresses = addresses(info)?;
    Some(!addresses.is_empty() && !addresses.iter().any(|address| matches!(*address, "*" | "")))
}

fn judge_address(info: &Value) -> Finding {
    match is_bound(info) {
        Some(true) => {
            let addresses = addresses(info).unwrap_or_default();
            Finding::green(
                "key.bound",
                format!("the key works from {} alone", addresses.join(", ")),
            )
        }
        Some(false) => Finding::yellow(
            "key.unbound",
            "the key works from every address, and such a key ends after 90 days (7 days after a change of password)",
            format!("bind it to this machine's address {AT_BYBIT}"),
        ),
        None => Finding::yellow(
            "key.unbound",
            "from where the key works is not known: `ips` of user/query-api is not understood",
            format!("look at the key {AT_BYBIT}"),
        ),
    }
}

/// Only an unbound key ends; a bound one's figures mean nothing (facts §4.7).
fn judge_expiry(info: &Value, now: DateTime<Utc>) -> Finding {
    if is_bound(info) == Some(true) {
        return Finding::green("key.lasts", "a key that is bound to an address does not end");
    }
    let ends = info
        .get("expiredAt")
        .and_then(Value::as_str)
        .and_then(parse_instant)
        .filter(|ends| ends.year() > 1970);
    let renew = format!("make a new key {AT_BYBIT}, bound to this machine's address");
    match ends {
        None => Finding::yellow("key.ends_soon", "when the key ends is not known", renew),
        Some(ends) if ends <= now => Finding::red(
            "key.expired",
            format!("the key ended at {}", ends.to_rfc3339()),
            renew,
        ),
        Some(ends) if ends - now < SHORT => Finding::yellow(
            "key.ends_soon",
            format!(
                "the key ends at {}, in {} hours",
                ends.to_rfc3339(),
                (ends - now).num_hours()
            ),
            renew,
        ),
        Some(ends) => Finding::green(
            "key.lasts",
            format!(
                "the key ends at {}, in {} days",
                ends.to_rfc3339(),
                (ends - now).num_days()
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
