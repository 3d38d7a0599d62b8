//! Structural checks: may this instrument be traded at all? No wider cap would turn these into a yes.

use super::refusal::{Limit, Refusal};
use crate::domain::account::{Instrument, Quote};
use crate::domain::mandate::Mandate;
use crate::domain::order::{OrderKind, PlaceOrder};
use crate::domain::policy::{Policy, PolicyError};
use crate::domain::symbol::{Category, Coin, InstrumentId};
use rust_decimal::Decimal;

pub(super) fn not_excluded(
    mandate: &Mandate,
    id: &InstrumentId,
    known: Option<&Instrument>,
) -> Result<(), Refusal> {
    let Some(entry) = mandate.universe.excludes(id, known) else {
        return Ok(());
    };
    let symbol = &id.symbol;
    let as_written = match entry.trim() {
        entry if entry == symbol.as_str() => String::new(),
        entry => format!(", as `{entry}`"),
    };
    Err(Refusal::deny(
        Limit::ExcludeSymbols,
        format!("{symbol} is on the mandate exclude list{as_written}; choose another symbol"),
    ))
}

/// What upstream calls the instrument type of a category.
fn instrument_type(category: Category) -> &'static str {
    match category {
        Category::Linear | Category::Inverse | Category::Spot => "crypto",
        Category::Option => "option",
    }
}

pub(super) fn instrument_allowed(mandate: &Mandate, id: &InstrumentId) -> Result<(), Refusal> {
    let wanted = instrument_type(id.category);
    let allowed = &mandate.hard_caps.allowed_instruments;
    if allowed.iter().any(|word| word == wanted) {
        return Ok(());
    }
    let allowed = if allowed.is_empty() {
        "nothing".to_owned()
    } else {
        allowed.join(", ")
    };
    Err(Refusal::deny(
        Limit::AllowedInstruments,
        format!(
            "{wanted} not in allowed_instruments, which permits {allowed}; a person must commit a mandate that permits it"
        ),
    ))
}

/// No cap of the mandate bounds an option's loss, so none is placed, whatever the mandate allows.
pub(super) fn not_an_option(id: &InstrumentId) -> Result<(), Refusal> {
    if id.category != Category::Option {
        return Ok(());
    }
    Err(Refusal::deny(
        Limit::OptionsUnsupported,
        "options require an options-specific risk gate; order placement is unsupported: trade linear, inverse or spot",
    ))
}

pub(super) fn asset_class_allowed(mandate: &Mandate) -> Result<(), Refusal> {
    if mandate.universe.asset_classes.iter().any(|word| word == "crypto") {
        return Ok(());
    }
    Err(Refusal::deny(
        Limit::AssetClasses,
        "crypto not in permitted asset_classes; a person must commit a mandate that permits it",
    ))
}

/// The person's own further limits; a policy that is not understood refuses everything it might limit.
pub(super) fn within_policy<'p>(
    policy: &'p Result<Policy, PolicyError>,
    id: &InstrumentId,
) -> Result<&'p Policy, Refusal> {
    let refused = |reason: String| Refusal::deny(Limit::Policy, reason);
    let policy = policy.as_ref().map_err(|error| refused(error.to_string()))?;
    if !policy.allowed_categories.contains(&id.category) {
        return Err(refused(format!(
            "policy.toml does not allow the category {}",
            id.category
        )));
    }
    if !policy.allows_symbol(&id.symbol) {
        return Err(refused(format!(
            "policy.toml does not list {} in allowed_symbols",
            id.symbol
        )));
    }
    Ok(policy)
}

/// The policy's fat-finger bound: how far a limit may lie from the live price.
pub(super) fn near_the_market(policy: &Policy, order: &PlaceOrder, quote: &Quote) -> Result<(), Refusal> {
    let (Some(percent), OrderKind::Limit(price)) = (policy.max_price_deviation_percent, order.kind) else {
        return Ok(());
    };
    let live = quote.live(order.side).value();
    let too_far = || {
        Refusal::deny(
            Limit::Policy,
            format!("the limit {price} is too far from the live price {live}"),
        )
    };
    let distance = (price.value() - live).abs();
    let left = distance.checked_mul(Decimal::ONE_HUNDRED).ok_or_else(too_far)?;
    let right = live.checked_mul(percent).ok_or_else(too_far)?;
    if left <= right {
        return Ok(());
    }
    Err(Refusal::deny(
        Limit::Policy,
        format!(
            "the limit {price} is more than {percent} % from the live price {live}, which is what policy.toml allows; move it nearer"
        ),
    ))
}

/// Linear contracts are listed by settle coin, and these are the two that are asked for: a position in another would
/// not be seen (facts §5.11).
fn settles_elsewhere(instrument: &Instrument) -> Option<&Coin> {
    let coin = instrument.settle_coin.as_ref()?;
    let is_listed = matches!(coin.as_str(), "USDT" | "USDC");
    (instrument.id.category == Category::Linear && !is_listed).then_some(coin)
}

/// Perpetuals settled in USDT alone can be held in two legs (facts §4.4); a dated contract has a hyphen.
pub(super) fn has_hedge_mode(instrument: &Instrument) -> bool {
    let settles_in = instrument.settle_coin.as_ref().unwrap_or(&instrument.quote_coin);
    instrument.id.category == Category::Linear
        && settles_in.as_str() == "USDT"
        && !instrument.id.symbol.as_str().contains('-')
}

/// Only what the exchange says is trading is traded (facts §5.4), and only where it is seen afterwards.
pub(super) fn is_trading(instrument: &Instrument) -> Result<(), Refusal> {
    let refused = |why: String| {
        Err(Refusal::deny(
            Limit::Quote,
            format!("{} {why}; choose another symbol", instrument.id),
        ))
    };
    if let Some(coin) = settles_elsewhere(instrument) {
        return refused(format!(
            "settles in {coin}, and only contracts in USDT and USDC are looked after here"
        ));
    }
    match instrument.status.as_deref() {
        Some("Trading") if instrument.is_pre_listing => refused("is in pre-listing".to_owned()),
        Some("Trading") => Ok(()),
        None => refused("is not said to be trading: its record has no status".to_owned()),
        Some(status) => refused(format!("is not trading (status {status})")),
    }
}
