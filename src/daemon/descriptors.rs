//! How many files this process may have open: the sweep must never want for one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Room for every session and every HTTP connection that there may be, for what each has open, and to spare.
const ENOUGH: u64 = 4096;

/// With fewer than this the sessions that are let in can leave the sweep none.
const FEW: u64 = 256;

/// Raises the limit as far as that is allowed and of use, and says when it stays low.
pub(super) fn raise() {
    let found = getrlimit(Resource::Nofile);
    let (now, wanted) = (found.current.unwrap_or(u64::MAX), wanted(&found));
    let raised = Rlimit {
        current: Some(wanted),
        ..found
    };
    let limit = match wanted > now {
        false => now,
        true => match setrlimit(Resource::Nofile, raised) {
            Ok(()) => wanted,
            Err(error) => {
                tracing::debug!(%error, "the limit of open files stays");
                now
            }
        },
    };
    if limit < FEW {
        tracing::warn!(
            limit,
            "the daemon may open few files, and its sessions can take them all: start it with `ulimit -n 1024` at least"
        );
    }
}

fn wanted(found: &Rlimit) -> u64 {
    found.maximum.map_or(ENOUGH, |most| most.min(ENOUGH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_may_be_and_never_lowered() {
        let limit = |current, maximum| Rlimit { current, maximum };
        assert_eq!(wanted(&limit(Some(1024), Some(1_048_576))), ENOUGH);
        assert_eq!(wanted(&limit(Some(128), Some(512))), 512);
        assert_eq!(wanted(&limit(Some(128), None)), ENOUGH);
        let before = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        raise();
        let after = getrlimit(Resource::Nofile);
        assert!(after.current.unwrap_or(u64::MAX) >= before.max(wanted(&after).min(ENOUGH)));
    }
}
