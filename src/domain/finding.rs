//! What `mandated doctor` can find to be red, by the ids that `policy.toml` accepts some of them with.
//!
//! The ids are a contract: a policy file that a person wrote names them. None is renamed or given another meaning.

/// Reds that nothing else refuses on: the daemon does not trade while one stands, unless a person accepts it.
pub const ACCEPTABLE: [&str; 13] = [
    "chain.broken",
    "client.command",
    "client.env",
    "client.other_root",
    "daemon.not_looking",
    "daemon.other_money",
    "daemon.socket_exposed",
    "files.folder_writable",
    "files.secret_exposed",
    "key.expired",
    "key.transfer",
    "key.unchecked",
    "key.withdraw",
];

/// Reds on which each order is refused by itself while they last: there is nothing to accept.
pub const ENFORCED: [&str; 19] = [
    "account.mode",
    "clock.off",
    "counter.unreadable",
    "daemon.holds",
    "exchange.settings",
    "exchange.unreachable",
    "files.root",
    "files.unwritable",
    "halt.tripped",
    "inflight.unreadable",
    "key.refused",
    "ledger.unusable",
    "lock.unusable",
    "mandate.expired",
    "mandate.invalid",
    "mandate.missing",
    "mandate.other_broker",
    "mandate.writable",
    "policy.invalid",
];

/// Why `id` cannot stand in `accepted_findings`; `None` when it can.
#[must_use]
pub fn not_acceptable(id: &str) -> Option<String> {
    if ACCEPTABLE.contains(&id) {
        return None;
    }
    if ENFORCED.contains(&id) {
        return Some(format!(
            "`{id}` cannot be accepted: every order is refused while it stands"
        ));
    }
    let id: String = id.chars().take(40).collect();
    Some(format!(
        "`{id}` is no finding that can be accepted; those are {}",
        ACCEPTABLE.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_once_and_in_one_list() {
        let mut ids: Vec<&str> = ACCEPTABLE.into_iter().chain(ENFORCED).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn only_a_known_red_that_nothing_else_refuses_on_can_be_accepted() {
        assert_eq!(not_acceptable("key.withdraw"), None);
        assert!(
            not_acceptable("halt.tripped")
                .unwrap()
                .contains("every order is refused")
        );
        assert!(not_acceptable("key.withdrawal").unwrap().contains("no finding"));
    }
}
