//! One read, from arguments to reply: asked, joined over settle coins and pages, shaped, cut to size.

use serde_json::{Map, Value, json};

use super::args::Args;
use super::reply::{ReadError, cut_to_fit, marked, note_truncated};
use super::rules;
use super::tools::{ReadTool, Tool};
use crate::broker::{Broker, VenueError};
use crate::venue::Venue;

/// The settle coins of linear contracts.
const LINEAR_COINS: [&str; 2] = ["USDT", "USDC"];

/// Most pages that one joined list takes from each settle coin.
const MAX_PAGES: usize = 10;

/// Rows, and where the list goes on.
#[derive(Default)]
struct Rows {
    rows: Vec<Value>,
    more: Vec<More>,
}

/// The cursor behind the last row; of which settle coin, when lists were joined.
struct More {
    coin: Option<&'static str>,
    cursor: String,
}

/// Runs a reading tool on the exact text of its arguments.
pub(super) async fn run<V: Venue>(
    broker: &Broker<V>,
    tool: &Tool,
    read: ReadTool,
    text: &str,
) -> Result<Value, ReadError> {
    let mut args = Args::parse(tool, text)?;
    rules::check(read, &mut args)?;
    let head = head(marked(broker.venue_label()), read, &args);
    if read == ReadTool::Orderbook {
        let book = broker.read(read.request(&args)).await?;
        return Ok(orderbook(head, book)?);
    }
    let joined = rules::joins_settle_coins(read, &args);
    let rows = if joined {
        join(broker, read, &args).await?
    } else {
        one_page(broker, read, &args).await?
    };
    Ok(listing(head, read, &args, rows))
}

/// The keys before the rows, as the Python original had them.
fn head(mut reply: Map<String, Value>, read: ReadTool, args: &Args) -> Map<String, Value> {
    if read == ReadTool::Wallet {
        reply.insert("accountType".into(), json!(args.get("account_type")));
        return reply;
    }
    reply.insert("category".into(), json!(args.get("category")));
    reply.insert("symbol".into(), json!(args.get("symbol")));
    for name in ["settle_coin", "interval", "interval_time"] {
        if let Some(value) = args.get(name) {
            reply.insert(name.into(), json!(value));
        }
    }
    reply
}

fn orderbook(mut reply: Map<String, Value>, book: Value) -> Result<Value, VenueError> {
    match book {
        Value::Object(book) if book.contains_key("b") && book.contains_key("a") => reply.extend(book),
        _ => return Err(unreadable("no order book in it")),
    }
    let mut reply = Value::Object(reply);
    let depth = |reply: &Value| {
        ["/b", "/a"].map(|side| reply.pointer(side).and_then(Value::as_array).map_or(0, Vec::len))
    };
    let of = depth(&reply).into_iter().max().unwrap_or_default();
    if let Some(kept) = cut_to_fit(&mut reply, &["/b", "/a"]) {
        let hint = format!("levels a side; ask with limit {kept}");
        note_truncated(&mut reply, of - kept, of, &hint);
    }
    Ok(reply)
}

async fn one_page<V: Venue>(broker: &Broker<V>, read: ReadTool, args: &Args) -> Result<Rows, VenueError> {
    let mut result = broker.read(read.request(args)).await?;
    let Some(Value::Array(rows)) = result.get_mut("list").map(Value::take) else {
        return Err(unreadable("no list in it"));
    };
    let cursor = result.get("nextPageCursor").and_then(Value::as_str);
    let cursor = cursor.filter(|cursor| !cursor.is_empty() && is_full(read, args, rows.len()));
    let more = cursor.map(|cursor| More {
        coin: None,
        cursor: cursor.to_owned(),
    });
    let more = more.into_iter().collect();
    Ok(Rows { rows, more })
}

/// Whether more may follow this page. Order and position lists carry a cursor even when they are at their
/// end; a page that is not full is the end.
fn is_full(read: ReadTool, args: &Args, rows: usize) -> bool {
    let limit = args.number("limit").and_then(|limit| usize::try_from(limit).ok());
    read == ReadTool::Instruments || limit.is_none_or(|limit| rows >= limit)
}

/// All pages of both settle coins, up to [`MAX_PAGES`] each.
async fn join<V: Venue>(broker: &Broker<V>, read: ReadTool, args: &Args) -> Result<Rows, VenueError> {
    let lists = LINEAR_COINS.map(|coin| all_pages(broker, read, args, coin));
    let mut joined = Rows::default();
    for list in futures::future::try_join_all(lists).await? {
        joined.rows.extend(list.rows);
        joined.more.extend(list.more);
    }
    Ok(joined)
}

async fn all_pages<V: Venue>(
    broker: &Broker<V>,
    read: ReadTool,
    args: &Args,
    coin: &'static str,
) -> Result<Rows, VenueError> {
    let mut args = args.clone();
    args.set("settle_coin", coin.to_owned());
    let largest_page = if read == ReadTool::OpenOrders { 50 } else { 200 };
    args.set("limit", largest_page.to_string());
    let mut all = Rows::default();
    for _ in 0..MAX_PAGES {
        let mut page = one_page(broker, read, &args).await?;
        all.rows.append(&mut page.rows);
        match page.more.pop() {
            Some(more) => args.set("cursor", more.cursor),
            None => return Ok(all),
        }
    }
    let cursor = args.get("cursor").unwrap_or_default().to_owned();
    all.more.push(More {
        coin: Some(coin),
        cursor,
    });
    Ok(all)
}

fn listing(head: Map<String, Value>, read: ReadTool, args: &Args, list: Rows) -> Value {
    let Rows { mut rows, more } = list;
    let mut reply = head;
    let pointer = match read {
        ReadTool::Wallet => "/balances/0/coin".to_owned(),
        _ => format!("/{}", read.rows_key()),
    };
    let all = rows.len();
    rows.truncate(own_limit(read, args).unwrap_or(all));
    let mut left_out = all - rows.len();
    reply.insert(read.rows_key().into(), Value::Array(rows));
    if read.is_paged() {
        tell_more(&mut reply, &more);
    }
    let mut reply = Value::Object(reply);
    let before = reply
        .pointer(&pointer)
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let mut kept = before;
    if let Some(fits) = cut_to_fit(&mut reply, &[&pointer]) {
        kept = fits;
        left_out += before - fits;
        skip_nothing(&mut reply, read);
    }
    if left_out > 0 {
        let hint = hint(read, args, kept);
        note_truncated(&mut reply, left_out, left_out + kept, &hint);
    }
    reply
}

/// The limit that we must keep ourselves, because the exchange gives everything.
fn own_limit(read: ReadTool, args: &Args) -> Option<usize> {
    let whole_list = match read {
        ReadTool::Tickers => true,
        ReadTool::Instruments => args.get("category") == Some("spot"),
        _ => false,
    };
    let limit = args.number("limit").filter(|_| whole_list)?;
    usize::try_from(limit).ok()
}

fn tell_more(reply: &mut Map<String, Value>, more: &[More]) {
    reply.insert("has_more".into(), json!(!more.is_empty()));
    let mut cursors = Map::new();
    for More { coin, cursor } in more {
        match coin {
            None => reply.insert("next_cursor".into(), json!(cursor)),
            Some(coin) => cursors.insert((*coin).to_owned(), json!(cursor)),
        };
    }
    if !cursors.is_empty() {
        reply.insert("next_cursors".into(), Value::Object(cursors));
    }
}

/// A cursor leads past the rows that were cut, so it goes with them: following it would skip them.
fn skip_nothing(reply: &mut Value, read: ReadTool) {
    if let (true, Some(reply)) = (read.is_paged(), reply.as_object_mut()) {
        reply.insert("has_more".into(), json!(true));
        reply.shift_remove("next_cursor");
        reply.shift_remove("next_cursors");
    }
}

fn hint(read: ReadTool, args: &Args, kept: usize) -> String {
    let page = kept.max(1);
    match read {
        ReadTool::Tickers => "ask for one symbol, or for fewer with limit".to_owned(),
        ReadTool::Instruments if args.get("category") == Some("spot") => "ask for one symbol".to_owned(),
        ReadTool::Wallet => "name the coins that you need in coins".to_owned(),
        ReadTool::Positions | ReadTool::OpenOrders if rules::joins_settle_coins(read, args) => {
            let page = page.min(50);
            format!("ask with settle_coin USDT, then USDC, limit {page}, and follow next_cursor")
        }
        _ if read.is_paged() => format!("ask again with limit {page} and follow next_cursor"),
        ReadTool::RecentTrades => format!("ask with limit {page}"),
        _ => format!("ask with limit {page}; for older rows set end_ms"),
    }
}

fn unreadable(what: &str) -> VenueError {
    VenueError::Unreadable(what.to_owned())
}
