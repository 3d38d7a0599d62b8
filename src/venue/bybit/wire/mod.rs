//! The bodies that we send: one function for each write (facts §4.4 to §4.6). Numbers go as strings, flags as
//! booleans, enumerations as integers (facts §1.1).
//!
//! A write that Bybit would understand otherwise than it was approved is not built at all.

mod change;
mod place;
mod position;

use serde::Serialize;

pub(super) use change::{amend, cancel, cancel_all};
pub(super) use place::create;
pub(super) use position::{set_leverage, trading_stop};

use super::limits::Bucket;
use crate::domain::symbol::Category;

/// A POST, serialised once: these bytes are signed and sent.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) bucket: Bucket,
    pub(super) body: String,
}

/// Why a write is not sent.
pub(super) type Unsendable = String;

/// The kinds that spot keeps apart (facts §5.12); other categories have one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderFilter {
    Order,
    StopOrder,
    TpslOrder,
    OcoOrder,
    BidirectionalTpslOrder,
}

impl OrderFilter {
    pub(super) const ALL: [Self; 5] = [
        Self::Order,
        Self::StopOrder,
        Self::TpslOrder,
        Self::OcoOrder,
        Self::BidirectionalTpslOrder,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Order => "Order",
            Self::StopOrder => "StopOrder",
            Self::TpslOrder => "tpslOrder",
            Self::OcoOrder => "OcoOrder",
            Self::BidirectionalTpslOrder => "BidirectionalTpslOrder",
        }
    }
}

fn post(path: &'static str, category: Category, body: &impl Serialize) -> Result<Post, Unsendable> {
    Ok(Post {
        bucket: Bucket {
            path,
            category: Some(category),
        },
        body: serde_json::to_string(body)
            .map_err(|error| format!("the request cannot be written: {error}"))?,
    })
}
