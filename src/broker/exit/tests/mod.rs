//! The rules of the way out against a scripted exchange, on a clock that stands until everybody waits for it.

mod cancels;
mod closes;
mod course;
mod cut_off;
mod desk;
mod hanging;
mod holdings;
mod late;
mod look;
mod person;
pub(crate) mod stage;
mod unwanted;
