//! Bybit's documented samples, which are not ours to keep here: each goes through the parser of its endpoint. They
//! are read from the folder that BYBIT_FIXTURES names, from the root of the crate where it is no absolute path:
//! `BYBIT_FIXTURES=… cargo test --lib venue::bybit::tests::samples -- --ignored`.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::limits::LimitHeaders;
use super::super::outcome::{Kind, of_answer};
use super::super::parse::{Document, Rows, coin_balance, position};
use super::super::reply::{Redactor, Reply};
use super::super::{market, orders};
use super::*;
use crate::domain::json::Json;
use crate::domain::symbol::Category;
use crate::venue::{Outcome, VenueError};

fn folder() -> PathBuf {
    let named = std::env::var_os("BYBIT_FIXTURES").filter(|value| !value.is_empty());
    let named = named.expect("BYBIT_FIXTURES is not set: name a folder with Bybit's documented samples");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(named)
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        body: body.to_owned(),
        limits: LimitHeaders::default(),
        redactor: Redactor::default(),
    }
}

/// Parses as the client would, and says how many rows there were.
fn rows_in(name: &str, result: &Json<'_>) -> Result<usize, VenueError> {
    let category = |fallback| {
        let given = result.member("category").and_then(Json::as_str);
        given.map_or(fallback, |text| text.parse().unwrap())
    };
    let endpoint = name.split('.').next().unwrap_or_default();
    if matches!(endpoint, "market-time") {
        return result.row("time")?.nanos_as_ms("timeNano").map(|_| 1);
    }
    let rows = || result.rows("sample", "list");
    match endpoint {
        "position-list" => {
            let category = category(Category::Linear);
            let rows = rows()?;
            rows.iter()
                .try_for_each(|row| position(row, category).map(drop))?;
            Ok(rows.len())
        }
        "order-realtime" | "order-history" => {
            let category = category(Category::Linear);
            let rows = rows()?;
            rows.iter()
                .try_for_each(|row| orders::order(row, category).map(drop))?;
            Ok(rows.len())
        }
        "execution-list" => {
            let rows = rows()?;
            orders::from_executions(&rows, category(Category::Linear))?;
            Ok(rows.len())
        }
        "account-wallet-balance" => {
            let mut coins = 0;
            for account in rows()? {
                for coin in account.rows("coin", "sample")? {
                    coin_balance(&coin)?;
                    coins += 1;
                }
            }
            Ok(coins)
        }
        "market-tickers" => {
            let rows = rows()?;
            rows.iter().try_for_each(|row| market::quote(row).map(drop))?;
            Ok(rows.len())
        }
        "market-instruments-info" => {
            let category = category(Category::Linear);
            let rows = rows()?;
            for row in &rows {
                market::instrument(row, &row.instrument(category)?)?;
            }
            Ok(rows.len())
        }
        "market-kline" => {
            let id = InstrumentId::new(category(Category::Linear), id("spot:BTCUSDT").symbol);
            market::average_turnover(result, &id, i64::MAX, 45).map(|_| 1)
        }
        _ => Ok(0),
    }
}

#[test]
#[ignore = "needs BYBIT_FIXTURES, a folder with Bybit's documented samples"]
fn every_recorded_reply_goes_through_the_parser_of_its_endpoint() {
    let folder = folder();
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut parsed = 0;
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_rest = !name.starts_with("ws-") && !name.starts_with("errors") && !name.starts_with("signing");
        if !is_rest || !name.ends_with(".json") {
            continue;
        }
        let reply = reply(200, &fs::read_to_string(&path).unwrap());
        let envelope = reply
            .envelope()
            .unwrap_or_else(|| panic!("{name} is no envelope"));
        envelope.value().unwrap();
        if envelope.code != 0 {
            continue;
        }
        let rows = Document::of(&envelope, "sample")
            .and_then(|document| document.read(|result| rows_in(&name, result)));
        parsed += rows.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(parsed > 20, "{parsed} rows");
}

#[test]
#[ignore = "needs BYBIT_FIXTURES, a folder with Bybit's documented samples"]
fn every_recorded_error_is_unknown_exactly_where_an_order_may_exist() {
    let file = folder().join("errors.json");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let errors: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ours = client_id();
    for (name, entry) in errors.as_object().unwrap() {
        let Some(status) = entry["http"].as_u64() else {
            continue;
        };
        let body = match entry["body_text"].as_str() {
            Some(text) => text.to_owned(),
            None => entry["body"].to_string(),
        };
        let reply = reply(u16::try_from(status).unwrap(), &body);
        let outcome = of_answer(&reply, reply.envelope().as_ref(), Kind::Place(&ours));
        let unknown = matches!(outcome, Outcome::Unknown(_));
        // Codes about an existing order say nothing about a new one.
        let about_another = name.contains("not_exists");
        let ambiguous = name.ends_with("_ambiguous") || matches!(status, 429 | 500..) || about_another;
        assert_eq!(unknown, ambiguous, "{name}: {outcome:?}");
    }
}
