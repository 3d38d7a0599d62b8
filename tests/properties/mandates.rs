//! Any bytes are a mandate, a policy or a refusal; a mandate with one thing changed is refused, or means what it
//! says.

use mandated::domain::mandate::{Mandate, parse_instant};
use mandated::domain::policy::Policy;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::cases::cases;
use crate::texts::{any_json, texts_like};

fn valid() -> Value {
    json!({"schema_version": 1,
        "hard_caps": {"account_funding_usd": 5000.0, "max_order_notional_usd": 1000, "max_total_exposure_usd": 2000.5,
                      "max_leverage": 3, "allowed_instruments": ["crypto"], "max_trades_per_day": 5},
        "universe": {"asset_classes": ["crypto", "forex"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": 1e7,
                     "exclude_symbols": ["DOGE-USDT"]},
        "consent": {"created_at": "2026-06-01T00:00:00+00:00", "consent_token_sha256": "ab", "broker": "bybit",
                    "account_ref": "a-1", "expires_at": "2026-07-01T00:00:00+00:00"},
        "flatten_on_halt": true})
}

/// Every field of the mandate, as the path to it.
fn fields(value: &Value) -> Vec<Vec<String>> {
    let Value::Object(members) = value else {
        return Vec::new();
    };
    members
        .iter()
        .flat_map(|(name, value)| {
            let below = fields(value)
                .into_iter()
                .map(|path| [vec![name.clone()], path].concat());
            std::iter::once(vec![name.clone()]).chain(below)
        })
        .collect()
}

fn parent<'v>(value: &'v mut Value, path: &[String]) -> &'v mut Value {
    path[..path.len() - 1]
        .iter()
        .fold(value, |value, name| &mut value[name.as_str()])
}

/// What was read, written as a mandate again.
fn written(mandate: &Mandate) -> String {
    let (caps, universe, consent) = (&mandate.hard_caps, &mandate.universe, &mandate.consent);
    let list = |texts: &[String]| serde_json::to_string(texts).unwrap();
    let text = |text: &str| serde_json::to_string(text).unwrap();
    let floor =
        |usd: Option<mandated::domain::money::Usd>| usd.map_or("null".to_owned(), |usd| usd.to_string());
    format!(
        r#"{{"schema_version":{},"hard_caps":{{"account_funding_usd":{},"max_order_notional_usd":{},
            "max_total_exposure_usd":{},"max_leverage":{},"allowed_instruments":{},"max_trades_per_day":{}}},
            "universe":{{"asset_classes":{},"min_market_cap_usd":{},"min_avg_daily_volume_usd":{},"exclude_symbols":{}}},
            "consent":{{"created_at":{},"consent_token_sha256":{},"broker":{},"account_ref":{},"expires_at":{}}},
            "flatten_on_halt":{}}}"#,
        mandate.schema_version,
        caps.account_funding_usd,
        caps.max_order_notional_usd,
        caps.max_total_exposure_usd,
        caps.max_leverage,
        list(&caps.allowed_instruments),
        caps.max_trades_per_day,
        list(&universe.asset_classes),
        floor(universe.min_market_cap_usd),
        floor(universe.min_avg_daily_volume_usd),
        list(&universe.exclude_symbols),
        text(&consent.created_at),
        text(&consent.consent_token_sha256),
        text(&consent.broker),
        text(&consent.account_ref),
        text(&consent.expires_at),
        mandate.flatten_on_halt
    )
}

fn assert_rereads(text: &str) -> Result<(), TestCaseError> {
    if let Ok(mandate) = Mandate::parse(text) {
        prop_assert_eq!(Mandate::parse(&written(&mandate)), Ok(mandate));
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn any_bytes_are_a_mandate_or_a_refusal(text in texts_like(valid().to_string())) {
        assert_rereads(&text)?;
    }

    #[test]
    fn any_text_is_a_policy_or_a_refusal(
        text in texts_like("allowed_categories = [\"linear\"]\nmax_price_deviation_percent = \"5\"\ncount_spot_holdings = false\n".into()),
    ) {
        if let Ok(policy) = Policy::parse(&text) {
            prop_assert!(policy.max_price_deviation_percent.is_none_or(|percent| percent > rust_decimal::Decimal::ZERO));
            for line in text.lines().filter(|line| line.contains('=')) {
                let twice = format!("{text}\n{line}");
                prop_assert!(Policy::parse(&twice).is_err(), "{twice}");
            }
            let more = format!("more_of_it = 1\n{text}");
            prop_assert!(Policy::parse(&more).is_err());
        }
    }

    #[test]
    fn a_mandate_without_a_field_is_none(which in any::<Index>()) {
        let mut value = valid();
        let paths = fields(&value);
        let path = which.get(&paths);
        let name = path.last().unwrap();
        parent(&mut value, path).as_object_mut().unwrap().shift_remove(name);
        // The one field that Vibe-Trading may leave out.
        prop_assert_eq!(Mandate::parse(&value.to_string()).is_ok(), name == "flatten_on_halt");
    }

    #[test]
    fn a_mandate_with_a_field_twice_is_none(which in any::<Index>()) {
        let value = valid();
        let paths = fields(&value);
        let path = which.get(&paths);
        let name = format!("\"{}\":", path.last().unwrap());
        let text = value.to_string();
        // No name stands in two sections, so the first is the one.
        let (before, after) = text.split_once(&name).unwrap();
        let twice = format!("{before}{name}null,{name}{after}");
        prop_assert!(Mandate::parse(&twice).is_err(), "{}", twice);
    }

    #[test]
    fn a_field_of_another_kind_is_refused_or_read_as_it_stands(which in any::<Index>(), other in any_json()) {
        let mut value = valid();
        let paths = fields(&value);
        let path = which.get(&paths).clone();
        parent(&mut value, &path)[path.last().unwrap().as_str()] = other.clone();
        let text = value.to_string();
        assert_rereads(&text)?;
        if let Ok(mandate) = Mandate::parse(&text) {
            let kind = |value: &Value| std::mem::discriminant(value);
            let was = path.iter().fold(valid(), |value, name| value[name.as_str()].clone());
            let nullable = path.last().unwrap().starts_with("min_");
            prop_assert!(kind(&was) == kind(&other) || nullable && (other.is_null() || other.is_number()), "{text}");
            prop_assert!(mandate.hard_caps.max_leverage >= rust_decimal::Decimal::ZERO);
        }
    }

    #[test]
    fn an_instant_is_read_or_not_and_never_a_panic(text in texts_like("2026-06-15T12:00:00.123456+05:30".into())) {
        if let Some(instant) = parse_instant(&text) {
            prop_assert_eq!(parse_instant(&instant.to_rfc3339()), Some(instant));
        }
    }
}
