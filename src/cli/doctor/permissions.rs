//! What the API key may do (`permissions` of `/v5/user/query-api`, facts §4.7).
//!
//! Whatever is not understood is not taken for harmless.

use serde_json::Value;

use super::finding::Finding;
use super::key::AT_BYBIT;

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

pub(super) fn judge_permissions(info: &Value) -> Vec<Finding> {
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

fn unreadable(what: &str) -> Finding {
    Finding::red(
        "key.unchecked",
        format!("what the key may do is not known: {what} of user/query-api is not understood"),
        format!("look at the key {AT_BYBIT}"),
    )
}
