//! What the API key may do, from where and for how long: the answer of `/v5/user/query-api` (facts §4.7).
//!
//! Whatever is not understood is not taken for harmless.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::Value;

use super::finding::Finding;
use crate::domain::mandate::parse_instant;
use crate::venue::VenueError;

/// A key that ends sooner is worth a warning.
const SHORT: TimeDelta = TimeDelta::days(14);

/// Groups of permissions that trading needs or that only read.
const TRADING: [&str; 5] = ["ContractTrade", "Spot", "Options", "Derivatives", "Exchange"];

/// Other groups that are known (facts §4.7); nothing here needs them.
const NOT_NEEDED: [&str; 11] = [
    "Wallet",
    "Earn",
    "FiatP2P",
    "FiatBitPay",
    "FiatConvertBroker",
    "BitCard",
    "ByXPost",
    "Affiliate",
    "BlockTrade",
    "NFT",
    "CopyTrading",
];

/// Codes with which Bybit refuses the key itself (facts §2.3).
const KEY_REFUSED: [i64; 6] = [401, 10003, 10004, 10005, 10007, 10010];
const KEY_EXPIRED: [i64; 2] = [33004, -2015];

const AT_BYBIT: &str = "on Bybit, API management";

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

fn unreadable(what: &str) -> Finding {
    Finding::red(
        "key.unchecked",
        format!("what the key may do is not known: {what} of user/query-api is not understood"),
        format!("look at the key {AT_BYBIT}"),
    )
}

fn judge_permissions(info: &Value) -> Vec<Finding> {
    let Some(groups) = groups(info) else {
        return vec![unreadable("`permissions`")];
    };
    let mut findings = Vec::new();
    findings.extend(judge_money(&groups));
    findings.extend(judge_other_groups(&groups));
    match info.get("readOnly").and_then(Value::as_i64) {
        Some(0) => findings.extend(judge_trading(&groups)),
        Some(1) => findings.push(Finding::yellow(
            "key.read_only",
            "the key is read-only: no order can be placed or cancelled with it",
            format!("let the key trade {AT_BYBIT}, or set BYBIT_MODE=read"),
        )),
        _ => findings.push(unreadable("`readOnly`")),
    }
    if findings.is_empty() {
        findings.push(Finding::green(
            "key.permissions",
            "the key may trade, and may neither withdraw nor transfer",
        ));
    }
    findings
}

type Group<'v> = (&'v str, Vec<&'v str>);

/// Groups of permissions that are not empty; `None` when one cannot be read.
fn groups(info: &Value) -> Option<Vec<Group<'_>>> {
    let mut groups = Vec::new();
    for (name, list) in info.get("permissions")?.as_object()? {
        let words: Option<Vec<&str>> = match list {
            Value::Null => Some(Vec::new()),
            list => list.as_array()?.iter().map(Value::as_str).collect(),
        };
        let words = words?;
        if !words.is_empty() {
            groups.push((name.as_str(), words));
        }
    }
    Some(groups)
}

/// Everything in `Wallet` moves money, known by name or not.
fn judge_money(groups: &[Group<'_>]) -> Vec<Finding> {
    let mut withdraw = Vec::new();
    let mut transfer = Vec::new();
    for (group, words) in groups {
        for word in words {
            let lower = word.to_ascii_lowercase();
            if lower.contains("withdraw") {
                withdraw.push(format!("{group}.{word}"));
            } else if lower.contains("transfer") || *group == "Wallet" {
                transfer.push(format!("{group}.{word}"));
            }
        }
    }
    let finding = |id, verb: &str, found: Vec<String>| {
        (!found.is_empty()).then(|| {
            Finding::red(
                id,
                format!(
                    "the key may {verb} ({}): whoever has it can take the money",
                    found.join(", ")
                ),
                format!("take that permission off the key {AT_BYBIT}, or make another key"),
            )
        })
    };
    let withdraw = finding("key.withdraw", "withdraw", withdraw);
    let transfer = finding("key.transfer", "move money between accounts", transfer);
    withdraw.into_iter().chain(transfer).collect()
}

fn judge_other_groups(groups: &[Group<'_>]) -> Vec<Finding> {
    let named = |wanted: &dyn Fn(&str) -> bool| {
        let names: Vec<&str> = groups
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| wanted(name))
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let known = |name: &str| TRADING.contains(&name) || NOT_NEEDED.contains(&name);
    let unknown = named(&|name| !known(name)).map(|names| {
        Finding::yellow(
            "key.unknown_permission",
            format!("the key has permissions that this program does not know: {names}"),
            format!("take off the key what is not needed {AT_BYBIT}"),
        )
    });
    // `Wallet` has a finding of its own.
    let extra = named(&|name| NOT_NEEDED.contains(&name) && name != "Wallet").map(|names| {
        Finding::yellow(
            "key.extra_permission",
            format!("the key has permissions that nothing here needs: {names}"),
            format!("take them off the key {AT_BYBIT}"),
        )
    });
    unknown.into_iter().chain(extra).collect()
}

fn judge_trading(groups: &[Group<'_>]) -> Option<Finding> {
    let has = |group: &str, word: &str| {
        groups
            .iter()
            .any(|(name, words)| *name == group && words.contains(&word))
    };
    let contracts = has("ContractTrade", "Order") && has("ContractTrade", "Position");
    let missing = match (contracts, has("Spot", "SpotTrade")) {
        (true, true) => return None,
        (false, true) => "contracts (ContractTrade: Order and Position)",
        (true, false) => "spot (SpotTrade)",
        (false, false) => "contracts or spot",
    };
    Some(Finding::yellow(
        "key.cannot_trade",
        format!(
            "the key may not trade {missing}, and may not read all of the account: orders can be refused for it"
        ),
        format!("give the key these permissions {AT_BYBIT}, if they are wanted"),
    ))
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
