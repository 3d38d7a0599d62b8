//! How the account is set up: its mode, its margin, what happens to a price beyond the collar, what is borrowed.

use rust_decimal::Decimal;
use serde_json::Value;

use super::finding::Finding;
use crate::domain::money::parse_decimal;
use crate::venue::bybit::why_not_whole;

/// The answer of `/v5/account/info` (facts §4.3, §5.13).
pub(super) fn judge_info(info: &Value) -> Vec<Finding> {
    vec![judge_mode(info), judge_margin(info)]
}

pub(super) fn judge_mode(info: &Value) -> Finding {
    match why_not_whole(info) {
        None => Finding::green("account.unified", "a unified account 2.0"),
        Some((why, remedy)) => Finding::red("account.mode", why, remedy),
    }
}

fn judge_margin(info: &Value) -> Finding {
    match info.get("marginMode").and_then(Value::as_str) {
        Some("ISOLATED_MARGIN") => Finding::green("account.margin", "isolated margin"),
        Some("REGULAR_MARGIN") => Finding::green("account.margin", "cross margin"),
        Some("PORTFOLIO_MARGIN") => Finding::yellow(
            "account.portfolio",
            "portfolio margin: Bybit lends against positions that offset each other, and leverage cannot be set",
            "nothing if it is meant: the gate counts gross exposure all the same; else choose cross margin on Bybit",
        ),
        _ => Finding::yellow(
            "account.margin",
            "the margin mode is not one that this program knows",
            "look at the account's margin mode on Bybit",
        ),
    }
}

/// The answer of `/v5/account/user-setting-config`. The two flags mean opposite things: `lpaSpot` true adjusts,
/// `lpaPerp` true rejects (facts §5.6).
pub(super) fn judge_price_limits(config: &Value) -> Vec<Finding> {
    let flag = |name: &str| config.get(name).and_then(Value::as_bool);
    let moved = |kind: &str, category: &str| {
        Finding::yellow(
            "account.price_moved",
            format!(
                "a {kind} limit price beyond Bybit's price limit is moved to the nearest one without a word (Bybit's \
                 default for futures), so an order can rest at another price than was asked for"
            ),
            format!(
                "have such orders rejected: POST /v5/account/set-limit-px-action with category {category} and \
                 modifyEnable false"
            ),
        )
    };
    let mut findings = Vec::new();
    match (flag("lpaPerp"), flag("lpaSpot")) {
        (Some(perp_rejects), Some(spot_adjusts)) => {
            findings.extend((!perp_rejects).then(|| moved("futures", "linear")));
            findings.extend(spot_adjusts.then(|| moved("spot", "spot")));
        }
        _ => findings.push(Finding::yellow(
            "account.price_limit",
            "what happens to a price beyond the limit is not known: the answer is not understood",
            "compare an order's price with the one that was asked for",
        )),
    }
    if findings.is_empty() {
        findings.push(Finding::green(
            "account.price_limit",
            "a limit price beyond Bybit's price limit is rejected, not moved",
        ));
    }
    findings
}

/// The wallet of `/v5/account/wallet-balance`.
pub(super) fn judge_borrowing(wallet: &Value) -> Finding {
    let Some(coins) = coins(wallet) else {
        return unread("the wallet is not understood");
    };
    let mut owed = Vec::new();
    for coin in coins {
        let name = coin.get("coin").and_then(Value::as_str).unwrap_or("?");
        for field in ["spotBorrow", "borrowAmount"] {
            match amount(coin.get(field)) {
                Ok(amount) if amount > Decimal::ZERO => {
                    owed.push(format!("{} {name} ({field})", amount.normalize()));
                }
                Ok(_) => {}
                Err(()) => return unread(&format!("{field} of {name} is not understood")),
            }
        }
    }
    if owed.is_empty() {
        return Finding::green("account.no_debt", "nothing is borrowed");
    }
    Finding::yellow(
        "account.borrowing",
        format!("the account owes {}: interest runs", owed.join(", ")),
        "repay it on Bybit, and turn spot margin off if it is not meant",
    )
}

fn unread(what: &str) -> Finding {
    Finding::yellow(
        "account.borrowing",
        format!("whether something is borrowed is not known: {what}"),
        "look at the wallet on Bybit",
    )
}

fn coins(wallet: &Value) -> Option<&Vec<Value>> {
    wallet.get("list")?.as_array()?.first()?.get("coin")?.as_array()
}

/// Empty, null and absent are zero here: Bybit leaves out what does not apply.
fn amount(value: Option<&Value>) -> Result<Decimal, ()> {
    match value {
        None | Some(Value::Null) => Ok(Decimal::ZERO),
        Some(Value::String(text)) if text.is_empty() => Ok(Decimal::ZERO),
        Some(Value::String(text)) => parse_decimal(text).map_err(drop),
        Some(_) => Err(()),
    }
}

/// The rows of `/v5/position/list` for one symbol: flat ones are there as well.
pub(super) fn judge_position_mode(rows: &Value, symbol: &str) -> Finding {
    let indices: Option<Vec<i64>> = rows
        .get("list")
        .and_then(Value::as_array)
        .and_then(|rows| rows.iter().map(|row| row.get("positionIdx")?.as_i64()).collect());
    match indices.as_deref() {
        Some([0]) => Finding::green("account.one_way", format!("one-way mode for {symbol}")),
        Some(legs) if !legs.is_empty() && legs.iter().all(|leg| matches!(leg, 1 | 2)) => Finding::green(
            "account.hedge",
            format!(
                "hedge mode for {symbol}: both legs count as exposure, and orders need a position_idx of 1 or 2"
            ),
        ),
        _ => Finding::grey(
            "account.position_mode",
            format!("one-way or hedge mode: not to be told from the answer about {symbol}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Severity::{self, Green, Grey, Red, Yellow};
    use super::*;

    fn said(finding: &Finding) -> (&'static str, Severity) {
        (finding.id, finding.severity)
    }

    #[test]
    fn only_a_unified_account_of_today_is_green() {
        let mode = |status: Value| said(&judge_mode(&json!({"unifiedMarginStatus": status})));
        for good in [5, 6] {
            assert_eq!(mode(good.into()), ("account.unified", Green));
        }
        for bad in [json!(1), json!(3), json!(4), json!(7), json!("5"), json!(null)] {
            assert_eq!(mode(bad), ("account.mode", Red));
        }
    }

    #[test]
    fn portfolio_margin_is_yellow() {
        let margin = |mode: &str| said(&judge_info(&json!({"marginMode": mode}))[1]);
        assert_eq!(margin("ISOLATED_MARGIN"), ("account.margin", Green));
        assert_eq!(margin("REGULAR_MARGIN"), ("account.margin", Green));
        assert_eq!(margin("PORTFOLIO_MARGIN"), ("account.portfolio", Yellow));
        assert_eq!(margin("OTHER"), ("account.margin", Yellow));
    }

    #[test]
    fn the_two_price_flags_mean_opposite_things() {
        let judged = |perp: Value, spot: Value| -> Vec<_> {
            let config = json!({"lpaPerp": perp, "lpaSpot": spot});
            judge_price_limits(&config).iter().map(said).collect()
        };
        assert_eq!(
            judged(true.into(), false.into()),
            [("account.price_limit", Green)]
        );
        assert_eq!(
            judged(false.into(), false.into()),
            [("account.price_moved", Yellow)]
        );
        assert_eq!(judged(true.into(), true.into()).len(), 1);
        assert_eq!(judged(false.into(), true.into()).len(), 2);
        assert_eq!(
            judged(Value::Null, false.into()),
            [("account.price_limit", Yellow)]
        );
    }

    #[test]
    fn debts_are_yellow_and_unread_ones_too() {
        let judged = |borrow: Value| {
            let coin = json!({"coin": "USDT", "spotBorrow": borrow, "borrowAmount": ""});
            said(&judge_borrowing(&json!({"list": [{"coin": [coin]}]})))
        };
        assert_eq!(judged("0.00".into()), ("account.no_debt", Green));
        assert_eq!(judged("".into()), ("account.no_debt", Green));
        assert_eq!(judged("12.5".into()), ("account.borrowing", Yellow));
        assert_eq!(judged("much".into()), ("account.borrowing", Yellow));
        assert_eq!(said(&judge_borrowing(&json!({}))), ("account.borrowing", Yellow));
    }

    #[test]
    fn the_legs_tell_the_position_mode() {
        let judged = |legs: &[i64]| {
            let rows: Vec<Value> = legs.iter().map(|leg| json!({"positionIdx": leg})).collect();
            said(&judge_position_mode(&json!({"list": rows}), "BTCUSDT"))
        };
        assert_eq!(judged(&[0]), ("account.one_way", Green));
        assert_eq!(judged(&[1, 2]), ("account.hedge", Green));
        assert_eq!(judged(&[]), ("account.position_mode", Grey));
    }
}
