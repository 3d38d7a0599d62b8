use serde_json::json;

use super::super::finding::Severity::{self, Green, Red, Yellow};
use super::*;

fn sample() -> Value {
    json!({
        "readOnly": 0,
        "permissions": {"ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Wallet": [], "Earn": []},
        "ips": ["198.51.100.7"], "deadlineDay": -2, "expiredAt": "1970-01-01T00:00:00Z",
    })
}

fn judged(change: impl Fn(&mut Value)) -> Vec<(&'static str, Severity)> {
    let mut info = sample();
    change(&mut info);
    let findings = judge(&info, "2026-06-15T12:00:00Z".parse().unwrap());
    findings
        .iter()
        .map(|finding| (finding.id, finding.severity))
        .collect()
}

/// What is said beyond what is always said of the sample.
fn beyond(change: impl Fn(&mut Value)) -> Vec<(&'static str, Severity)> {
    let always = judged(|_| ());
    judged(change)
        .into_iter()
        .filter(|finding| !always.contains(finding))
        .collect()
}

#[test]
fn a_bound_key_that_may_trade_and_no_more_is_green() {
    assert_eq!(
        judged(|_| ()),
        [
            ("key.accepted", Green),
            ("key.permissions", Green),
            ("key.bound", Green),
            ("key.lasts", Green)
        ]
    );
}

#[test]
fn moving_money_is_red_wherever_it_stands() {
    let wallet = |words: Value| beyond(move |info| info["permissions"]["Wallet"] = words.clone());
    assert_eq!(wallet(json!(["Withdraw"])), [("key.withdraw", Red)]);
    assert_eq!(wallet(json!(["AccountTransfer"])), [("key.transfer", Red)]);
    assert_eq!(
        wallet(json!(["SubMemberTransfer", "Withdraw"])),
        [("key.withdraw", Red), ("key.transfer", Red)]
    );
    assert_eq!(wallet(json!(["SomethingNew"])), [("key.transfer", Red)]);
    let elsewhere = beyond(|info| info["permissions"]["Vault"] = json!(["VaultWithdrawAll"]));
    assert_eq!(
        elsewhere,
        [("key.withdraw", Red), ("key.unknown_permission", Yellow)]
    );
}

#[test]
fn a_read_only_key_that_may_withdraw_is_red_as_well() {
    let both = beyond(|info| {
        info["readOnly"] = 1.into();
        info["permissions"]["Wallet"] = json!(["Withdraw"]);
    });
    assert_eq!(both, [("key.withdraw", Red), ("key.read_only", Yellow)]);
}

#[test]
fn other_groups_are_yellow() {
    let extra = beyond(|info| info["permissions"]["Earn"] = json!(["Earn"]));
    assert_eq!(extra, [("key.extra_permission", Yellow)]);
    let unknown = beyond(|info| info["permissions"]["Lottery"] = json!(["Play"]));
    assert_eq!(unknown, [("key.unknown_permission", Yellow)]);
    let spot = beyond(|info| info["permissions"]["ContractTrade"] = json!([]));
    assert_eq!(spot, [("key.cannot_trade", Yellow)]);
}

#[test]
fn what_is_not_understood_is_red() {
    for broken in [
        json!(null),
        json!([]),
        json!({"Wallet": "Withdraw"}),
        json!({"Wallet": [1]}),
    ] {
        let found = beyond(|info| info["permissions"] = broken.clone());
        assert_eq!(found, [("key.unchecked", Red)], "{broken}");
    }
    assert_eq!(
        beyond(|info| info["readOnly"] = "0".into()),
        [("key.unchecked", Red)]
    );
}

#[test]
fn an_unbound_key_is_yellow_and_its_end_is_judged() {
    let ends = |text: &'static str| {
        beyond(move |info| {
            info["ips"] = json!(["*"]);
            info["expiredAt"] = text.into();
        })
    };
    assert_eq!(ends("2026-08-15T12:00:00Z"), [("key.unbound", Yellow)]);
    assert_eq!(
        ends("2026-06-29T11:00:00Z"),
        [("key.unbound", Yellow), ("key.ends_soon", Yellow)]
    );
    assert_eq!(
        ends("2026-06-15T12:00:00Z"),
        [("key.unbound", Yellow), ("key.expired", Red)]
    );
    assert_eq!(
        ends("1970-01-01T00:00:00Z"),
        [("key.unbound", Yellow), ("key.ends_soon", Yellow)]
    );
    for ips in [json!([]), json!(null), json!(["198.51.100.7", "*"])] {
        assert_eq!(
            beyond(|info| info["ips"] = ips.clone())[0],
            ("key.unbound", Yellow)
        );
    }
}

#[test]
fn a_refused_key_is_told_from_one_that_could_not_be_asked_about() {
    let rejected = |code| {
        judge_failure(&VenueError::Rejected {
            code,
            message: "m".into(),
        })
        .id
    };
    assert_eq!(rejected(10004), "key.refused");
    assert_eq!(rejected(33004), "key.expired");
    assert_eq!(rejected(10024), "key.unchecked");
    assert_eq!(
        judge_failure(&VenueError::Unreachable("x".into())).id,
        "key.unchecked"
    );
}
