//! What can be typed about the paper account.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::DateTime;
use clap::{Args, Subcommand};
use rust_decimal::Decimal;

use crate::domain::money::parse_decimal;
use crate::sim::{ClockStart, PriceSource, Replay, ReplayError, ReplayFile};

/// The end of 2199: from there every sum of times still fits.
const LAST_START_MS: i64 = 7_258_118_399_999;

/// As fast as a market runs.
const FASTEST: Decimal = Decimal::from_parts(86_400, 0, 0, false, 0);

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PaperCommand {
    /// What the account holds, did and earned, and its equity over time.
    Show(ShowArgs),
    /// Begin a new account; the old one is moved aside and kept. Asks first.
    Reset(ResetArgs),
    /// Put play money in; an amount below zero takes it out.
    Deposit(DepositArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    #[command(flatten)]
    pub(in crate::cli) place: StoreArg,
    /// For programs.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Write the equity curve as a picture too.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) png: Option<PathBuf>,
    /// How far back the equity curve goes; without it, to the beginning of the account.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) days: Option<u32>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ResetArgs {
    #[command(flatten)]
    pub(in crate::cli) place: StoreArg,
    /// Another seed, other prices.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) seed: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) clock: ClockArgs,
    /// What the account begins with, instead of 10,000 USDT and 1,000 USDC; once for each coin.
    #[arg(long, value_name = "COIN=AMOUNT", value_parser = holding)]
    pub(in crate::cli) deposit: Vec<(String, Decimal)>,
    /// Go ahead without asking.
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DepositArgs {
    pub(in crate::cli) coin: String,
    #[arg(allow_hyphen_values = true, value_parser = nonzero)]
    pub(in crate::cli) amount: Decimal,
    #[command(flatten)]
    pub(in crate::cli) place: StoreArg,
    /// For programs.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StoreArg {
    /// The SQLite file of the account; by default the one that `--venue paper` uses.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) store: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) prices: PriceArgs,
}

/// Where prices come from.
#[derive(Debug, Args)]
pub(in crate::cli) struct PriceArgs {
    /// Recorded prices instead of made-up ones: a file of candles or trades, more than one if need be. An account
    /// does not keep them: name them each time.
    #[arg(long, value_name = "[CATEGORY:SYMBOL=]FILE")]
    replay: Vec<ReplayFile>,
}

impl PriceArgs {
    /// Reads the files.
    pub(in crate::cli) fn source(&self) -> Result<PriceSource, ReplayError> {
        match self.replay.as_slice() {
            [] => Ok(PriceSource::Walk),
            files => Ok(PriceSource::Replay(Arc::new(Replay::read(files)?))),
        }
    }
}

/// The market's clock of a new account.
#[derive(Debug, Args)]
pub(in crate::cli) struct ClockArgs {
    /// When the market of a new account begins: 2026-06-15T12:00:00Z, or milliseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start: Option<i64>,
    /// Market seconds in one of the machine's, for a new account: 0 stands still, at most 86400.
    #[arg(long, value_name = "X", value_parser = speed)]
    speed: Option<Decimal>,
}

impl ClockArgs {
    /// Whether a clock was asked for.
    pub(in crate::cli) fn is_named(&self) -> bool {
        self.start.is_some() || self.speed.is_some()
    }

    /// The clock of a new account: recorded prices begin at their first moment unless another is named; nothing
    /// means the machine's clock.
    pub(in crate::cli) fn start(&self, prices: &PriceSource) -> Option<ClockStart> {
        let recorded = match prices {
            PriceSource::Replay(replay) => replay.span_ms().map(|(first, _)| first),
            _ => None,
        };
        (self.is_named() || recorded.is_some()).then(|| ClockStart {
            at_ms: self.start.or(recorded),
            speed: self.speed.unwrap_or(Decimal::ONE),
        })
    }
}

fn moment(text: &str) -> Result<i64, String> {
    let ms = match text.parse() {
        Ok(ms) => ms,
        Err(_) => DateTime::parse_from_rfc3339(text)
            .map_err(|error| format!("{error}; write 2026-06-15T12:00:00Z, or milliseconds since 1970"))?
            .timestamp_millis(),
    };
    match (0..=LAST_START_MS).contains(&ms) {
        true => Ok(ms),
        false => Err("no market begins then; choose a time from 1970 to 2199".to_owned()),
    }
}

fn speed(text: &str) -> Result<Decimal, String> {
    let speed = amount(text)?;
    match speed >= Decimal::ZERO && speed <= FASTEST {
        true => Ok(speed),
        false => Err(format!("a market runs 0 to {FASTEST} times as fast")),
    }
}

fn amount(text: &str) -> Result<Decimal, String> {
    parse_decimal(text).map_err(|error| error.to_string())
}

fn nonzero(text: &str) -> Result<Decimal, String> {
    let amount = amount(text)?;
    if amount.is_zero() {
        return Err("nothing would move; give an amount other than 0".to_owned());
    }
    Ok(amount)
}

fn holding(text: &str) -> Result<(String, Decimal), String> {
    let (coin, held) = text
        .split_once('=')
        .ok_or("write COIN=AMOUNT, such as USDT=5000")?;
    let held = amount(held)?;
    if held <= Decimal::ZERO {
        return Err("an account begins with amounts above 0".to_owned());
    }
    Ok((coin.to_owned(), held))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_either_way() {
        assert_eq!(moment("1781524800000"), Ok(1_781_524_800_000));
        assert_eq!(moment("2026-06-15T12:00:00Z"), Ok(1_781_524_800_000));
        assert_eq!(moment("2026-06-15T14:00:00+02:00"), Ok(1_781_524_800_000));
        assert_eq!(moment("0"), Ok(0));
        assert_eq!(moment("2199-12-31T23:59:59.999Z"), Ok(LAST_START_MS));
        for text in [
            "noon",
            "-1",
            "7258118400000",
            "9223372036854775807",
            "2200-01-01T00:00:00Z",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_speed_is_one_that_a_market_has() {
        for text in ["0", "0.5", "86400"] {
            assert!(speed(text).is_ok(), "{text}");
        }
        for text in ["-0.1", "86400.001", "86401", "fast"] {
            assert!(speed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_holding_is_a_coin_and_an_amount_above_zero() {
        assert_eq!(holding("BTC=0.5"), Ok(("BTC".to_owned(), Decimal::new(5, 1))));
        for text in ["BTC", "BTC=", "BTC=0", "BTC=-1", "BTC=x"] {
            assert!(holding(text).is_err(), "{text}");
        }
    }
}
