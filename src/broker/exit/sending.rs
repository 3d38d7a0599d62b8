//! An exit on its way. Whoever waits for it may be cut off, by HALT, by Ctrl-C or by a time limit; what is on the
//! wire then is on the ledger all the same.

use super::desk::ExitDesk;
use super::records::verdict;
use crate::domain::exit::Exit;
use crate::domain::order::{ClientOrderId, Write};
use crate::state::audit_record::AuditRecord;
use crate::venue::{Outcome, Venue};

const NOT_YET_SENT: &str = "it was interrupted before it was sent";
const NOT_WAITED_FOR: &str = "it was interrupted before the answer was there";

/// How far it is.
#[derive(Debug)]
enum Stage {
    Prepared,
    Sent,
    Answered(Outcome),
    /// Its record is written, or none is due.
    Told,
}

/// Writes the record of an exit when it is dropped half way.
pub(super) struct Sending<'a, V: Venue> {
    desk: &'a ExitDesk<V>,
    exit: &'a Exit,
    id: &'a ClientOrderId,
    pub(super) number: u64,
    stage: Stage,
}

impl<'a, V: Venue> Sending<'a, V> {
    pub(super) fn begin(desk: &'a ExitDesk<V>, exit: &'a Exit, id: &'a ClientOrderId) -> Self {
        Self {
            desk,
            exit,
            id,
            number: desk.begin(exit, id),
            stage: Stage::Prepared,
        }
    }

    pub(super) fn sent(&mut self) {
        self.stage = Stage::Sent;
    }

    pub(super) fn answered(&mut self, outcome: &Outcome) {
        self.stage = Stage::Answered(outcome.clone());
    }

    pub(super) fn told(mut self) {
        self.stage = Stage::Told;
    }
}

impl<V: Venue> Drop for Sending<'_, V> {
    fn drop(&mut self) {
        let outcome = match std::mem::replace(&mut self.stage, Stage::Told) {
            Stage::Told => return,
            Stage::Prepared => Outcome::NotSent(NOT_YET_SENT.to_owned()),
            Stage::Sent => Outcome::Unknown(NOT_WAITED_FOR.to_owned()),
            Stage::Answered(outcome) => outcome,
        };
        self.desk.answered(self.number, &outcome, None);
        let is_order = matches!(self.exit.write(), Write::Place(_));
        if is_order || !matches!(outcome, Outcome::NotSent(_)) {
            let record = self.desk.answer_record(self.exit, self.id, &outcome);
            self.desk.write_alone(self.number, record);
        }
    }
}

impl<V: Venue> ExitDesk<V> {
    pub(super) fn answer_record(
        &self,
        exit: &Exit,
        id: &ClientOrderId,
        outcome: &Outcome,
    ) -> Result<AuditRecord, String> {
        let (kind, word) = verdict(exit.write(), outcome);
        let mut record = self.record_of(exit, id, kind, word)?;
        record.error = super::desk::trouble(outcome);
        if let Outcome::Accepted(accepted) = outcome {
            record.broker_response = accepted.response.clone();
        }
        Ok(record)
    }
}
