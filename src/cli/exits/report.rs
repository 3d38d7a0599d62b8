//! What an exit did, for a person and for a program.

use serde_json::{Value, json};

use super::super::out::{complain, say, say_json};
use super::super::{Done, Failure};
use crate::broker::exit::{Answer, Closed, ExitDesk, Look, Seen, Step};
use crate::domain::account::{Position, RestingOrder};
use crate::venue::Venue;

/// How it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    NotYet,
    Done,
    Interrupted,
}

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) end: End,
    pub(super) closed: Vec<Closed>,
    /// Closes that may still fill.
    pub(super) waiting: Vec<String>,
    look: Look,
    /// Steps that were told already.
    told: usize,
    last_line: String,
}

pub(super) fn order_in_words(order: &RestingOrder) -> String {
    let price = order.price.map(|price| format!(" @ {price}"));
    let trigger = order.trigger_price.map(|price| format!(" when {price}"));
    let id = order.venue_id.as_ref().map(|id| format!(" ({id})"));
    format!(
        "{} {} {}{}{}{}",
        order.side.as_str().to_lowercase(),
        order.leaves.normalize(),
        order.instrument,
        price.unwrap_or_default(),
        trigger.unwrap_or_default(),
        id.unwrap_or_default()
    )
}

pub(super) fn position_in_words(position: &Position) -> String {
    let side = match position.side {
        crate::domain::order::Side::Buy => "long",
        crate::domain::order::Side::Sell => "short",
    };
    format!("{side} {} {}", position.size, position.instrument)
}

/// What was seen where not everything could be is at least that many.
fn count<T>(seen: &Seen<T>) -> String {
    match (seen.count(), seen.rows.len()) {
        (Some(count), _) => count.to_string(),
        (None, 0) => "unknown".to_owned(),
        (None, count) => format!("at least {count}"),
    }
}

/// Null where nothing is known.
fn left<T>(seen: &Seen<T>, in_words: impl Fn(&T) -> String) -> Value {
    match seen.any() {
        Some(_) => seen.rows.iter().map(in_words).collect(),
        None => Value::Null,
    }
}

impl Report {
    pub(super) fn saw(&mut self, look: Look) {
        self.look = look;
    }

    pub(super) fn is_done(&self) -> bool {
        self.look.done.is_some()
    }

    /// Tells what is new since the last time.
    pub(super) fn progress<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        let steps = desk.steps();
        for step in steps.iter().skip(self.told) {
            say(&format!("sent: {}", step.in_words()));
        }
        self.told = steps.len();
        let line = self.left_in_words();
        if line != self.last_line {
            say(&line);
            self.last_line = line;
        }
    }

    fn left_in_words(&self) -> String {
        let mut line = format!("the exchange shows: orders {}", count(&self.look.orders));
        if let Some(positions) = &self.look.positions {
            line.push_str(&format!(", positions {}", count(positions)));
        }
        for note in &self.look.notes {
            line.push_str(&format!("; {note}"));
        }
        line
    }

    /// The end of it: one object for a program, lines for a person; and the exit code.
    pub(super) fn tell<V: Venue>(mut self, desk: &ExitDesk<V>, as_json: bool) -> Result<Done, Failure> {
        if as_json {
            say_json(&self.to_json(desk).to_string());
        } else {
            self.in_lines(desk);
        }
        self.say_what_is_not_on_record(desk);
        match self.end {
            End::Done => Ok(Done::Well),
            End::Interrupted => Ok(Done::Interrupted),
            End::NotYet => Err(Failure::Failed(format!(
                "not done: {}; run it again, or look at the exchange itself",
                self.left_in_words()
            ))),
        }
    }

    fn in_lines<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        if self.end == End::Interrupted {
            say("interrupted. what was sent:");
            for step in desk.steps() {
                say(&format!("  {} {}", step.sent_at, step.in_words()));
            }
            say(&self.left_in_words());
        } else {
            self.progress(desk);
        }
        for closed in &self.closed {
            let price = closed.average_price.as_ref().map(|price| format!(" at {price}"));
            say(&format!(
                "closed: {} {} {}{} ({})",
                closed.side.to_lowercase(),
                closed.filled,
                closed.instrument,
                price.unwrap_or_default(),
                closed.status
            ));
        }
        if self.end != End::Done {
            for order in &self.look.orders.rows {
                say(&format!("  still rests: {}", order_in_words(order)));
            }
            for position in self.look.held() {
                say(&format!("  still held: {}", position_in_words(position)));
            }
            for close in &self.waiting {
                say(&format!("  may still fill: {close}"));
            }
        } else {
            say("done: the exchange shows nothing of it, twice in a row.");
        }
    }

    fn say_what_is_not_on_record<V: Venue>(&self, desk: &ExitDesk<V>) {
        let steps = desk.steps();
        let mut reasons: Vec<String> = steps.iter().filter_map(Step::why_not_on_record).collect();
        let count = reasons.len();
        reasons.dedup();
        if count > 0 {
            complain(&format!(
                "NOT ON RECORD: {count} of {} exits are not on the ledger: {}; keep this output",
                steps.len(),
                reasons.join("; ")
            ));
        }
    }

    fn to_json<V: Venue>(&self, desk: &ExitDesk<V>) -> Value {
        let steps = desk.steps();
        let unanswered = steps.iter().filter(|step| step.answer == Answer::Waiting).count();
        json!({
            "done": self.end == End::Done,
            "interrupted": self.end == End::Interrupted,
            "venue": desk.venue().label(),
            "paper": desk.venue().is_paper(),
            "orders_left": left(&self.look.orders, order_in_words),
            "positions_left": self.look.positions.as_ref().map(|seen| left(seen, position_in_words)),
            "found_empty": self.look.done,
            "sent": steps,
            "unanswered": unanswered,
            "closed": self.closed,
            "may_still_fill": self.waiting,
            "notes": self.look.notes,
            "on_record": steps.iter().all(|step| step.why_not_on_record().is_none()),
        })
    }
}
