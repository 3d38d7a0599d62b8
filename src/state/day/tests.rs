//! What a commit leaves on the disk, what is taken back, and what the permit says.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::*;
use crate::domain::mandate::Mandate;
use crate::domain::order::WriteTool;
use crate::gate::{self, Facts, Halt, Standing};
use crate::state::audit_record::{AuditKind, AuditOutcome};
use crate::state::chain_file::ChainFile;
use crate::state::durable;
use crate::state::halt::{HaltScope, trip};
use crate::state::inflight::InflightState;
use crate::state::paths::{BrokerKey, RuntimeRoot};
use crate::state::redact::Redactor;

const MANDATE: &str = include_str!("../../../examples/mandate.json");

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_781_524_800, 0).unwrap()
}

fn world() -> (tempfile::TempDir, LiveFiles) {
    let folder = tempfile::tempdir().unwrap();
    let files = LiveFiles::new(
        &RuntimeRoot::at(folder.path().to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    );
    fs::create_dir_all(files.mandate().parent().unwrap()).unwrap();
    durable::replace(&files.mandate(), mandate(2099).as_bytes()).unwrap();
    (folder, files)
}

/// The example, which ends at the end of a year.
fn mandate(year: u16) -> String {
    let mut mandate: Value = serde_json::from_str(MANDATE).unwrap();
    mandate["consent"]["expires_at"] = format!("{year}-12-31T00:00:00Z").into();
    mandate.to_string()
}

async fn day(files: &LiveFiles) -> Day {
    let ledger = Ledger::open(files, Redactor::new(Vec::new()));
    let wait = Duration::from_secs(5);
    Day::open(files, &ledger, || now().date_naive(), wait)
        .await
        .unwrap()
}

fn approved(tool: WriteTool, args: &Value) -> Approved {
    approved_at(clock::now(), &mandate(2099), tool, args)
}

fn approved_at(at: DateTime<Utc>, mandate: &str, tool: WriteTool, args: &Value) -> Approved {
    let standing = Standing {
        now: Ok(at),
        broker: "bybit".to_owned(),
        mandate: Mandate::parse(mandate),
        halt: Halt::Clear,
        policy: None,
    };
    let authority = gate::authority(standing).unwrap();
    let intended = gate::intent(authority, tool, &args.to_string()).unwrap();
    gate::judge(intended, &Facts::default()).unwrap()
}

/// One that takes a trade and needs no facts.
fn close() -> Value {
    json!({
        "category": "linear", "symbol": "BTCUSDT", "side": "Sell", "order_type": "Market", "qty": "0.001",
        "reduce_only": true,
    })
}

fn exit() -> Approved {
    approved(WriteTool::PlaceOrder, &close())
}

fn cancel() -> Approved {
    let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "1"});
    approved(WriteTool::by_name("bybit_cancel_order").unwrap(), &args)
}

fn record(kind: AuditKind) -> AuditRecord {
    AuditRecord::new(now(), "bybit", "s", kind, AuditOutcome::Pending).unwrap()
}

fn submission(id: &str) -> Submission {
    Submission {
        client_id: ClientOrderId::parse(id).unwrap(),
        record: record(AuditKind::OrderSubmitted),
        inflight: Some(InflightRecord {
            client_id: id.into(),
            fingerprint: "f".into(),
            remote_tool: "bybit_place_order".into(),
            category: "linear".into(),
            symbol: "BTCUSDT".into(),
            side: "Sell".into(),
            body: json!({}),
            notional_usd: "65".into(),
            order: json!({}),
            before: None,
            created_at: "2026-06-15T12:00:00+00:00".into(),
            state: InflightState::Sent,
            venue_order_id: None,
            counted: true,
            process_id: 7,
            venue: "paper".into(),
        }),
    }
}

fn lines(files: &LiveFiles) -> usize {
    fs::read_to_string(files.audit())
        .unwrap_or_default()
        .lines()
        .count()
}

#[tokio::test]
async fn a_permit_is_of_what_was_approved_counted_and_written_down() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    assert_eq!(day.count().unwrap(), 0);
    let (permit, committed) = day.commit(exit(), submission("a")).unwrap();
    assert!(matches!(permit.write(), Write::Place(order) if order.reduce_only));
    assert_eq!(permit.client_id().as_str(), "a");
    assert_eq!(permit.withdrawn(), None);
    assert_eq!(committed.withdrawn(), None);
    assert_eq!((day.count().unwrap(), lines(&files)), (1, 1));
    let (orders, doubts) = day.leftovers();
    assert_eq!((orders.len(), doubts.len()), (1, 0));
    day.settle_placed(&record(AuditKind::OrderPlaced)).unwrap();
    assert_eq!(lines(&files), 2);
    day.close(&committed);
    assert_eq!(day.leftovers().0, []);
    assert_eq!(day.count().unwrap(), 1);
}

/// The last look: why a write that was committed must not be sent any more. What was seen once stays said.
#[tokio::test]
async fn a_permit_is_withdrawn_by_halt_and_by_any_change_of_what_it_was_judged_by() {
    type Change = fn(&LiveFiles);
    let cases: [(Change, &str); 5] = [
        (
            |files| assert!(trip(files, HaltScope::Broker, "cli", "stop", now()).is_ok()),
            "by cli, reason stop",
        ),
        (
            |files| fs::remove_file(files.mandate()).unwrap(),
            "no mandate is on file",
        ),
        (
            |files| durable::replace(&files.mandate(), mandate(2020).as_bytes()).unwrap(),
            "it ended at 2020-12-31T00:00:00Z",
        ),
        (
            |files| {
                let lower =
                    mandate(2099).replace("\"max_order_notional_usd\":1000", "\"max_order_notional_usd\":1");
                durable::replace(&files.mandate(), lower.as_bytes()).unwrap();
            },
            "the mandate changed after this was decided",
        ),
        (
            |files| durable::replace(&files.policy(), b"allowed_categories = [\"spot\"]").unwrap(),
            "policy.toml changed after this was decided",
        ),
    ];
    for (change, why) in cases {
        let (_root, files) = world();
        let mut day = day(&files).await;
        let (permit, committed) = day.commit(exit(), submission("a")).unwrap();
        assert_eq!(permit.withdrawn(), None);
        change(&files);
        let said = permit.withdrawn().unwrap();
        assert!(said.refusal.reason.contains(why), "{said:?}");
        assert_eq!(committed.withdrawn(), Some(&said));
    }
}

/// A machine that slept between the two wakes up in another market.
#[tokio::test]
async fn a_permit_is_withdrawn_once_its_decision_is_older_than_fifteen_seconds() {
    for (seconds, holds) in [(14, true), (16, false)] {
        let (_root, files) = world();
        let mut day = day(&files).await;
        let then = clock::now() - TimeDelta::seconds(seconds);
        let old = approved_at(then, &mandate(2099), WriteTool::PlaceOrder, &close());
        let (permit, _committed) = day.commit(old, submission("a")).unwrap();
        let said = permit.withdrawn().map(|refused| refused.refusal);
        assert_eq!(said.is_none(), holds, "{said:?}");
        if let Some(said) = said {
            assert_eq!(said.limit, Limit::Clock);
            assert!(
                said.reason
                    .starts_with("it was decided 16 s ago and a decision holds for 15 s"),
                "{said:?}"
            );
        }
    }
}

/// Ours is behind the exchange's clock, by which it was decided; the commit waits for somebody else's append.
#[tokio::test]
async fn a_mandate_that_ends_while_a_commit_waits_is_over_however_slow_our_clock_is() {
    let (_root, files) = world();
    let decided_at = clock::now() + TimeDelta::seconds(4);
    let mut ends_soon: Value = serde_json::from_str(&mandate(2099)).unwrap();
    ends_soon["consent"]["expires_at"] = clock::ledger_text(decided_at + TimeDelta::milliseconds(300)).into();
    let ends_soon = ends_soon.to_string();
    durable::replace(&files.mandate(), ends_soon.as_bytes()).unwrap();
    let approved = approved_at(decided_at, &ends_soon, WriteTool::PlaceOrder, &close());
    let mut day = day(&files).await;
    let held = ChainFile::open(&files).unwrap();
    let letting_go = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        drop(held);
    });
    let (permit, _committed) = day.commit(approved, submission("a")).unwrap();
    letting_go.join().unwrap();
    let said = permit.withdrawn().unwrap().refusal;
    assert_eq!(said.limit, Limit::Expiry, "{said:?}");
}

/// The day, and the next one once midnight has passed.
fn after(midnight: &AtomicBool) -> NaiveDate {
    now().date_naive() + TimeDelta::days(i64::from(midnight.load(Ordering::SeqCst)))
}

/// What may leave an order behind is not let out on another day than it is counted on; a cancel is let out.
#[tokio::test]
async fn what_was_decided_on_the_day_before_is_neither_counted_nor_sent() {
    static MIDNIGHT: AtomicBool = AtomicBool::new(false);
    let (_root, files) = world();
    let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
    let mut day = Day::open(&files, &ledger, || after(&MIDNIGHT), Duration::ZERO)
        .await
        .unwrap();
    let (permit, committed) = day.commit(exit(), submission("a")).unwrap();
    assert_eq!(permit.withdrawn(), None);
    MIDNIGHT.store(true, Ordering::SeqCst);
    let said = permit.withdrawn().unwrap().refusal;
    assert_eq!(said.limit, Limit::MaxTradesPerDay, "{said:?}");
    assert!(said.reason.contains("it was decided on 2026-06-15"), "{said:?}");
    day.settle_not_placed(&committed, &record(AuditKind::OrderRejected))
        .unwrap();
    day.close(&committed);
    let before = lines(&files);
    let error = day.commit(exit(), submission("b")).unwrap_err();
    assert_eq!(error.limit(), Limit::MaxTradesPerDay, "{error}");
    assert_eq!((day.count().unwrap(), lines(&files)), (0, before));
    assert!(day.leftovers().0.is_empty());
    let nothing_left_behind = Submission {
        inflight: None,
        ..submission("c")
    };
    let (permit, _committed) = day.commit(cancel(), nothing_left_behind).unwrap();
    assert_eq!(permit.withdrawn(), None);
}

/// Two holders would each judge by the account as it was before the other's order.
#[tokio::test]
async fn what_was_decided_under_a_lock_that_was_replaced_is_neither_counted_nor_sent() {
    let (_root, files) = world();
    let mut first = day(&files).await;
    let (permit, committed) = first.commit(exit(), submission("a")).unwrap();
    fs::remove_file(files.order_lock()).unwrap();
    let said = permit.withdrawn().unwrap().refusal;
    assert_eq!(said.limit, Limit::DailyOrderLock, "{said:?}");

    let mut second = day(&files).await;
    let (_permit, _committed) = second.commit(exit(), submission("b")).unwrap();
    // The count is the second one's to keep: what the first gives back could be lost, or be the other's.
    first
        .settle_not_placed(&committed, &record(AuditKind::OrderRejected))
        .unwrap();
    first.close(&committed);
    let before = (second.count().unwrap(), lines(&files));
    assert_eq!(before.0, 2);
    for approved in [exit(), cancel()] {
        // One that counts, and one that leaves a file as an amend does.
        let error = first.commit(approved, submission("c")).unwrap_err();
        assert_eq!(error.limit(), Limit::DailyOrderLock, "{error}");
    }
    assert_eq!((second.count().unwrap(), lines(&files)), before);
    assert_eq!(second.leftovers().0.len(), 1);
    let nothing_left_behind = Submission {
        inflight: None,
        ..submission("c")
    };
    let (permit, _committed) = first.commit(cancel(), nothing_left_behind).unwrap();
    assert_eq!(permit.withdrawn(), None);
}

#[tokio::test]
async fn the_day_that_counts_is_the_one_on_which_the_lock_was_had() {
    let (_root, files) = world();
    static MIDNIGHT: AtomicBool = AtomicBool::new(false);
    let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
    let held = OrderLock::acquire(&files, Duration::ZERO).await.unwrap();
    let waiting = Day::open(&files, &ledger, || after(&MIDNIGHT), Duration::from_secs(5));
    let passing = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        MIDNIGHT.store(true, Ordering::SeqCst);
        drop(held);
    };
    let (day, ()) = tokio::join!(waiting, passing);
    assert_eq!(day.unwrap().today, now().date_naive() + TimeDelta::days(1));
}

/// Nothing comes of the second, and the trade of the first must not go with it.
#[tokio::test]
async fn an_id_that_was_counted_before_is_written_down_as_not_counted() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    for counted in [true, false] {
        let (_permit, committed) = day.commit(exit(), submission("a")).unwrap();
        assert_eq!(day.leftovers().0[0].counted, counted);
        assert_eq!(day.count().unwrap(), 1);
        day.close(&committed);
    }
}

#[tokio::test]
async fn what_was_not_placed_is_given_back_once() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    let (_permit, first) = day.commit(exit(), submission("a")).unwrap();
    let (_permit, second) = day.commit(exit(), submission("b")).unwrap();
    assert_eq!(day.count().unwrap(), 2);
    day.settle_not_placed(&first, &record(AuditKind::OrderRejected))
        .unwrap();
    assert_eq!(day.count().unwrap(), 1);
    let before = fs::metadata(files.counter()).unwrap();
    day.give_back(&first.client_id).unwrap();
    let after = fs::metadata(files.counter()).unwrap();
    assert!(
        super::super::durable::is_same_file(&before, &after),
        "nothing was written"
    );
    day.give_back(&second.client_id).unwrap();
    assert_eq!(day.count().unwrap(), 0);
    assert!(day.forget("a"));
    assert_eq!(day.leftovers().0.len(), 1);
    // What cannot be removed stays.
    fs::create_dir(files.inflight_folder().join("c.json")).unwrap();
    assert!(!day.forget("c"));
}

#[tokio::test]
async fn an_id_that_was_counted_before_takes_no_trade_and_gives_none_back() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    let (_permit, first) = day.commit(exit(), submission("a")).unwrap();
    day.close(&first);
    let (_permit, again) = day.commit(exit(), submission("a")).unwrap();
    assert_eq!(day.count().unwrap(), 1);
    day.settle_not_placed(&again, &record(AuditKind::OrderRejected))
        .unwrap();
    assert_eq!(day.count().unwrap(), 1);
}

#[tokio::test]
async fn a_cancel_takes_no_trade() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    let (_permit, committed) = day.commit(cancel(), submission("a")).unwrap();
    assert_eq!(day.count().unwrap(), 0);
    day.settle_not_placed(&committed, &record(AuditKind::OrderRejected))
        .unwrap();
    assert_eq!(day.count().unwrap(), 0);
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_counted_and_nothing_of_another() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    let (_permit, _first) = day.commit(exit(), submission("a")).unwrap();
    let twice = Submission {
        client_id: ClientOrderId::parse("b").unwrap(),
        ..submission("a")
    };
    let error = day.commit(exit(), twice).unwrap_err();
    assert!(matches!(error, CommitError::Inflight(_)), "{error}");
    assert_eq!((day.count().unwrap(), lines(&files)), (1, 1));
    assert_eq!(day.leftovers().0.len(), 1);
}

/// The disk may fail when the file is there already, as only its folder could not be synced.
#[tokio::test]
async fn a_commit_that_fails_once_its_file_is_there_leaves_none_and_counts_nothing() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    let (_permit, first) = day.commit(exit(), submission("a")).unwrap();
    day.close(&first);
    let written = lines(&files);
    // The folder of the count is synced first, then that of the orders in flight.
    for (passed, is_counters) in [(0, true), (1, false)] {
        durable::faults::fail_folder_sync(passed);
        let error = day.commit(exit(), submission("b")).unwrap_err();
        assert_eq!(matches!(error, CommitError::Counter(_)), is_counters, "{error}");
        assert_eq!((day.count().unwrap(), lines(&files)), (1, written), "{error}");
        assert!(day.leftovers().0.is_empty(), "{error}");
    }
}

/// A ledger that was moved away does not know the first, which may have been sent all the same.
#[tokio::test]
async fn a_commit_that_finds_no_room_leaves_what_an_earlier_order_left_under_its_id() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    let (_permit, _first) = day.commit(exit(), submission("a")).unwrap();
    let left = day.leftovers().0;
    let mut again = submission("a");
    if let Some(order) = &mut again.inflight {
        order.created_at = "2026-06-15T12:00:30+00:00".into();
    }
    durable::faults::fill_disk(true);
    let error = day.commit(exit(), again).unwrap_err();
    durable::faults::fill_disk(false);
    assert!(
        matches!(error, CommitError::Inflight(InflightError::NotWritten { .. })),
        "{error}"
    );
    assert_eq!((left.len(), day.leftovers().0), (1, left));
}

#[tokio::test]
async fn an_order_that_stays_open_says_so_on_the_ledger_and_in_its_file() {
    let (_root, files) = world();
    let mut day = day(&files).await;
    let (_permit, committed) = day.commit(exit(), submission("a")).unwrap();
    let unknown = InflightRecord {
        state: InflightState::Unknown,
        ..committed.inflight.clone().unwrap()
    };
    day.keep_open(Some(&unknown), &record(AuditKind::OrderSubmitted))
        .unwrap();
    assert_eq!(lines(&files), 2);
    assert_eq!(day.leftovers().0, [unknown]);
    day.record(&record(AuditKind::Breach)).unwrap();
    assert_eq!(lines(&files), 3);
}
