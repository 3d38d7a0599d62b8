//! The three accounts of the same orders that have to agree: the exchange's, the counter's, the ledger's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use mandated::state::counter::{Counter, CounterFile};
use mandated::state::verify::verify;
use mandated::state::{clock, inflight};
use serde_json::Value;

use super::{CREATE, World};

/// What the ledger says of one order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) submitted: usize,
    /// `order_placed accepted` and the like.
    pub(crate) last: Vec<String>,
}

impl World {
    /// Client ids and states of every order that the exchange has, seen or not, straight from its store.
    pub(crate) fn orders(&self) -> BTreeMap<String, String> {
        let store = rusqlite::Connection::open(self.store()).unwrap();
        let mut query = store.prepare("SELECT link, status FROM orders").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// How often a create of each client id reached the wire.
    pub(crate) fn creates(&self) -> BTreeMap<String, usize> {
        let mut creates = BTreeMap::new();
        for request in self.paper.requests() {
            if request.path == CREATE {
                let body: Value = serde_json::from_str(&request.payload).unwrap();
                let id = body["orderLinkId"].as_str().unwrap().to_owned();
                *creates.entry(id).or_default() += 1;
            }
        }
        creates
    }

    pub(crate) fn counter(&self) -> CounterFile {
        Counter::read(&self.files, clock::now().date_naive()).unwrap()
    }

    /// Every record of one ledger, chained or plain; a torn last line is none.
    fn records(&self, chained: bool) -> Vec<Value> {
        let path = if chained {
            self.files.audit_chain()
        } else {
            self.files.audit()
        };
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    pub(crate) fn stories(&self, chained: bool) -> BTreeMap<String, Story> {
        let mut stories: BTreeMap<String, Story> = BTreeMap::new();
        for record in self.records(chained) {
            if record["gate_decision"]["allowed"] != true {
                continue;
            }
            let id = record["gate_decision"]["client_id"].as_str().unwrap();
            let story = stories.entry(id.to_owned()).or_default();
            match (
                record["kind"].as_str().unwrap(),
                record["outcome"].as_str().unwrap(),
            ) {
                ("order_submitted", "pending") => story.submitted += 1,
                ("order_submitted", "unknown") => {}
                (kind, outcome) => story.last.push(format!("{kind} {outcome}")),
            }
        }
        stories
    }

    /// At every moment: each order that the exchange has is counted under its id, and no more are there than counted.
    pub(crate) fn assert_counted(&self, when: &str) {
        let (orders, counter) = (self.orders(), self.counter());
        let ids: BTreeSet<&String> = counter.action_ids().iter().collect();
        for id in orders.keys() {
            assert!(
                ids.contains(id),
                "{when}: {id} is at the exchange and not counted"
            );
        }
        assert!(counter.count() >= orders.len() as u64, "{when}");
    }

    /// Once all is settled. `lost` counts were made for orders that were never written down.
    pub(crate) fn assert_agree(&self, lost: u64, when: &str) {
        let orders = self.orders();
        assert!(!inflight::any(&self.files), "{when}: orders are in flight");
        for (id, times) in self.creates() {
            assert_eq!(times, 1, "{when}: {id} was sent more than once");
        }
        self.assert_counted(when);
        assert_eq!(
            self.counter().count(),
            orders.len() as u64 + lost,
            "{when}: {:?} {orders:?}",
            self.counter()
        );
        let report = verify(&self.files);
        assert!(report.is_whole(), "{when}: {report:?}");
        let stories = self.stories(true);
        assert_eq!(stories, self.stories(false), "{when}: the ledgers differ");
        for (id, story) in &stories {
            assert!(story.submitted <= 1, "{when}: {id} {story:?}");
            let [last] = story.last.as_slice() else {
                panic!("{when}: {id} has not one last word: {story:?}");
            };
            assert_eq!(
                last.starts_with("order_placed"),
                orders.contains_key(id),
                "{when}: {id} {story:?} {orders:?}"
            );
        }
        for id in orders.keys() {
            assert_eq!(
                stories.get(id).map(|story| story.submitted),
                Some(1),
                "{when}: {id}"
            );
        }
    }
}
