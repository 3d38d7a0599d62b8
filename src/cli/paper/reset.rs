//! `mandated paper reset`: a new account in the place of the old one, which is kept.

use std::io::IsTerminal;
use std::path::Path;

use super::show;
use crate::cli::app::{paper_root, paper_store};
use crate::cli::args::{ResetArgs, Settings};
use crate::cli::exits::confirmed;
use crate::cli::out::{complain, say};
use crate::cli::{Done, Failure};
use crate::sim::PaperExchange;
use crate::state::inflight;
use crate::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};

pub(super) async fn run(settings: &Settings, args: ResetArgs) -> Result<Done, Failure> {
    if !args.yes && !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "nothing was reset: there is no terminal to ask on; add --yes to go ahead without asking"
                .to_owned(),
        ));
    }
    let mut config = super::config(settings, &args.place)?;
    config.seed = args.seed;
    config.clock = args.clock.start(&config.prices);
    if !args.deposit.is_empty() {
        config.first_deposit = args.deposit;
    }
    let in_flight = in_flight(settings, &config.store);
    announce(&config.store, &in_flight);
    if !args.yes && !confirmed().await {
        return Err(Failure::Failed(
            "nothing was reset: it was not confirmed".to_owned(),
        ));
    }
    let kept = PaperExchange::reset(&config).map_err(Failure::failed)?;
    if let Some(kept) = kept {
        say(&format!("the old account is kept: {}", kept.display()));
    }
    let report = PaperExchange::report(&config, None).map_err(Failure::failed)?;
    say("PAPER: a new account");
    show::head(&report).iter().for_each(|line| say(line));
    show::wallet(&report).1.iter().for_each(|line| say(line));
    Ok(Done::Well)
}

fn announce(store: &Path, in_flight: &[String]) {
    match store.exists() {
        true => complain(&format!(
            "{} is moved aside and a new paper account begins in its place",
            store.display()
        )),
        false => complain(&format!("a new paper account begins: {}", store.display())),
    }
    complain("ledger, counter and mandate of the paper root stay as they are: orders of today still count");
    if in_flight.is_empty() {
        return;
    }
    complain(
        "orders of the old account that nobody settled yet; the new account does not know them, so the next write \
         closes them as never arrived. to have them settled as they were, say no and let a session or \
         `mandated daemon` on --venue paper look at them first:",
    );
    in_flight.iter().for_each(|line| complain(line));
}

/// What is in flight under the paper root, when it is that root's account.
fn in_flight(settings: &Settings, store: &Path) -> Vec<String> {
    match paper_root(settings.paper_root.as_deref()) {
        Ok(root) if paper_store(&root) == store => of_every_broker(&root),
        Ok(_) | Err(_) => Vec::new(),
    }
}

fn of_every_broker(root: &RuntimeRoot) -> Vec<String> {
    let folders = std::fs::read_dir(root.as_path().join("live"));
    let names = folders.into_iter().flatten().flatten();
    let mut keys: Vec<BrokerKey> = names
        // Ledgers and HALT lie beside them, and most names may be a key.
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| BrokerKey::parse(entry.file_name().to_str()?).ok())
        .collect();
    keys.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    let mut found = Vec::new();
    for key in keys {
        let files = LiveFiles::new(root, key);
        let (records, errors) = inflight::each(&files);
        for record in records {
            let file = files.inflight_folder().join(format!("{}.json", record.client_id));
            let (side, symbol) = (record.side, record.symbol);
            found.push(format!(
                "  {}: {side} {} {symbol}",
                file.display(),
                record.category
            ));
        }
        found.extend(errors.iter().map(|error| format!("  {error}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_the_brokers_folders_is_no_broker() {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().join("live");
        std::fs::create_dir_all(live.join("bybit")).unwrap();
        for name in ["audit.jsonl", "audit_chain.jsonl", "HALT"] {
            std::fs::write(live.join(name), "").unwrap();
        }
        let root = RuntimeRoot::at(folder.path().to_owned());
        assert_eq!(of_every_broker(&root), Vec::<String>::new());
        // What cannot be read in a broker's folder is still told.
        std::fs::write(live.join("bybit/inflight"), "").unwrap();
        assert_eq!(of_every_broker(&root).len(), 1);
    }
}
