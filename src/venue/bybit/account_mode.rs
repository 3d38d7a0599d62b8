//! Which kind of account it is: only in a unified account 2.0 does all that counts lie where it is looked for.

use serde_json::Value;

use super::BybitVenue;
use crate::venue::{ReadRequest, VenueError};

const UPGRADE: &str = "upgrade to a unified account 2.0 on Bybit";

/// Why not all of an account can be read, and what helps, from the answer of `/v5/account/info` (facts §4.3, §5.13);
/// `None` where it can.
#[must_use]
pub fn why_not_whole(info: &Value) -> Option<(&'static str, &'static str)> {
    match info.get("unifiedMarginStatus").and_then(Value::as_i64) {
        Some(5 | 6) => None,
        Some(3 | 4) => Some((
            "a unified account 1.0: inverse contracts lie in an account apart, so the exposure cannot be read in full",
            UPGRADE,
        )),
        Some(1) => Some((
            "a classic account: wallet and positions lie apart, and the gate reads the unified account",
            UPGRADE,
        )),
        _ => Some((
            "the account's mode is not one that this program knows",
            "ask Bybit what mode the account is in; the gate reads unified accounts 2.0",
        )),
    }
}

impl BybitVenue {
    /// <https://bybit-exchange.github.io/docs/v5/account/account-info>; asked once, as no account goes back to an
    /// older mode.
    pub(super) async fn ask_whether_whole(&self) -> Result<(), VenueError> {
        let asked = self.is_whole.get_or_try_init(|| async {
            let info = self.fetch_raw(ReadRequest {
                path: "/v5/account/info",
                private: true,
                query: Vec::new(),
            });
            match why_not_whole(&info.await?) {
                None => Ok(()),
                Some((why, remedy)) => Err(VenueError::Account(format!("{why}; {remedy}"))),
            }
        });
        asked.await.copied()
    }
}
