//! Whether an approval of `explain` is within every cap of its own mandate, with no tolerance: by the figures that it
//! gives, and by those that its facts give to another reckoning.
//!
//! Where a product or a sum has more digits than a decimal holds, the gate's is rounded and nothing is said of it.

use mandated::cli::explain::Verdict;
use rust_decimal::Decimal;

use super::account::{Account, Order};
use super::exact::{Members, amount, inner, members, number, text, times};

/// The numbers of `hard_caps`, as they are written.
struct Caps {
    order: Decimal,
    exposure: Decimal,
    leverage: Decimal,
    funding: Decimal,
    trades: Decimal,
}

impl Caps {
    fn of(facts: &Members<'_>) -> Option<Self> {
        let given = facts.get("mandate_text").map(|raw| raw.get());
        let quoted: Option<String> = given.and_then(|raw| serde_json::from_str(raw).ok());
        let given = match &quoted {
            Some(text) => text,
            None => facts.get("mandate")?.get(),
        };
        let caps = inner(&members(given)?, "hard_caps")?;
        let cap = |name| number(&text(&caps, name)?);
        Some(Self {
            order: cap("max_order_notional_usd")?,
            exposure: cap("max_total_exposure_usd")?,
            leverage: cap("max_leverage")?,
            funding: cap("account_funding_usd")?,
            trades: cap("max_trades_per_day")?,
        })
    }
}

/// One inequality that an approval keeps.
fn at_most(what: &str, attempted: Decimal, cap: Decimal) -> Result<(), String> {
    match attempted <= cap {
        true => Ok(()),
        false => Err(format!("{what}: {attempted} was allowed above {cap}")),
    }
}

pub(crate) fn within(line: &str, verdict: &Verdict) -> Result<(), String> {
    let line = members(line).ok_or("no object was allowed")?;
    let tool = text(&line, "tool").ok_or("no tool was allowed")?;
    let args = inner(&line, "args").ok_or("no arguments were allowed")?;
    let facts = inner(&line, "facts").ok_or("no facts were allowed")?;
    if facts.get("halted").map(|raw| raw.get()) != Some("false") {
        return Err("allowed while halted".to_owned());
    }
    let caps = Caps::of(&facts).ok_or("caps were allowed that cannot be read")?;
    match tool.as_str() {
        "bybit_place_order" if args.get("reduce_only").is_some_and(|raw| raw.get() == "true") => Ok(()),
        "bybit_place_order" => {
            let buys = text(&args, "side").as_deref() == Some("Buy");
            trades(&caps, &facts)?;
            figures(&caps, buys, verdict)?;
            match Order::asked(&args).zip(Account::of(facts)) {
                Some((order, account)) => reckoned(&caps, &account, (&order, &order), verdict),
                None => Ok(()),
            }
        }
        "bybit_amend_order" => amended(&caps, &args, &facts, verdict),
        "bybit_set_leverage" => {
            let asked = amount(&args, "leverage").ok_or("no leverage was allowed")?;
            at_most("max_leverage", asked, caps.leverage)
        }
        _ => Ok(()),
    }
}

fn trades(caps: &Caps, facts: &Members<'_>) -> Result<(), String> {
    let count = text(facts, "daily_count").and_then(|text| text.parse::<u64>().ok());
    let count = Decimal::from(count.ok_or("an order was allowed without a count")?);
    at_most("max_trades_per_day", count + Decimal::ONE, caps.trades)
}

/// What the verdict says itself.
fn figures(caps: &Caps, buys: bool, verdict: &Verdict) -> Result<(), String> {
    let figure = |text: &Option<String>| text.as_deref().and_then(number).ok_or("a figure is missing");
    let notional = figure(&verdict.notional_usd)?;
    at_most("max_order_notional_usd", notional, caps.order)?;
    exposed(caps, buys, figure(&verdict.post_trade_exposure_usd)?)
}

/// The three caps on what is at stake afterwards.
fn exposed(caps: &Caps, buys: bool, exposure: Decimal) -> Result<(), String> {
    at_most("max_total_exposure_usd", exposure, caps.exposure)?;
    if let Some(allowed) = times(caps.leverage, caps.funding) {
        at_most("max_leverage", exposure, allowed)?;
    }
    if caps.funding.is_zero() {
        return Err("an order was allowed without funding".to_owned());
    }
    match buys {
        true => at_most("account_funding_usd", exposure, caps.funding),
        false => Ok(()),
    }
}

/// The same by the line's facts: of the whole order, and of what is open of it. No figure of the verdict is below
/// what they come to.
fn reckoned(
    caps: &Caps,
    account: &Account<'_>,
    (whole, open): (&Order, &Order),
    verdict: &Verdict,
) -> Result<(), String> {
    let not_below = |what: &str, figure: &Option<String>, least: Decimal| {
        let figure = figure.as_deref().and_then(number);
        match figure.is_some_and(|figure| figure >= least) {
            true => Ok(()),
            false => Err(format!("{what} is {figure:?}, by the facts at least {least}")),
        }
    };
    if let Some((_, notional)) = account.notional(whole) {
        at_most("max_order_notional_usd by the facts", notional, caps.order)?;
        not_below("the notional", &verdict.notional_usd, notional)?;
    }
    if let Some(exposure) = account.exposure(open) {
        exposed(caps, open.buys, exposure)?;
        not_below("the exposure", &verdict.post_trade_exposure_usd, exposure)?;
    }
    Ok(())
}

/// An amended order counts as a new one of its new total, and as a trade when more of it is open than before.
fn amended(caps: &Caps, args: &Members<'_>, facts: &Members<'_>, verdict: &Verdict) -> Result<(), String> {
    let row = inner(facts, "order").ok_or("an amend of nothing was allowed")?;
    let Some(order) = Order::resting(&row) else {
        return Ok(());
    };
    if order.reduces {
        return Ok(());
    }
    figures(caps, order.buys, verdict)?;
    // A spot order without a limit may be counted in either coin.
    let is_clear = !order.is_spot() || amount(&row, "price").is_some_and(|price| !price.is_zero());
    let Some((whole, open)) = Order::amended(args, &row).filter(|_| is_clear) else {
        return Ok(());
    };
    if open.qty > order.qty {
        trades(caps, facts)?;
    }
    match Account::of(facts.clone()) {
        Some(account) => reckoned(caps, &account.without(row), (&whole, &open), verdict),
        None => Ok(()),
    }
}
