//! Faults that can be switched on: what goes wrong, on which path, how many times.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;

use crate::domain::money::parse_decimal;
use crate::sim::PaperError;
use crate::sim::market::prices::draw;

const THOUSAND: i64 = 1000;

/// The variable that hands faults to a process from outside, as JSON.
pub const FAULTS_VARIABLE: &str = "MANDATED_PAPER_FAULTS";

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The path it applies to, as `/v5/order/create`, or a beginning that ends in `*`; with a query behind it,
    /// as `/v5/position/list?category=option`, to requests whose query has all of that.
    pub path: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// For how many requests; `None` means until cleared.
    pub times: Option<u32>,
}

/// What can go wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Processed, then answered this many milliseconds late.
    DelayMs(u64),
    /// Held for this many milliseconds, then processed.
    DelayBeforeMs(u64),
    /// Not processed; answered with this HTTP status and an HTML page.
    Status(u16),
    /// Processed, then answered with this HTTP status and an HTML page.
    StatusAfter(u16),
    /// Nothing is done and the connection is closed without a reply.
    DropBefore,
    /// Processed, then the connection is closed without a reply.
    DropAfter,
    /// Nothing is done and the connection is reset.
    ResetBefore,
    /// Processed, then the connection is reset.
    ResetAfter,
    /// Not processed; answered with this code and message.
    RetCode {
        /// The `retCode` of the reply.
        code: i64,
        /// The `retMsg` of the reply.
        message: String,
    },
    /// Processed; the first half of the JSON arrives, in a complete HTTP reply.
    TruncatedBody,
    /// Processed; answered with status 200 and nothing in the body.
    EmptyBody,
    /// An order created under it cannot be seen in any list or stream for this many milliseconds; its fills neither.
    /// An order amended under it is shown as it was for so long, unless it ends.
    InvisibleMs(u64),
    /// Not processed; answered with 10006 and the headers of a used-up budget.
    RateLimited,
    /// These rows of a batch, counted from 0, are not processed and fail alone.
    BatchRows {
        /// Which rows.
        rows: Vec<usize>,
        /// The `code` of each.
        code: i64,
        /// The `msg` of each.
        message: String,
    },
    /// A create answers OK, then the order turns out `Rejected`.
    RejectLater,
    /// A stream: the next frame is sent twice.
    StreamDouble,
    /// A stream: the next frame is held back until the one after it has been sent.
    StreamSwap,
    /// A stream: the next frame is never sent.
    StreamLose,
    /// The server's clock is this many milliseconds off, for the time rule and in replies.
    ClockSkewMs(i64),
    /// Strikes by chance: in so many of a thousand requests. A run with the same seed is struck alike.
    Sometimes(u16, Box<FaultKind>),
}

/// The faults in force. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FaultSwitch(Arc<Mutex<Switched>>);

#[derive(Debug, Default)]
struct Switched {
    faults: Vec<Fault>,
    /// What chance is drawn from, and how often it has been.
    seed: u64,
    draws: i64,
}

impl Switched {
    /// Whether something that strikes so many of a thousand times strikes now.
    fn strikes(&mut self, permille: u16) -> bool {
        self.draws += 1;
        draw(self.seed, "faults", self.draws, THOUSAND) < i64::from(permille)
    }
}

impl FaultSwitch {
    /// Reads [`FAULTS_VARIABLE`]; unset or empty means no faults, a text that is not understood is an error.
    pub fn from_env() -> Result<Self, PaperError> {
        let switch = Self::default();
        match std::env::var(FAULTS_VARIABLE) {
            Ok(text) if !text.trim().is_empty() => switch.replace(&text)?,
            Ok(_) | Err(std::env::VarError::NotPresent) => {}
            Err(error) => return Err(PaperError::Faults(error.to_string())),
        }
        Ok(switch)
    }

    /// Switches a fault on.
    pub fn add(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Switches every fault off.
    pub fn clear(&self) {
        self.lock().faults.clear();
    }

    /// Puts the faults of a JSON list in the place of those in force; `[]` clears.
    ///
    /// An item is `{"path":"/v5/order/create","kind":"drop_after","times":1}`; without `times` it stays, and
    /// with `"chance":"0.05"` it strikes one request in twenty. `{"seed":7,"faults":[…]}` begins chance anew.
    /// Kinds: `drop_before`, `drop_after`, `reset_before`, `reset_after`, `truncated_body`, `empty_body`,
    /// `rate_limited`, `reject_later`, and for the frames of a stream `stream_double`, `stream_swap`,
    /// `stream_lose`; with `ms` `delay`, `delay_before`, `invisible`, `clock_skew`; with `status` `status`,
    /// `status_after`; with `code` and `message` `ret_code`, and with `rows` as well `batch_rows`.
    pub fn replace(&self, text: &str) -> Result<(), PaperError> {
        let unreadable = |error: serde_json::Error| PaperError::Faults(error.to_string());
        let (seed, specs) = if text.trim_start().starts_with('{') {
            let whole: Whole = serde_json::from_str(text).map_err(unreadable)?;
            (Some(whole.seed), whole.faults)
        } else {
            (None, serde_json::from_str::<Vec<Spec>>(text).map_err(unreadable)?)
        };
        let faults = specs
            .into_iter()
            .map(Spec::fault)
            .collect::<Result<Vec<_>, _>>()?;
        let mut switched = self.lock();
        switched.faults = faults;
        if let Some(seed) = seed {
            (switched.seed, switched.draws) = (seed, 0);
        }
        Ok(())
    }

    /// The faults that hit a request to `path`, each counted as used once.
    pub(crate) fn take(&self, path: &str) -> Vec<FaultKind> {
        self.take_with(path, "")
    }

    /// The same for a request with that query.
    pub(crate) fn take_with(&self, path: &str, query: &str) -> Vec<FaultKind> {
        let mut hits = Vec::new();
        let mut switched = self.lock();
        let faults = std::mem::take(&mut switched.faults);
        for mut fault in faults {
            let struck = covers(&fault.path, path, query)
                && match fault.kind {
                    FaultKind::Sometimes(permille, _) => switched.strikes(permille),
                    _ => true,
                };
            if struck {
                hits.push(match &fault.kind {
                    FaultKind::Sometimes(_, kind) => (**kind).clone(),
                    kind => kind.clone(),
                });
                fault.times = fault.times.map(|times| times.saturating_sub(1));
            }
            if fault.times != Some(0) {
                switched.faults.push(fault);
            }
        }
        hits
    }

    // The list is whole between two statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Switched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn covers(pattern: &str, path: &str, query: &str) -> bool {
    let (pattern, wanted) = pattern.split_once('?').unwrap_or((pattern, ""));
    let has = |pair: &str| query.split('&').any(|given| given == pair);
    if !wanted.split('&').filter(|pair| !pair.is_empty()).all(has) {
        return false;
    }
    match pattern.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => pattern == path,
    }
}

/// Faults and the seed of their chance, as JSON writes them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    seed: u64,
    faults: Vec<Spec>,
}

/// A fault as JSON writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    path: String,
    kind: String,
    times: Option<u32>,
    ms: Option<i64>,
    status: Option<u16>,
    code: Option<i64>,
    message: Option<String>,
    rows: Option<Vec<usize>>,
    chance: Option<String>,
}

impl Spec {
    fn fault(self) -> Result<Fault, PaperError> {
        let kind = match self.permille()? {
            Some(permille) => FaultKind::Sometimes(permille, Box::new(self.kind()?)),
            None => self.kind()?,
        };
        if self.times == Some(0) {
            return Err(PaperError::Faults("`times` must be at least 1".into()));
        }
        Ok(Fault {
            path: self.path,
            kind,
            times: self.times,
        })
    }

    /// The chance in thousandths.
    fn permille(&self) -> Result<Option<u16>, PaperError> {
        let Some(text) = &self.chance else { return Ok(None) };
        let chance = parse_decimal(text)
            .ok()
            .and_then(|chance| chance.checked_mul(Decimal::from(THOUSAND)));
        chance
            .filter(|permille| permille.fract().is_zero() && *permille <= Decimal::from(THOUSAND))
            .and_then(|permille| permille.to_u16())
            .map(Some)
            .ok_or_else(|| PaperError::Faults(format!("`chance` must be 0.001 to 1 as text, not `{text}`")))
    }

    fn kind(&self) -> Result<FaultKind, PaperError> {
        let lacks = |field: &str| PaperError::Faults(format!("the kind `{}` needs `{field}`", self.kind));
        let ms = || {
            self.ms
                .and_then(|ms| u64::try_from(ms).ok())
                .ok_or_else(|| lacks("ms"))
        };
        let status = || self.status.ok_or_else(|| lacks("status"));
        Ok(match self.kind.as_str() {
            "delay" => FaultKind::DelayMs(ms()?),
            "delay_before" => FaultKind::DelayBeforeMs(ms()?),
            "status" => FaultKind::Status(status()?),
            "status_after" => FaultKind::StatusAfter(status()?),
            "drop_before" => FaultKind::DropBefore,
            "drop_after" => FaultKind::DropAfter,
            "reset_before" => FaultKind::ResetBefore,
            "reset_after" => FaultKind::ResetAfter,
            "empty_body" => FaultKind::EmptyBody,
            "ret_code" => FaultKind::RetCode {
                code: self.code.ok_or_else(|| lacks("code"))?,
                message: self.message.clone().unwrap_or_default(),
            },
            "batch_rows" => FaultKind::BatchRows {
                rows: self.rows.clone().ok_or_else(|| lacks("rows"))?,
                code: self.code.ok_or_else(|| lacks("code"))?,
                message: self.message.clone().unwrap_or_default(),
            },
            "truncated_body" => FaultKind::TruncatedBody,
            "invisible" => FaultKind::InvisibleMs(ms()?),
            "rate_limited" => FaultKind::RateLimited,
            "stream_double" => FaultKind::StreamDouble,
            "stream_swap" => FaultKind::StreamSwap,
            "stream_lose" => FaultKind::StreamLose,
            "reject_later" => FaultKind::RejectLater,
            "clock_skew" => FaultKind::ClockSkewMs(self.ms.ok_or_else(|| lacks("ms"))?),
            other => return Err(PaperError::Faults(format!("there is no kind `{other}`"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_count_down_and_match_by_path() {
        let switch = FaultSwitch::default();
        switch
            .replace(
                r#"[{"path":"/v5/order/create","kind":"drop_after","times":2},
                    {"path":"/v5/order/*","kind":"delay","ms":5}]"#,
            )
            .unwrap();
        assert_eq!(
            switch.take("/v5/order/create"),
            [FaultKind::DropAfter, FaultKind::DelayMs(5)]
        );
        assert_eq!(switch.take("/v5/order/create-batch"), [FaultKind::DelayMs(5)]);
        assert_eq!(switch.take("/v5/order/create").len(), 2);
        assert_eq!(switch.take("/v5/order/create"), [FaultKind::DelayMs(5)]);
        assert!(switch.take("/v5/market/time").is_empty());
        switch.replace("[]").unwrap();
        assert!(switch.take("/v5/order/create").is_empty());
    }

    #[test]
    fn a_fault_with_a_query_hits_only_requests_that_have_it() {
        let switch = FaultSwitch::default();
        let text = r#"[{"path":"/a?category=option&limit=1","kind":"drop_after"}]"#;
        switch.replace(text).unwrap();
        for query in ["", "category=option", "limit=1&category=options"] {
            assert!(switch.take_with("/a", query).is_empty(), "{query}");
        }
        assert!(switch.take("/a").is_empty());
        assert!(switch.take_with("/b", "category=option&limit=1").is_empty());
        assert_eq!(
            switch.take_with("/a", "limit=1&cursor=&category=option"),
            [FaultKind::DropAfter]
        );
    }

    #[test]
    fn chance_strikes_about_as_often_as_it_says_and_alike_for_one_seed() {
        let run = |seed: u64| -> Vec<bool> {
            let switch = FaultSwitch::default();
            let text = format!(
                r#"{{"seed":{seed},"faults":[{{"path":"/a","kind":"drop_after","chance":"0.2","times":300}}]}}"#
            );
            switch.replace(&text).unwrap();
            (0..1000).map(|_| !switch.take("/a").is_empty()).collect()
        };
        let struck = run(7).iter().filter(|struck| **struck).count();
        assert!((160..240).contains(&struck), "{struck} of 1000");
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn a_text_that_is_not_understood_changes_nothing() {
        let switch = FaultSwitch::default();
        switch.add(Fault {
            path: "/a".into(),
            kind: FaultKind::DropBefore,
            times: None,
        });
        for text in [
            "",
            "{}",
            r#"[{"path":"/a"}]"#,
            r#"[{"path":"/a","kind":"explode"}]"#,
            r#"[{"path":"/a","kind":"delay"}]"#,
            r#"[{"path":"/a","kind":"status"}]"#,
            r#"[{"path":"/a","kind":"batch_rows","code":1}]"#,
            r#"[{"path":"/a","kind":"batch_rows","rows":[0]}]"#,
            r#"[{"path":"/a","kind":"batch_rows","rows":[-1],"code":1}]"#,
            r#"[{"path":"/a","kind":"drop_after","time":1}]"#,
            r#"[{"path":"/a","kind":"drop_after","times":0}]"#,
            r#"[{"path":"/a","kind":"drop_after","chance":"1.5"}]"#,
            r#"[{"path":"/a","kind":"drop_after","chance":"0.0001"}]"#,
            r#"{"faults":[]}"#,
        ] {
            assert!(switch.replace(text).is_err(), "{text} was accepted");
        }
        assert_eq!(switch.take("/a"), [FaultKind::DropBefore]);
    }
}
