//! `mandated paper`: a person's look at the paper account, and what a person does to it.

mod chart;
mod font;
mod png_chart;
mod reset;
mod scale;
pub(super) mod show;
mod table;

use serde_json::json;

use super::app::{paper_root, paper_store};
use super::args::{DepositArgs, PaperCommand, Settings, ShowArgs, StoreArg};
use super::out::{say, say_json};
use super::{Done, Failure};
use crate::sim::{PaperConfig, PaperExchange};

pub(super) async fn run(settings: Settings, command: PaperCommand) -> Result<Done, Failure> {
    match command {
        PaperCommand::Show(args) => show(&settings, &args),
        PaperCommand::Reset(args) => reset::run(&settings, args).await,
        PaperCommand::Deposit(args) => deposit(&settings, &args),
    }
}

/// The account that was named, else the one of the paper venue, on the prices that were named.
fn config(settings: &Settings, place: &StoreArg) -> Result<PaperConfig, Failure> {
    let store = match &place.store {
        Some(file) => file.clone(),
        None => paper_store(&paper_root(settings.paper_root.as_deref())?),
    };
    Ok(PaperConfig {
        prices: place.prices.source().map_err(Failure::usage)?,
        ..PaperConfig::new(store)
    })
}

fn show(settings: &Settings, args: &ShowArgs) -> Result<Done, Failure> {
    let config = config(settings, &args.place)?;
    let report = PaperExchange::report(&config, args.days).map_err(Failure::failed)?;
    if let Some(file) = &args.png {
        png_chart::write(file, &report.curve).map_err(Failure::Failed)?;
    }
    if args.json {
        say_json(&serde_json::to_string(&report).map_err(Failure::failed)?);
        return Ok(Done::Well);
    }
    show::print(&report);
    if let Some(file) = &args.png {
        say("");
        say(&format!("picture  {}", file.display()));
    }
    Ok(Done::Well)
}

fn deposit(settings: &Settings, args: &DepositArgs) -> Result<Done, Failure> {
    let config = config(settings, &args.place)?;
    let (coin, amount) = (args.coin.to_ascii_uppercase(), args.amount.normalize());
    let held = PaperExchange::deposit(&config, &coin, amount).map_err(Failure::failed)?;
    let held = held.normalize();
    if args.json {
        let moved = json!({"venue": "paper", "store": config.store.display().to_string(), "coin": coin,
            "amount": amount.to_string(), "wallet": held.to_string()});
        say_json(&moved.to_string());
    } else {
        let how = if amount.is_sign_negative() { "out" } else { "in" };
        say(&format!(
            "PAPER: {} {coin} {how}; the wallet holds {held} {coin}",
            amount.abs()
        ));
    }
    Ok(Done::Well)
}
