//! `mandated status`: what stands, and how much of each cap is used.

use serde_json::{Value, json};

use super::app::App;
use super::args::StatusArgs;
use super::out::{Style, say, say_json};
use super::{Done, Failure, audit, mandate};
use crate::daemon::board::Seen;
use crate::daemon::hello::Identity;
use crate::daemon::receipt::is_unfinished;
use crate::domain::account::RestingOrder;
use crate::domain::mandate::Mandate;
use crate::domain::money::Usd;
use crate::domain::policy::Policy;
use crate::gate::{Facts, Halt, Standing, standing_exposure};
use crate::state::inflight::{self, InflightRecord};
use crate::state::ledger::LedgerError;
use crate::state::ledger_read;
use crate::state::lock::OrderLock;
use crate::state::standing::read_standing;
use crate::state::{clock, verify};

/// A chain beyond this is verified by `audit verify` alone: a look takes well under a second.
const MOST_CHAIN_BYTES: u64 = 32 << 20;

/// How many resting orders are shown one by one.
const MOST_RESTING: usize = 10;

/// How many records are shown.
const LAST: usize = 5;

const UNFINISHED: &str = "HALT stands and its sweep was not finished: start the daemon or `mandated flatten`";

/// Everything that `status` shows.
struct View {
    root: String,
    broker: String,
    venue: String,
    paper: bool,
    standing: Standing,
    count: Result<u64, String>,
    exposure: Result<Usd, String>,
    inflight: Result<Vec<InflightRecord>, String>,
    /// How many records; `None` when it is too long to be read at every look.
    chain: Result<Option<u64>, String>,
    /// Whether the next record could be written.
    ledger: Result<(), String>,
    /// Whether an order could take the lock.
    lock: Result<(), String>,
    /// What rests at the exchange, in words; `None` when it cannot be read.
    resting: Option<Vec<String>>,
    last: Result<Vec<Value>, String>,
    daemon: Result<Option<Seen>, String>,
    /// No daemon runs, and the one before did not finish the sweep of the halt that stands.
    left_unfinished: bool,
    /// What this process would trade with.
    us: Option<Identity>,
}

pub(super) async fn run(app: App, args: &StatusArgs) -> Result<Done, Failure> {
    if args.folder {
        say(&app.files.live_folder().display().to_string());
        return Ok(Done::Well);
    }
    let view = look(&app).await?;
    if args.json {
        say_json(&view.to_json().to_string());
    } else {
        view.print(Style::of_stdout());
    }
    Ok(if view.is_in_order() {
        Done::Well
    } else {
        Done::NotInOrder
    })
}

async fn look(app: &App) -> Result<View, Failure> {
    let trading = app.trading().await?;
    let facts: Facts = trading.broker.account().await;
    let (venue, paper) = trading.broker.venue_label();
    let standing = read_standing(&app.files, Ok(clock::now()));
    let policy = match &standing.policy {
        None => Policy::default(),
        Some(Ok(policy)) => policy.clone(),
        // The gate refuses under a policy that is not understood; here it only decides what is counted.
        Some(Err(_)) => Policy::default(),
    };
    let chain = chain(app);
    let daemon = Seen::read(&app.files).map_err(|error| error.to_string());
    let last = ledger_read::tail(&app.files, LAST).map_err(|error| error.to_string());
    Ok(View {
        root: app.root.as_path().display().to_string(),
        broker: app.files.broker().as_str().to_owned(),
        venue: venue.to_owned(),
        paper,
        exposure: standing_exposure(&facts, &policy),
        count: facts.daily_count.unwrap_or_else(|| Err("not read".to_owned())),
        standing,
        inflight: inflight::list(&app.files).map_err(|error| error.to_string()),
        chain,
        ledger: ledger(app),
        lock: OrderLock::check(&app.files).map_err(|error| error.to_string()),
        resting: facts
            .open_orders
            .map(|orders| orders.iter().map(in_words).collect()),
        left_unfinished: matches!(daemon, Ok(None)) && is_unfinished(&app.files),
        daemon,
        us: app.identity().ok(),
        last: last.map(|lines| lines.into_iter().filter_map(|line| line.record).collect()),
    })
}

/// What the chain says, as long as reading it takes no time that a person would notice.
fn chain(app: &App) -> Result<Option<u64>, String> {
    let length = |path| std::fs::metadata(path).map_or(0, |found| found.len());
    if length(app.files.audit_chain()).max(length(app.files.audit())) > MOST_CHAIN_BYTES {
        return Ok(None);
    }
    let report = verify::verify(&app.files);
    if let Some(broken) = &report.first_break {
        return Err(broken.to_string());
    }
    let apart = verify::apart(&app.files);
    match apart.is_none() {
        true => Ok(Some(report.records)),
        false => Err(format!("the ledgers differ: {apart}")),
    }
}

/// Whether the ledger takes a record. One that is not there yet is the first record's to make: a look makes no file,
/// which could belong to another user than the one that trades.
fn ledger(app: &App) -> Result<(), String> {
    if !app.files.audit().exists() || !app.files.audit_chain().exists() {
        return Ok(());
    }
    match app.ledger().check_writable() {
        // Another program writes just now.
        Ok(()) | Err(LedgerError::Busy { .. }) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn in_words(order: &RestingOrder) -> String {
    let price = order
        .price
        .or(order.trigger_price)
        .map_or_else(String::new, |price| format!(" at {price}"));
    let id = order.client_id.as_ref().map_or("", |id| id.as_str());
    let leaves = order.leaves.normalize();
    format!(
        "{} {leaves} {}{price}  {id}",
        order.side.as_str(),
        order.instrument
    )
}

impl View {
    fn is_in_order(&self) -> bool {
        self.mandate().is_ok()
            && self.standing.halt == Halt::Clear
            && self.policy_error().is_none()
            && self.count.is_ok()
            && self.exposure.is_ok()
            && self.inflight.is_ok()
            && self.chain.is_ok()
            && self.ledger.is_ok()
            && self.lock.is_ok()
            && self.last.is_ok()
            && self.daemon_is_in_order()
    }

    /// Whether the gate would act on the mandate now, and why not.
    fn mandate(&self) -> Result<(), String> {
        match &self.standing.mandate {
            Ok(mandate) => mandate::in_force(mandate, &self.broker),
            Err(error) => Err(error.to_string()),
        }
    }

    fn policy_error(&self) -> Option<String> {
        let policy = self.standing.policy.as_ref()?;
        policy.as_ref().err().map(ToString::to_string)
    }

    /// None at all is in order; one that may not act on HALT, or refuses every write, is not.
    fn daemon_is_in_order(&self) -> bool {
        match &self.daemon {
            Ok(Some(daemon)) => {
                daemon.holds().is_none() && daemon.doubt(clock::now(), self.us.as_ref()).is_none()
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    fn print(&self, style: Style) {
        let line = |name: &str, text: String| say(&format!("{:<12} {text}", name));
        let paper = if self.paper {
            style.bold("  PAPER: play money")
        } else {
            String::new()
        };
        line("venue", format!("{}{paper}", self.venue));
        line("files", format!("{}/live/{}", self.root, self.broker));
        match &self.standing.halt {
            Halt::Clear => line("HALT", style.good("clear")),
            Halt::Tripped(what) => line("HALT", style.bad(&format!("TRIPPED: {what}"))),
        }
        match &self.standing.mandate {
            Ok(mandate) => self.print_mandate(mandate, style),
            Err(error) => line("mandate", style.bad(&error.to_string())),
        }
        match &self.standing.policy {
            None => {}
            Some(Ok(_)) => line("policy", "policy.toml adds its own limits".to_owned()),
            Some(Err(error)) => line("policy", style.bad(&error.to_string())),
        }
        match &self.inflight {
            Ok(orders) if orders.is_empty() => line("in flight", "nothing".to_owned()),
            Ok(orders) => orders.iter().for_each(|order| {
                line(
                    "in flight",
                    style.bad(&format!(
                        "{} {} {} since {}",
                        order.client_id, order.side, order.symbol, order.created_at
                    )),
                );
            }),
            Err(error) => line("in flight", style.bad(error)),
        }
        self.print_resting(&line);
        match &self.chain {
            Ok(Some(records)) => line("ledger", format!("whole, {records} records")),
            Ok(None) => line("ledger", "long: `mandated audit verify` recomputes it".to_owned()),
            Err(error) => line("ledger", style.bad(error)),
        }
        for (name, usable) in [("ledger", &self.ledger), ("order lock", &self.lock)] {
            if let Err(error) = usable {
                line(name, style.bad(error));
            }
        }
        match &self.daemon {
            Ok(None) if self.left_unfinished => {
                line("daemon", style.bad(&format!("not running; {UNFINISHED}")))
            }
            Ok(None) => line("daemon", style.faint("not running")),
            Ok(Some(daemon)) => {
                let words = daemon.in_words(clock::now(), self.us.as_ref());
                let is_well = self.daemon_is_in_order();
                line("daemon", if is_well { words } else { style.bad(&words) });
            }
            Err(error) => line("daemon", style.bad(error)),
        }
        match &self.last {
            Ok(records) => records
                .iter()
                .for_each(|record| say(&format!("  {}", audit::in_words(record, style)))),
            Err(error) => line("records", style.bad(error)),
        }
    }

    fn print_resting(&self, line: &dyn Fn(&str, String)) {
        let Some(orders) = &self.resting else {
            return line("resting", "not known".to_owned());
        };
        line("resting", format!("{} orders at the exchange", orders.len()));
        orders
            .iter()
            .take(MOST_RESTING)
            .for_each(|order| say(&format!("  {order}")));
        if orders.len() > MOST_RESTING {
            say(&format!("  and {} more", orders.len() - MOST_RESTING));
        }
    }

    fn print_mandate(&self, mandate: &Mandate, style: Style) {
        let caps = &mandate.hard_caps;
        let until = match mandate::in_force(mandate, &self.broker) {
            Ok(()) => style.bold(&format!("until {}", mandate.consent.expires_at)),
            Err(why) => style.bad(&format!("not in force: {why}")),
        };
        say(&format!("{:<12} {until}", "mandate"));
        let used = |name: &str, used: Result<String, &String>, cap: String| match used {
            Ok(used) => say(&format!("  {name:<22} {used:>14} of {cap}")),
            Err(why) => say(&format!(
                "  {name:<22} {:>14} of {cap}  {}",
                "not known",
                style.faint(why)
            )),
        };
        // The reason stands once, with the exposure.
        let unsaid = String::new();
        let exposure = || {
            self.exposure
                .as_ref()
                .map(|usd| format!("${}", usd.value().round_dp(2)))
        };
        used(
            "orders today",
            self.count.as_ref().map(ToString::to_string),
            caps.max_trades_per_day.to_string(),
        );
        used(
            "exposure",
            exposure(),
            format!("${}", caps.max_total_exposure_usd),
        );
        used(
            "leverage",
            self.leverage(mandate),
            format!("{}x", caps.max_leverage.normalize()),
        );
        used(
            "funding",
            exposure().map_err(|_| &unsaid),
            format!("${}", caps.account_funding_usd),
        );
        say(&format!(
            "  {:<22} {:>14} of ${}",
            "one order", "-", caps.max_order_notional_usd
        ));
        let never = &mandate.universe.exclude_symbols;
        if !never.is_empty() {
            say(&format!("  {:<22} {}", "never", never.join(", ")));
        }
    }

    fn leverage(&self, mandate: &Mandate) -> Result<String, &String> {
        let exposure = self.exposure.as_ref()?;
        let leverage = exposure
            .value()
            .checked_div(mandate.hard_caps.account_funding_usd.value());
        Ok(leverage.map_or("-".to_owned(), |leverage| {
            format!("{}x", leverage.round_dp(3).normalize())
        }))
    }

    fn to_json(&self) -> Value {
        let halted = match &self.standing.halt {
            Halt::Clear => Value::Null,
            Halt::Tripped(what) => what.as_str().into(),
        };
        json!({
            "venue": self.venue,
            "paper": self.paper,
            "runtime_root": self.root,
            "broker": self.broker,
            "in_order": self.is_in_order(),
            "halt": halted,
            "mandate": self.standing.mandate.as_ref().ok().map(mandate::as_json_value),
            "mandate_error": self.mandate().err(),
            "policy_error": self.policy_error(),
            "orders_today": self.count.as_ref().ok(),
            "counter_error": self.count.as_ref().err(),
            "exposure_usd": self.exposure.as_ref().ok().map(ToString::to_string),
            "exposure_error": self.exposure.as_ref().err(),
            "inflight": self.inflight.as_ref().ok(),
            "inflight_error": self.inflight.as_ref().err(),
            "resting_orders": self.resting,
            "ledger_records": self.chain.as_ref().ok(),
            "ledger_error": self.chain.as_ref().err().or(self.ledger.as_ref().err()),
            "lock_error": self.lock.as_ref().err(),
            "daemon": self.daemon.as_ref().ok().and_then(Option::as_ref).map(|daemon| daemon.to_json(clock::now(), self.us.as_ref())),
            "sweep_left_unfinished": self.left_unfinished,
            "daemon_error": self.daemon.as_ref().err(),
            "last_records": self.last.as_ref().ok(),
            "last_records_error": self.last.as_ref().err(),
        })
    }
}
