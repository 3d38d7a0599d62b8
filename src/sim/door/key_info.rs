//! `user/query-api`: what the calling key may do (facts §4.7).

use serde_json::json;

use super::keys::Kind;
use crate::sim::call::{Answer, Call};

/// The key that asks, in full.
pub(crate) fn query_api(call: &Call<'_>) -> Answer {
    let kind = call.key.kind;
    let read_only = i64::from(kind == Kind::ReadOnly);
    let wallet = match kind {
        Kind::Withdraw => json!(["AccountTransfer", "SubMemberTransfer", "Withdraw"]),
        _ => json!([]),
    };
    // Only keys without bound addresses run out.
    let (ips, days, until) = match kind {
        Kind::Unbound => (json!(["*"]), 90, "2027-12-31T00:00:00Z"),
        _ => (json!(["127.0.0.1"]), -2, "1970-01-01T00:00:00Z"),
    };
    Ok(json!({
        "id": "1", "note": "paper", "apiKey": call.key.name, "readOnly": read_only, "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Wallet": wallet,
            "Options": ["OptionsTrade"], "Derivatives": ["DerivativesTrade"], "CopyTrading": [], "BlockTrade": [],
            "Exchange": [], "NFT": [], "Affiliate": [], "Earn": [], "FiatP2P": [], "FiatConvertBroker": [],
        },
        "ips": ips, "type": 1, "deadlineDay": days, "expiredAt": until,
        "createdAt": "2025-01-01T00:00:00Z", "unified": 0, "uta": 1, "userID": 1, "inviterID": 0,
        "vipLevel": "No VIP", "mktMakerLevel": "0", "affiliateID": 0, "rsaPublicKey": call.rsa_public_key,
        "isMaster": false, "parentUid": "1", "kycLevel": "LEVEL_DEFAULT", "kycRegion": "",
        "userIDInt64": "1", "inviterIDInt64": "0", "affiliateIDInt64": "0",
    }))
}
