//! `mandated sim`: the paper exchange as a server of its own.

use std::net::SocketAddr;

use super::app::{paper_root, paper_store};
use super::args::{Settings, SimArgs};
use super::out::say;
use super::serve::stop_signal;
use super::{Done, Failure};
use crate::domain::secret::Secret;
use crate::sim::{FaultSwitch, PaperConfig, PaperExchange};

pub(super) async fn run(settings: Settings, args: SimArgs) -> Result<Done, Failure> {
    let store = match args.store {
        Some(file) => file,
        None => paper_store(&paper_root(settings.paper_root.as_deref())?),
    };
    let config = PaperConfig {
        api_key: args.key.clone(),
        api_secret: Secret::new(args.secret.clone()),
        seed: args.seed,
        faults: FaultSwitch::from_env().map_err(Failure::usage)?,
        ..PaperConfig::new(store.clone())
    };
    let address = SocketAddr::new(args.host, args.port);
    let running = PaperExchange::start(config, address)
        .await
        .map_err(Failure::failed)?;
    say("paper exchange: play money, Bybit V5 over HTTP, on this machine alone");
    say(&format!("address  {}", running.base_url()));
    say(&format!("key      {}", args.key));
    say(&format!("secret   {}", args.secret));
    say(&format!("account  {}", store.display()));
    say(&format!(
        "use it   BYBIT_BASE_URL={} BYBIT_API_KEY={} BYBIT_API_SECRET={} mandated serve",
        running.base_url(),
        args.key,
        args.secret
    ));
    stop_signal().await;
    running.stop().await;
    Ok(Done::Well)
}
