//! Prices over time, from whatever source, and the public replies that show them.
//!
//! Everything is computed from the path of a price when asked for: book, trades, candles, tickers, funding rates.
//! Of the account it reads the prices set by hand, and what its orders took from the book within the second.

pub(super) mod book;
pub(super) mod candles;
pub(super) mod clock;
mod course;
pub(super) mod funding;
pub(super) mod history;
pub(super) mod live;
mod path;
pub(super) mod prices;
pub(super) mod replay;
mod replay_file;
pub(super) mod replies;
mod series;
pub(super) mod statistics;
mod tape;
pub(super) mod tickers;
mod valuation;

pub(super) use path::{Market, Point};
