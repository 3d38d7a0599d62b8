//! `mandated explain`: what would the gate say? One JSON object in, one out; nothing is asked, written or sent.
//!
//! The facts come from the caller, so a decision can be replayed from a ledger or tried out before it matters.
//! A fact that a check needs and that is not given is missing, as it would be live.

mod facts;

use std::io::{BufRead, Read};

use rust_decimal::Decimal;
use serde::Serialize;

use crate::domain::json::Json;
use crate::domain::mandate::{DEFAULT_BROKER, Mandate, MandateError, parse_instant};
use crate::domain::order::WriteTool;
use crate::domain::policy::Policy;
use crate::gate::{self, CheckedLimits, Figures, Halt, Limit, Refusal, Refused, Standing};
use facts::facts;

use super::out::say_json;
use super::{Done, Failure};

/// A case that is allowed, and what its facts are.
pub(super) const HELP: &str = concat!(
    "A case that is allowed:\n\n",
    include_str!("../../examples/explain.json"),
    "\nA fact that a check needs and that is not given is missing, as it would be live: then the answer is no. \
     `mandate_text` takes the text of a mandate's file in place of `mandate`, `policy` that of policy.toml."
);

/// One answer, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub decision: &'static str,
    pub reason: String,
    /// The step or cap that decided; `null` when allowed.
    pub limit: Option<&'static str>,
    pub kind: Option<&'static str>,
    pub limit_value: Option<String>,
    pub attempted_value: Option<String>,
    pub checked_limits: Vec<&'static str>,
    pub notional_usd: Option<String>,
    pub post_trade_exposure_usd: Option<String>,
    /// The largest quantity, in lot steps, that would be allowed instead.
    pub largest_qty: Option<String>,
}

/// Decides one line. What cannot be read is a refusal that says so, never a guess.
#[must_use]
pub fn explain(line: &str) -> Verdict {
    explain_for(DEFAULT_BROKER, line)
}

/// The same under another broker key: the gate compares the mandate's broker with it.
#[must_use]
pub fn explain_for(broker: &str, line: &str) -> Verdict {
    decide(broker, line).unwrap_or_else(|why| {
        let refusal = Refusal::deny(Limit::Intent, format!("the case cannot be read: {why}"));
        refused(&Refused::outside(refusal))
    })
}

fn decide(broker: &str, line: &str) -> Result<Verdict, String> {
    let json = Json::parse(line).map_err(|error| error.to_string())?;
    let name = json
        .member("tool")
        .and_then(Json::as_str)
        .ok_or("`tool` is missing")?;
    let tool = WriteTool::by_name(name).ok_or_else(|| format!("`{name}` is not a writing tool"))?;
    let args = json.member("args").ok_or("`args` is missing")?;
    let given = json
        .member("facts")
        .filter(|facts| facts.as_object().is_some())
        .ok_or("`facts` is missing")?;
    let judged = gate::authority(standing(broker, given)?)
        .and_then(|authority| gate::intent(authority, tool, &text_of(args)))
        .and_then(|intended| gate::judge(intended, &facts(given)));
    Ok(match judged {
        Ok(approved) => allowed(approved.checked(), approved.figures()),
        Err(no) => refused(&no),
    })
}

fn allowed(checked: &CheckedLimits, figures: Figures) -> Verdict {
    Verdict {
        decision: gate::Decision::Allow.word(),
        reason: "within the mandate".to_owned(),
        limit: None,
        kind: None,
        limit_value: None,
        attempted_value: None,
        checked_limits: checked.words(),
        notional_usd: figures.notional.map(|value| value.to_string()),
        post_trade_exposure_usd: figures.post_trade_exposure.map(|value| value.to_string()),
        largest_qty: None,
    }
}

fn refused(no: &Refused) -> Verdict {
    let refusal = &no.refusal;
    let number = |value: Option<Decimal>| value.map(|value| value.normalize().to_string());
    Verdict {
        decision: refusal.decision.word(),
        reason: refusal.reason.clone(),
        limit: Some(refusal.limit.word()),
        kind: refusal.limit.kind(),
        limit_value: number(refusal.limit_value),
        attempted_value: number(refusal.attempted_value),
        largest_qty: refusal.largest_qty.map(|qty| qty.to_string()),
        ..allowed(&no.checked, no.figures)
    }
}

fn standing(broker: &str, given: &Json<'_>) -> Result<Standing, String> {
    let now = given
        .member("now")
        .and_then(Json::as_str)
        .ok_or("`facts.now` is missing")?;
    let now = parse_instant(now).ok_or("`facts.now` is not an instant")?;
    let mandate = match (
        given.member("mandate"),
        given.member("mandate_text").and_then(Json::as_str),
    ) {
        (_, Some(text)) => Mandate::parse(text),
        (None | Some(Json::Null), None) => Err(MandateError::Missing),
        (Some(json), None) => Mandate::from_json(json),
    };
    let halt = match given.member("halted").and_then(Json::as_bool) {
        Some(false) => Halt::Clear,
        Some(true) => Halt::Tripped("the facts say so".to_owned()),
        None => Halt::Tripped("the facts do not say that it is clear".to_owned()),
    };
    let policy = match given.member("policy") {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(Policy::parse(text)),
        Some(Json::Object(members)) => Some(Policy::parse(
            &members
                .iter()
                .map(|(name, value)| format!("{name} = {}\n", text_of(value)))
                .collect::<String>(),
        )),
        Some(other) => Some(Policy::parse(&text_of(other))),
    };
    Ok(Standing {
        now: Ok(now),
        broker: broker.to_owned(),
        mandate,
        halt,
        policy,
    })
}

/// The text of a JSON value, numbers and keys exactly as they were written.
fn text_of(json: &Json<'_>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(text) => (*text).to_owned(),
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", items.iter().map(text_of).collect::<Vec<_>>().join(",")),
        Json::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", quoted(name), text_of(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// Cases on stdin, verdicts on stdout: one a line, or a single one that may span lines.
pub(super) fn run(broker: &str, jsonl: bool) -> Result<Done, Failure> {
    let explain = |line: &str| explain_for(broker, line);
    let unreadable = |error: std::io::Error| Failure::Failed(format!("stdin cannot be read: {error}"));
    let print = |verdict: &Verdict| -> Result<(), Failure> {
        let text = serde_json::to_string(verdict).map_err(Failure::failed)?;
        say_json(&text);
        Ok(())
    };
    if !jsonl {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        print(&explain(&text))?;
        return Ok(Done::Well);
    }
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line.map_err(unreadable)?;
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            print(&explain(&text))?;
        }
    }
    Ok(Done::Well)
}
