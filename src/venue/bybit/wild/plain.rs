//! Lists that nobody could misread: an answer made of these alone is read, whatever else is refused.

use serde_json::value::RawValue;

use super::text::{Members, Said, in_words, inner, list, members, said};
use crate::domain::json::Json;
use crate::domain::symbol::{Category, InstrumentId};

/// What a field may hold.
#[derive(Debug, Clone, Copy)]
enum Holds {
    /// Up to nine digits before and after the point.
    Size,
    /// The same or nothing.
    MaybeSize,
    /// The same, with a sign or without.
    Balance,
    /// A size that is not zero.
    Price,
    Symbol,
    Coin,
    MaybeCoin,
    Word(&'static [&'static str]),
    MaybeWord(&'static [&'static str]),
    Text,
    MaybeText,
    Flag,
    Inner(&'static [(&'static str, Holds)]),
}

type Shape = &'static [(&'static str, Holds)];

const SIDES: Holds = Holds::Word(&["Buy", "Sell"]);
const LEGS: Holds = Holds::Word(&["0", "1", "2"]);

const ORDER: Shape = &[
    ("symbol", Holds::Symbol),
    ("side", SIDES),
    ("positionIdx", LEGS),
    ("orderType", Holds::Word(&["Market", "Limit"])),
    ("orderStatus", Holds::Text),
    ("rejectReason", Holds::MaybeText),
    ("stopOrderType", Holds::MaybeText),
    ("orderId", Holds::MaybeText),
    ("orderLinkId", Holds::MaybeText),
    ("marketUnit", Holds::MaybeWord(&["baseCoin", "quoteCoin"])),
    ("qty", Holds::Price),
    ("leavesQty", Holds::MaybeSize),
    ("leavesValue", Holds::MaybeSize),
    ("cumExecQty", Holds::Size),
    ("cumExecValue", Holds::Size),
    ("price", Holds::MaybeSize),
    ("triggerPrice", Holds::MaybeSize),
    ("avgPrice", Holds::MaybeSize),
    ("reduceOnly", Holds::Flag),
    ("closeOnTrigger", Holds::Flag),
];

const EXECUTION: Shape = &[
    ("symbol", Holds::Symbol),
    ("side", SIDES),
    ("orderId", Holds::MaybeText),
    ("orderLinkId", Holds::MaybeText),
    ("execQty", Holds::MaybeSize),
    ("leavesQty", Holds::MaybeSize),
    ("orderQty", Holds::MaybeSize),
    ("orderPrice", Holds::MaybeSize),
];

const COIN: Shape = &[
    ("coin", Holds::Coin),
    ("equity", Holds::Balance),
    ("usdValue", Holds::MaybeSize),
];

const POSITION: Shape = &[
    ("symbol", Holds::Symbol),
    ("side", SIDES),
    ("positionIdx", LEGS),
    ("size", Holds::Size),
    ("markPrice", Holds::MaybeSize),
];

const TICKER: Shape = &[
    ("lastPrice", Holds::Price),
    ("bid1Price", Holds::MaybeSize),
    ("ask1Price", Holds::MaybeSize),
    ("markPrice", Holds::MaybeSize),
    ("usdIndexPrice", Holds::MaybeSize),
];

const LOTS: Shape = &[
    ("basePrecision", Holds::MaybeSize),
    ("qtyStep", Holds::MaybeSize),
    ("quotePrecision", Holds::MaybeSize),
    ("minOrderQty", Holds::MaybeSize),
    ("maxLimitOrderQty", Holds::MaybeSize),
    ("maxOrderQty", Holds::MaybeSize),
    ("maxMarketOrderQty", Holds::MaybeSize),
    ("maxMktOrderQty", Holds::MaybeSize),
    ("minOrderAmt", Holds::MaybeSize),
    ("minNotionalValue", Holds::MaybeSize),
];

const INSTRUMENT: Shape = &[
    ("baseCoin", Holds::Coin),
    ("quoteCoin", Holds::Coin),
    ("settleCoin", Holds::MaybeCoin),
    ("status", Holds::MaybeText),
    ("isPreListing", Holds::Flag),
    ("priceFilter", Holds::Inner(&[("tickSize", Holds::MaybeSize)])),
    ("lotSizeFilter", Holds::Inner(LOTS)),
    (
        "leverageFilter",
        Holds::Inner(&[("maxLeverage", Holds::MaybeSize)]),
    ),
];

/// Whether `text`, the `result` of an answer about the list `which`, holds such rows alone.
pub(super) fn is_plain(text: &str, which: u8, id: &InstrumentId, before_ms: i64) -> bool {
    let result = members(text).filter(|_| Json::parse(text).is_ok());
    let Some((result, rows)) = result.and_then(|result| {
        let rows = list(&result, "list")?;
        Some((result, rows))
    }) else {
        return false;
    };
    let category = said(&result, "category");
    let framed = category == Said::Nothing || category == Said::Text(id.category.as_str().to_owned());
    framed
        && said(&result, "nextPageCursor") != Said::Other
        && match which {
            0 | 1 => all(&rows, ORDER),
            3 => all(&rows, EXECUTION),
            4 => candles(&rows, id.category, before_ms),
            5 => all(&rows, COIN),
            7 => all(&rows, POSITION),
            // Of these one row is looked for by its symbol.
            _ => {
                let shape = if which == 6 { INSTRUMENT } else { TICKER };
                let of_it = Said::Text(id.symbol.as_str().to_owned());
                all(&rows, &[("symbol", Holds::Symbol)])
                    && rows
                        .iter()
                        .filter_map(|row| members(row.get()))
                        .all(|row| said(&row, "symbol") != of_it || fits(&row, shape))
            }
        }
}

fn all(rows: &[&RawValue], shape: Shape) -> bool {
    rows.iter()
        .all(|row| members(row.get()).is_some_and(|row| fits(&row, shape)))
}

fn fits(row: &Members<'_>, shape: Shape) -> bool {
    shape.iter().all(|(name, holds)| {
        let put = said(row, name);
        let text = put.text().unwrap_or_default();
        let nothing = put == Said::Nothing;
        let letters = |most: usize| {
            (1..=most).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        match holds {
            Holds::Size => is_size(text),
            Holds::MaybeSize => nothing || is_size(text),
            Holds::Balance => is_size(text.strip_prefix('-').unwrap_or(text)),
            Holds::Price => is_size(text) && text.bytes().any(|byte| matches!(byte, b'1'..=b'9')),
            Holds::Symbol => letters(30),
            Holds::Coin => letters(10),
            Holds::MaybeCoin => nothing || letters(10),
            Holds::Word(allowed) => allowed.contains(&text),
            Holds::MaybeWord(allowed) => nothing || allowed.contains(&text),
            Holds::Text => !text.is_empty(),
            Holds::MaybeText => put != Said::Other,
            Holds::Flag => row
                .get(*name)
                .is_none_or(|raw| matches!(raw.get(), "null" | "true" | "false")),
            Holds::Inner(shape) => inner(row, name).is_some_and(|row| fits(&row, shape)),
        }
    })
}

fn is_size(text: &str) -> bool {
    let digits = |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

/// Days that begin at a plain time, one of them closed.
fn candles(rows: &[&RawValue], category: Category, before_ms: i64) -> bool {
    let column = if category == Category::Inverse { 5 } else { 6 };
    let days: Option<Vec<i64>> = rows
        .iter()
        .map(|row| {
            let cells: Vec<&RawValue> = serde_json::from_str(row.get()).ok()?;
            let cell = |at: usize| cells.get(at).map(|raw| in_words(raw));
            cell(column)?.text().filter(|text| is_size(text))?;
            let start = cell(0)?.text()?.parse::<i64>().ok()?;
            (start > 0).then_some(start)
        })
        .collect();
    days.is_some_and(|days| days.iter().any(|start| *start <= before_ms))
}
