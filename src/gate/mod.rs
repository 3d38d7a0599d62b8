//! May this write happen? Pure functions over facts: no I/O, no clock, no async; nothing but `domain` below.
//!
//! The story of a decision, in order. Each step takes what the one before it gave, so none can be left out:
//! [`authority`] (1 mandate, 2 expiry, 3 halt) → [`intent`] (4) → [`judge`] (5 quote, 6 caps) → [`Approved`].

mod amend;
mod caps;
mod case;
mod exposure;
mod facts;
mod intent;
mod net;
mod refusal;
mod sizing;
mod structure;
mod suggestion;
mod unknown;

pub use facts::{ByInstrument, Facts, Halt, Standing};
pub use intent::{IntentError, known_arguments, parse};
pub use refusal::{CheckedLimits, Decision, Figures, Limit, Refusal, Refused};

use chrono::{DateTime, Utc};

use crate::domain::account::RestingOrder;
use crate::domain::mandate::{Mandate, MandateError, SCHEMA_VERSION};
use crate::domain::money::Usd;
use crate::domain::order::{Write, WriteTool};
use crate::domain::policy::{Policy, PolicyError};
use case::Case;

/// Steps 1 to 3 passed: a current mandate, not expired, and no HALT. Only [`authority`] makes one.
#[derive(Debug)]
pub struct Authority {
    /// When it was looked at, by the later of our clock and the exchange's.
    at: DateTime<Utc>,
    mandate: Mandate,
    policy: Option<Result<Policy, PolicyError>>,
    checked: CheckedLimits,
}

/// Step 4 passed as well: exactly one write is asked for. Only [`intent`] makes one.
#[derive(Debug)]
pub struct Intended {
    authority: Authority,
    write: Write,
}

/// All steps passed. Only [`judge`] makes one, and only a commit to the ledger can turn it into a permit.
#[derive(Debug)]
#[must_use = "an approval is not an order: commit it to the ledger, then send"]
pub struct Approved {
    write: Write,
    figures: Figures,
    authority: Authority,
    counts_as_trade: bool,
    resting: Option<RestingOrder>,
}

/// Steps 1 to 3: is anything allowed at all, now?
pub fn authority(standing: Standing) -> Result<Authority, Refused> {
    let mut checked = CheckedLimits::default();
    let none = Figures::default();
    let mandate = checked.check(
        Limit::Mandate,
        none,
        valid_mandate(standing.mandate, &standing.broker),
    )?;
    let at = checked.check(Limit::Expiry, none, unexpired(&mandate, standing.now))?;
    checked.check(Limit::HaltFlag, none, not_halted(&standing.halt))?;
    Ok(Authority {
        at,
        mandate,
        policy: standing.policy,
        checked,
    })
}

fn valid_mandate(mandate: Result<Mandate, MandateError>, broker: &str) -> Result<Mandate, Refusal> {
    let refused = |why: String| Refusal::deny(Limit::Mandate, format!("no valid mandate on file: {why}"));
    let mandate = mandate.map_err(|error| refused(error.to_string()))?;
    if mandate.schema_version != SCHEMA_VERSION {
        return Err(refused(format!(
            "its schema_version is {}, this program knows {SCHEMA_VERSION}; commit it anew",
            mandate.schema_version
        )));
    }
    let named = mandate.consent.broker.trim().to_lowercase();
    if named != broker {
        return Err(refused(format!(
            "it was given for broker `{named}`, not for `{broker}`"
        )));
    }
    Ok(mandate)
}

fn unexpired(mandate: &Mandate, now: Result<DateTime<Utc>, String>) -> Result<DateTime<Utc>, Refusal> {
    let refused =
        |why: String| Refusal::pause(Limit::Expiry, format!("mandate expired — re-authorize: {why}"));
    let now = now.map_err(|why| {
        Refusal::deny(
            Limit::Clock,
            format!("the time is not certain, so the mandate's end cannot be checked: {why}"),
        )
    })?;
    match mandate.consent.expires() {
        None => Err(refused("its expires_at cannot be read as an instant".to_owned())),
        Some(expires) if now >= expires => Err(refused(format!(
            "it ended at {}",
            expires.format("%Y-%m-%dT%H:%M:%SZ")
        ))),
        Some(_) => Ok(now),
    }
}

fn not_halted(halt: &Halt) -> Result<(), Refusal> {
    match halt {
        Halt::Clear => Ok(()),
        Halt::Tripped(what) => Err(Refusal::deny(
            Limit::HaltFlag,
            format!("live trading halted: {what}; a person lifts it with `mandated resume`"),
        )),
    }
}

/// Step 4: which write do the arguments ask for? `args` is their exact JSON text.
pub fn intent(mut authority: Authority, tool: WriteTool, args: &str) -> Result<Intended, Refused> {
    let verdict = intent::parse(tool, args).map_err(|error| {
        Refusal::deny(
            Limit::Intent,
            format!("the order intent is not clear: {error}; correct the arguments and ask again"),
        )
    });
    let write = authority
        .checked
        .check(Limit::Intent, Figures::default(), verdict)?;
    Ok(Intended { authority, write })
}

impl Authority {
    #[must_use]
    pub fn mandate(&self) -> &Mandate {
        &self.mandate
    }
}

impl Intended {
    #[must_use]
    pub fn mandate(&self) -> &Mandate {
        &self.authority.mandate
    }

    #[must_use]
    pub fn write(&self) -> &Write {
        &self.write
    }

    /// Whether the decision needs prices and the account. What only takes risk away does not.
    #[must_use]
    pub fn needs_account(&self) -> bool {
        match &self.write {
            Write::Place(order) => !order.reduce_only,
            Write::Amend(_) => true,
            Write::Cancel(_) | Write::CancelAll(_) | Write::SetLeverage(_) | Write::SetTradingStop(_) => {
                false
            }
        }
    }
}

/// Gross exposure of the account as it stands: every resting and in-flight order either filled or not,
/// whichever is worse. The error says which fact is missing.
pub fn standing_exposure(facts: &Facts, policy: &Policy) -> Result<Usd, String> {
    let account = exposure::Exposure::of(facts, policy.count_spot_holdings, None)
        .map_err(|unknown| unknown.to_string())?;
    account.gross().map_err(|error| error.to_string())
}

/// Steps 5 and 6: the checks that this kind of write has to pass (design §5, "which checks for which write").
pub fn judge(intended: Intended, facts: &Facts) -> Result<Approved, Refused> {
    let Intended { authority, write } = intended;
    let mut case = Case {
        authority,
        figures: Figures::default(),
        facts,
    };
    let (counts_as_trade, resting) = match &write {
        Write::Place(order) if order.reduce_only => {
            case.structural(
                Limit::OptionsUnsupported,
                structure::not_an_option(&order.instrument),
            )?;
            (true, None)
        }
        Write::Place(order) => {
            case.new_order(order, None)?;
            (true, None)
        }
        Write::Amend(change) => {
            let (adds, resting) = case.amend(change)?;
            (adds, Some(resting))
        }
        Write::Cancel(_) | Write::CancelAll(_) => (false, None),
        Write::SetLeverage(change) => {
            case.set_leverage(change)?;
            (false, None)
        }
        Write::SetTradingStop(stop) => {
            case.structure(&stop.instrument)?;
            (false, None)
        }
    };
    Ok(Approved {
        write,
        figures: case.figures,
        authority: case.authority,
        counts_as_trade,
        resting,
    })
}

impl Approved {
    #[must_use]
    pub fn write(&self) -> &Write {
        &self.write
    }

    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures
    }

    #[must_use]
    pub fn checked(&self) -> &CheckedLimits {
        &self.authority.checked
    }

    /// The last look before the send: steps 1 to 3 anew, and nothing that it was judged by may have changed since,
    /// for it was judged by nothing else.
    pub fn still_stands(&self, standing: Standing) -> Result<(), Refused> {
        let now = authority(standing)?;
        let judged = &self.authority;
        let changed = match (now.mandate == judged.mandate, now.policy == judged.policy) {
            (true, true) => return Ok(()),
            (false, _) => "the mandate",
            (true, false) => "policy.toml",
        };
        let why = format!("{changed} changed after this was decided; ask again, and what stands now decides");
        now.checked
            .still(Figures::default(), Err(Refusal::deny(Limit::Mandate, why)))
    }

    /// When it was decided, by the later of our clock and the exchange's.
    #[must_use]
    pub fn decided_at(&self) -> DateTime<Utc> {
        self.authority.at
    }

    /// Whether it takes one of the day's trades.
    #[must_use]
    pub fn counts_as_trade(&self) -> bool {
        self.counts_as_trade
    }

    /// The order that an amend changes, as it stood when it was judged.
    #[must_use]
    pub fn resting(&self) -> Option<&RestingOrder> {
        self.resting.as_ref()
    }
}
