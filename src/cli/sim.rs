//! `mandated sim`: the paper exchange as a server of its own.

use std::fs::read_to_string;
use std::net::SocketAddr;
use std::path::Path;

use super::app::{paper_root, paper_store};
use super::args::{Settings, SimArgs};
use super::live;
use super::out::say;
use super::paper::show;
use super::signals::Signals;
use super::{Done, Failure};
use crate::domain::secret::Secret;
use crate::sim::{FaultSwitch, Live, PaperConfig, PaperExchange, PriceSource, RunningPaper, key_kinds};

pub(super) async fn run(settings: Settings, args: SimArgs) -> Result<Done, Failure> {
    let config = config(&settings, &args).await?;
    let store = config.store.clone();
    let address = SocketAddr::new(args.host, args.port);
    let running = PaperExchange::start(config, address)
        .await
        .map_err(Failure::failed)?;
    let mut signals = Signals::new()?;
    introduce(&running, &args, &store)?;
    signals.recv().await;
    running.stop().await;
    Ok(Done::Well)
}

async fn config(settings: &Settings, args: &SimArgs) -> Result<PaperConfig, Failure> {
    let store = match &args.store {
        Some(file) => file.clone(),
        None => paper_store(&paper_root(settings.paper_root.as_deref())?),
    };
    if args.clock.is_named() && store.exists() {
        return Err(Failure::Usage(format!(
            "the paper account {} has a clock already, and --start and --speed are for a new one; leave them out, \
             or begin a new account with `mandated paper reset`",
            store.display()
        )));
    }
    let read = |file: &Path| {
        read_to_string(file)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))
    };
    let faults = match &args.faults {
        None => FaultSwitch::from_env().map_err(Failure::usage)?,
        Some(file) => {
            let faults = FaultSwitch::default();
            faults.replace(&read(file)?).map_err(Failure::usage)?;
            faults
        }
    };
    let prices = match &args.live {
        Some(address) => PriceSource::Live(Live::new(live::follow(address).await?)),
        None => args.prices.source().map_err(Failure::usage)?,
    };
    Ok(PaperConfig {
        api_key: args.key.clone(),
        api_secret: Secret::new(args.secret.clone()),
        rsa_public_key: args.rsa_public_key.as_deref().map(read).transpose()?,
        seed: args.seed,
        clock: args.clock.start(&prices),
        prices,
        faults,
        rate_limits: !args.no_rate_limits,
        ..PaperConfig::new(store)
    })
}

fn introduce(running: &RunningPaper, args: &SimArgs, store: &Path) -> Result<(), Failure> {
    let (url, key) = (running.base_url(), &args.key);
    let stream = url.replacen("http", "ws", 1);
    let (now_ms, speed) = running.market_clock().map_err(Failure::failed)?;
    say("paper exchange: play money, Bybit V5 over HTTP and WebSocket, on this machine alone");
    say(&format!("address  {url}"));
    say(&format!(
        "streams  {stream}/v5/public/CATEGORY, {stream}/v5/private, {stream}/v5/trade"
    ));
    say(&format!("key      {key}"));
    say(&format!("secret   {}", args.secret));
    for (suffix, what) in key_kinds() {
        let absent = suffix == "-rsa" && args.rsa_public_key.is_none();
        let note = if absent { "; needs --rsa-public-key" } else { "" };
        say(&format!("         {key}{suffix}: {what}{note}"));
    }
    say(&format!("account  {}", store.display()));
    say(&format!("seed     {}", running.seed()));
    say(&format!("clock    {}", show::clock(now_ms, speed)));
    say(&format!(
        "use it   MANDATED_VENUE=bybit BYBIT_BASE_URL={url} BYBIT_API_KEY={key} BYBIT_API_SECRET={} mandated serve",
        args.secret
    ));
    Ok(())
}
