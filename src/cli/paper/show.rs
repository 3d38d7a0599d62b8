//! The report of a paper account for a person.

use rust_decimal::Decimal;

use super::chart::{self, Letters};
use super::table::{coins, lines, time, usd};
use crate::cli::out::{Style, say};
use crate::sim::{PaperOrder, PaperReport, PaperSum};

const MOST_ORDERS: usize = 20;
const MOST_FILLS: usize = 20;
const CLOCK: &str = "%Y-%m-%d %H:%M:%S UTC";

/// A part of the report: its heading and its lines.
type Part = (String, Vec<String>);

pub(super) fn print(report: &PaperReport) {
    let style = Style::of_stdout();
    say(&style.bold("PAPER: play money; what it fills says nothing about what a market would"));
    head(report).iter().for_each(|line| say(line));
    let parts = [
        wallet(report),
        positions(report),
        orders(report),
        fills(report),
        profit(report),
    ];
    for (heading, lines) in parts {
        say("");
        say(&style.bold(&heading));
        lines.iter().for_each(|line| say(line));
    }
    say("");
    say(&style.bold("equity, USD"));
    let curve = chart::lines(&report.curve, Letters::of_environment());
    curve.iter().for_each(|line| say(line));
}

/// What an account is: also what `reset` shows of the new one.
pub(super) fn head(report: &PaperReport) -> Vec<String> {
    vec![
        format!("account  {}", report.store.display()),
        format!("seed     {}", report.seed),
        format!("clock    {}", clock(report.now_ms, report.speed)),
        format!("born     {}", time(report.born_ms, CLOCK)),
        format!("equity   {} USD", usd(report.equity_usd)),
    ]
}

/// The market's moment and how fast it runs.
pub(in crate::cli) fn clock(now_ms: i64, speed: Option<Decimal>) -> String {
    let now = time(now_ms, CLOCK);
    match speed {
        None => format!("{now}, the machine's"),
        Some(speed) if speed.is_zero() => format!("{now}, standing still"),
        Some(speed) if speed == Decimal::ONE => format!("{now}, as fast as the machine's"),
        Some(speed) => format!("{now}, {speed} times as fast as the machine's"),
    }
}

fn or_none(lines: Vec<String>, count: usize) -> Vec<String> {
    match count {
        0 => vec!["  none".to_owned()],
        _ => lines,
    }
}

pub(super) fn wallet(report: &PaperReport) -> Part {
    let row = |held: &crate::sim::PaperCoin| {
        let place = match held.wallet {
            "UNIFIED" if held.lent.is_zero() => String::new(),
            "UNIFIED" => format!("{} of it lent", coins(held.lent)),
            other => other.to_owned(),
        };
        vec![held.coin.clone(), coins(held.amount), usd(held.usd), place]
    };
    let rows: Vec<Vec<String>> = report.wallet.iter().map(row).collect();
    let table = lines(&["coin", ">amount", ">USD", ""], &rows);
    ("wallet".to_owned(), or_none(table, rows.len()))
}

fn positions(report: &PaperReport) -> Part {
    let rows: Vec<Vec<String>> = report
        .positions
        .iter()
        .map(|held| {
            vec![
                format!("{} {}", held.category, held.symbol),
                if held.side == "Buy" { "long" } else { "short" }.to_owned(),
                coins(held.size),
                coins(held.entry),
                coins(held.mark),
                format!("{} {}", coins(held.unrealised), held.coin),
            ]
        })
        .collect();
    let columns = ["instrument", "side", ">size", ">entry", ">mark", ">unrealised"];
    (
        format!("open positions: {}", rows.len()),
        or_none(lines(&columns, &rows), rows.len()),
    )
}

fn orders(report: &PaperReport) -> Part {
    let heading = format!("open orders: {}", report.orders.len());
    let rows: Vec<Vec<String>> = report.orders.iter().take(MOST_ORDERS).map(order).collect();
    let columns = [
        "instrument",
        "side",
        "kind",
        ">qty",
        ">price",
        ">trigger",
        "client id",
    ];
    let mut table = or_none(lines(&columns, &rows), rows.len());
    let more = report.orders.len() - rows.len();
    if more > 0 {
        table.push(format!("  and {more} more; all of them with --json"));
    }
    (heading, table)
}

fn order(order: &PaperOrder) -> Vec<String> {
    let some = |value: Decimal| match value.is_zero() {
        true => "-".to_owned(),
        false => coins(value),
    };
    let reduce = if order.reduce_only { ", reduce-only" } else { "" };
    vec![
        format!("{} {}", order.category, order.symbol),
        order.side.to_owned(),
        format!("{}{reduce}", order.kind),
        coins(order.leaves),
        some(order.price),
        some(order.trigger),
        order.client_id.clone(),
    ]
}

fn fills(report: &PaperReport) -> Part {
    let rows: Vec<Vec<String>> = report
        .fills
        .iter()
        .take(MOST_FILLS)
        .map(|fill| {
            vec![
                time(fill.time_ms, "%Y-%m-%d %H:%M:%S"),
                format!("{} {}", fill.category, fill.symbol),
                fill.side.to_owned(),
                coins(fill.qty),
                coins(fill.price),
                format!("{} {}", coins(fill.fee), fill.fee_coin),
                format!("{} {}", coins(fill.realised), fill.coin),
            ]
        })
        .collect();
    let heading = match report.fills.len() {
        all if all > rows.len() => {
            format!("fills: {all}, the latest {}; all of them with --json", rows.len())
        }
        all => format!("fills: {all}"),
    };
    let columns = [
        "time, UTC",
        "instrument",
        "side",
        ">qty",
        ">price",
        ">fee",
        ">realised",
    ];
    (heading, or_none(lines(&columns, &rows), rows.len()))
}

fn profit(report: &PaperReport) -> Part {
    let cells = |sum: &PaperSum, show: fn(Decimal) -> String| {
        [sum.realised, sum.fees, sum.funding, sum.unrealised, sum.total].map(show)
    };
    let mut rows: Vec<Vec<String>> = report
        .profit
        .iter()
        .map(|line| {
            let name = format!("{} {}", line.category, line.symbol);
            let sums = cells(&line.sum, coins);
            let ends = [line.coin.clone(), usd(line.total_usd)];
            std::iter::once(name).chain(sums).chain(ends).collect()
        })
        .collect();
    let count = rows.len();
    let sums = cells(&report.profit_usd, usd);
    let ends = ["USD".to_owned(), usd(report.profit_usd.total)];
    rows.push(
        std::iter::once("sum".to_owned())
            .chain(sums)
            .chain(ends)
            .collect(),
    );
    let columns = [
        "instrument",
        ">realised",
        ">fees",
        ">funding",
        ">unrealised",
        ">total",
        "in",
        ">total, USD",
    ];
    (
        "profit and loss".to_owned(),
        or_none(lines(&columns, &rows), count),
    )
}
