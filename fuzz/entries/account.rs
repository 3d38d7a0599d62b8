//! What an order and the account around it come to at least, by the facts of a line of `explain`.
//!
//! Nothing is said, rather than guessed, where a coin has no fixed worth in dollars, a symbol is not written as the
//! exchange writes it, or a figure has more digits than a decimal.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::exact::{Members, amount, inner, members, plus, rows, text, times};

const DOLLARS: [&str; 3] = ["USD", "USDT", "USDC"];

/// One position, and the orders around it that can open something; in dollars.
#[derive(Default)]
struct Book {
    /// Positive when long; a hedge leg always.
    held: Decimal,
    buys: Decimal,
    sells: Decimal,
}

impl Book {
    /// What it comes to at least when an order of `signed` dollars has filled: all of one side fills, or nothing.
    fn worst(&self, idx: u8, signed: Decimal) -> Option<Decimal> {
        let (flip, adds) = match idx {
            0 => {
                let now = plus(self.held, signed)?;
                let (high, low) = (plus(now, self.buys)?, plus(now, -self.sells)?);
                return Some(high.abs().max(low.abs()));
            }
            1 => (signed, self.buys),
            _ => (-signed, self.sells),
        };
        plus(plus(self.held, flip)?.max(Decimal::ZERO), adds)
    }
}

/// The facts of a line.
pub(super) struct Account<'a> {
    facts: Members<'a>,
    quotes: BTreeMap<String, Members<'a>>,
    /// An order that is about to be another one.
    without: Option<Members<'a>>,
}

impl<'a> Account<'a> {
    pub(super) fn of(facts: Members<'a>) -> Option<Self> {
        let given = inner(&facts, "quotes").unwrap_or_default();
        let mut quotes = BTreeMap::new();
        for (name, raw) in given {
            // The same instrument in another spelling could be meant as well.
            name.split_once(':').filter(|(_, symbol)| is_plain(symbol))?;
            let quote = members(raw.get()).filter(is_whole);
            quotes.extend(quote.map(|quote| (name, quote)));
        }
        Some(Self {
            quotes,
            facts,
            without: None,
        })
    }

    /// The same without one of its orders.
    pub(super) fn without(self, row: Members<'a>) -> Self {
        Self {
            without: Some(row),
            ..self
        }
    }

    fn is_left_out(&self, row: &Members<'_>) -> bool {
        let same = |name| {
            let id = self.without.as_ref().and_then(|out| text(out, name));
            id.is_some() && id == text(row, name)
        };
        same("orderId") || same("orderLinkId")
    }

    /// The dearest price that an order of this side could fill at now.
    fn live(&self, id: &str, buys: bool) -> Option<Decimal> {
        let quote = self.quotes.get(id)?;
        let book = amount(quote, if buys { "ask" } else { "bid" })?;
        Some(amount(quote, "last")?.max(amount(quote, "mark")?).max(book))
    }

    /// What a position is valued at.
    fn mark(&self, row: &Members<'_>, id: &str) -> Option<Decimal> {
        let quote = self.quotes.get(id);
        let of_quote = |name| quote.map_or(Some(Decimal::ZERO), |quote| amount(quote, name));
        let marks = [amount(row, "markPrice")?, of_quote("mark")?, of_quote("last")?];
        Some(marks.into_iter().find(|mark| !mark.is_zero()).unwrap_or_default())
    }

    /// What an order takes off for each unit that it closes: no more than the position counts for.
    fn closes_at(&self, id: &str) -> Option<Decimal> {
        let mut least = None;
        for row in rows(&self.facts, "positions") {
            if !amount(&row, "size")?.is_zero() && whose(&row)?.0 == id {
                let mark = self.mark(&row, id)?;
                least = Some(least.map_or(mark, |least: Decimal| least.min(mark)));
            }
        }
        match least {
            Some(least) => Some(least),
            None => amount(self.quotes.get(id)?, "mark"),
        }
    }

    /// Dollars for `qty` at `price`.
    fn dollars(&self, id: &str, qty: Decimal, price: Decimal) -> Option<Decimal> {
        if id.starts_with("inverse:") {
            return Some(qty);
        }
        let said = inner(&self.facts, "instruments").unwrap_or_default();
        let known = match said.get(id) {
            Some(_) => {
                let quote_coin = text(&inner(&said, id)?, "quoteCoin")?;
                DOLLARS.contains(&quote_coin.as_str())
            }
            // Described under another spelling, it could be quoted in anything.
            None => {
                said.is_empty() && (id.ends_with("USDT") || id.starts_with("linear:") && id.ends_with("PERP"))
            }
        };
        known.then(|| times(qty, price))?
    }

    /// What an order counts for: what it closes, and what it opens at the most.
    pub(super) fn notional(&self, order: &Order) -> Option<(Decimal, Decimal)> {
        let (id, qty) = (&order.id, order.qty);
        if order.in_quote {
            // Only a pair in dollars spends dollars.
            let usd = self.dollars(id, Decimal::ONE, qty)?;
            return Some((usd, usd.max(order.stated)));
        }
        let live = self.live(id, order.buys)?;
        let worst = if order.buys { live.max(order.price) } else { live };
        let most = self.dollars(id, qty, worst)?.max(order.stated);
        Some((self.dollars(id, qty, self.closes_at(id)?)?, most))
    }

    /// Gross exposure at the least once this order has filled, spot left aside.
    pub(super) fn exposure(&self, order: &Order) -> Option<Decimal> {
        let mut books = self.books()?;
        let (closed, most) = self.notional(order)?;
        let own = (order.id.clone(), order.idx);
        let own = books
            .remove(&own)
            .filter(|_| !order.is_spot())
            .unwrap_or_default();
        let mut rest = Decimal::ZERO;
        for ((_, idx), book) in &books {
            rest = plus(rest, book.worst(*idx, Decimal::ZERO)?)?;
        }
        if order.is_spot() {
            return Some(rest);
        }
        let signed = |usd: Decimal| if order.buys { usd } else { -usd };
        let own = own
            .worst(order.idx, signed(closed))?
            .max(own.worst(order.idx, signed(most))?);
        plus(rest, own)
    }

    fn books(&self) -> Option<BTreeMap<(String, u8), Book>> {
        let mut books: BTreeMap<(String, u8), Book> = BTreeMap::new();
        for row in rows(&self.facts, "positions") {
            let size = amount(&row, "size")?;
            if size.is_zero() {
                continue;
            }
            let (id, buys, idx) = whose(&row)?;
            let mark = self.mark(&row, &id)?;
            let usd = self.dollars(&id, size, mark)?;
            let book = books.entry((id, idx)).or_default();
            let short = idx == 0 && !buys;
            book.held = plus(book.held, if short { -usd } else { usd })?;
        }
        for row in ["open_orders", "inflight"]
            .into_iter()
            .flat_map(|name| rows(&self.facts, name))
        {
            let order = Order::resting(&row)?;
            if order.is_spot() || order.reduces || self.is_left_out(&row) {
                continue;
            }
            let live = self.live(&order.id, order.buys).unwrap_or_default();
            let usd = self.dollars(&order.id, order.qty, live.max(order.price))?;
            let book = books.entry((order.id, order.idx)).or_default();
            let slot = if order.buys {
                &mut book.buys
            } else {
                &mut book.sells
            };
            *slot = plus(*slot, usd)?;
        }
        Some(books)
    }
}

/// An order as far as its worth goes.
pub(super) struct Order {
    id: String,
    pub(super) buys: bool,
    idx: u8,
    pub(super) qty: Decimal,
    in_quote: bool,
    /// The dearer of limit and trigger.
    price: Decimal,
    stated: Decimal,
    pub(super) reduces: bool,
}

impl Order {
    /// The arguments of a new order.
    pub(super) fn asked(args: &Members<'_>) -> Option<Self> {
        let order = Self {
            in_quote: text(args, "market_unit").as_deref() == Some("quoteCoin"),
            stated: amount(args, "notional_usd")?,
            ..Self::written(args, ["price", "trigger_price", "reduce_only", "position_idx"])?
        };
        Some(Self {
            qty: amount(args, "qty")?,
            ..order
        })
    }

    /// A row of the exchange; as much of it as is open.
    pub(super) fn resting(row: &Members<'_>) -> Option<Self> {
        let order = Self::written(row, ["price", "triggerPrice", "reduceOnly", "positionIdx"])?;
        let qty = match text(row, "leavesQty") {
            Some(_) => amount(row, "leavesQty")?,
            None => plus(amount(row, "qty")?, -amount(row, "cumExecQty")?)?,
        };
        Some(Self { qty, ..order })
    }

    fn written(row: &Members<'_>, [price, trigger, reduces, idx]: [&str; 4]) -> Option<Self> {
        let category = text(row, "category")?;
        let symbol = text(row, "symbol").filter(|symbol| is_plain(symbol))?;
        let idx = text(row, idx).map_or(Some(0), |idx| idx.parse().ok())?;
        Some(Self {
            buys: text(row, "side")? == "Buy",
            qty: Decimal::ZERO,
            in_quote: false,
            price: amount(row, price)?.max(amount(row, trigger)?),
            stated: Decimal::ZERO,
            reduces: category != "spot" && row.get(reduces).is_some_and(|raw| raw.get() == "true"),
            id: format!("{category}:{symbol}"),
            idx,
        })
    }

    /// The order of a row as `args` change it: its new total, and what is open of it.
    pub(super) fn amended(args: &Members<'_>, row: &Members<'_>) -> Option<(Self, Self)> {
        let order = Self::resting(row)?;
        let filled = amount(row, "cumExecQty")?;
        let given = |name, or: &str| match text(args, name) {
            Some(_) => amount(args, name),
            None => amount(row, or),
        };
        let asked = amount(args, "new_qty")?.max(amount(args, "qty")?);
        let total = [asked, amount(row, "qty")?]
            .into_iter()
            .find(|qty| !qty.is_zero());
        let total = total.map_or_else(|| plus(order.qty, filled), Some)?;
        let price = given("price", "price")?.max(given("trigger_price", "triggerPrice")?);
        let sized = |qty| Self {
            qty,
            price,
            id: order.id.clone(),
            ..order
        };
        Some((sized(total), sized(plus(total, -filled)?)))
    }

    pub(super) fn is_spot(&self) -> bool {
        self.id.starts_with("spot:")
    }
}

fn whose(row: &Members<'_>) -> Option<(String, bool, u8)> {
    let order = Order::written(row, ["", "", "", "positionIdx"])?;
    Some((order.id, order.buys, order.idx))
}

/// A quote that is not read as a whole is none.
fn is_whole(quote: &Members<'_>) -> bool {
    let readable = ["last", "bid", "ask", "mark"]
        .iter()
        .all(|name| amount(quote, name).is_some());
    readable && amount(quote, "last").is_some_and(|last| !last.is_zero())
}

/// A symbol that means itself: others are written in several ways.
fn is_plain(symbol: &str) -> bool {
    !symbol.is_empty()
        && symbol
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
