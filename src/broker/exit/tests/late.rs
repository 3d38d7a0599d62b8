//! Orders in flight: which of them may still appear though the exchange shows nothing.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::stage::{NEVER, Stage, down, in_flight, sale};
use crate::domain::account::OrderView;
use crate::domain::order::Side;
use crate::state::clock;
use crate::state::inflight::{InflightRecord, write_new};

const LINEAR: &str = "linear:BTCUSDT";

fn fly(stage: &Stage, record: &InflightRecord) {
    write_new(&stage.files, record).unwrap();
}

/// Where the exchange's clock is ours.
fn on_time() -> Stage {
    let stage = Stage::set();
    stage.script().clock = Some(clock::now());
    stage
}

fn sent_before(client_id: &str, seconds: i64) -> InflightRecord {
    let sent = clock::now() - chrono::Duration::seconds(seconds);
    InflightRecord {
        created_at: clock::ledger_text(sent),
        ..in_flight(client_id)
    }
}

#[tokio::test(start_paused = true)]
async fn every_order_in_flight_that_nobody_shows_may_still_appear() {
    let stage = Stage::set();
    assert_eq!(stage.desk.may_appear().await, Ok(0));
    for name in ["mine-1", "mine-2", "mine-3"] {
        fly(&stage, &in_flight(name));
    }
    assert_eq!(stage.desk.may_appear().await, Ok(3));
    stage.show(&[sale(LINEAR, "mine-2", "New", "0")]);
    assert_eq!(stage.desk.may_appear().await, Ok(2));
    // Over is shown too.
    stage.show(&[sale(LINEAR, "mine-2", "Filled", "1")]);
    assert_eq!(stage.desk.may_appear().await, Ok(2));
}

/// Its executions are known before it is listed: what is left of it may rest, and no list shows it.
#[tokio::test(start_paused = true)]
async fn an_order_that_only_its_executions_show_may_still_appear() {
    let stage = Stage::set();
    fly(&stage, &in_flight("mine-1"));
    let by_executions = |status: &str, filled: &str| OrderView {
        average_price: None,
        ..sale(LINEAR, "mine-1", status, filled)
    };
    stage.show(&[by_executions("PartiallyFilled", "0.4")]);
    assert_eq!(stage.desk.may_appear().await, Ok(1));
    // Listed, or filled to its end, it is read like any other.
    for shown in [
        sale(LINEAR, "mine-1", "PartiallyFilled", "0.4"),
        by_executions("Filled", "1"),
    ] {
        stage.show(&[shown]);
        assert_eq!(stage.desk.may_appear().await, Ok(0));
    }
}

#[tokio::test(start_paused = true)]
async fn another_order_under_the_same_id_says_nothing_of_ours() {
    let stage = Stage::set();
    fly(&stage, &in_flight("mine-1"));
    let mut other = sale(LINEAR, "mine-1", "Filled", "1");
    other.order.side = Side::Buy;
    stage.show(&[other]);
    assert_eq!(stage.desk.may_appear().await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn an_order_can_appear_for_a_minute() {
    let stage = on_time();
    fly(&stage, &sent_before("mine-1", 50));
    assert_eq!(stage.desk.may_appear().await, Ok(1));
    let stage = on_time();
    fly(&stage, &sent_before("mine-1", 61));
    assert_eq!(stage.desk.may_appear().await, Ok(0));
    // Sent nobody knows when.
    let record = InflightRecord {
        created_at: "yesterday".to_owned(),
        ..in_flight("mine-2")
    };
    fly(&stage, &record);
    assert_eq!(stage.desk.may_appear().await, Ok(1));
}

/// It may be sent 15 s after its file is written, be honoured for all of the time that it lives, and be shown 15 s later.
#[tokio::test(start_paused = true)]
async fn an_order_whose_request_lives_longer_can_appear_for_longer() {
    for (lives_for, age, count) in [(60, 89, 1), (60, 91, 0), (31, 60, 1), (31, 62, 0), (29, 61, 0)] {
        let stage = on_time();
        stage.script().request_lives_for = Duration::from_secs(lives_for);
        fly(&stage, &sent_before("mine-1", age));
        assert_eq!(
            stage.desk.may_appear().await,
            Ok(count),
            "{lives_for} s, {age} s ago"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_is_waited_for_as_long_as_one_that_can() {
    let stage = Stage::set();
    stage.script().request_lives_for = Duration::from_secs(60);
    let path = stage.files.inflight_folder().join("mine-1.json");
    fs::create_dir_all(stage.files.inflight_folder()).unwrap();
    fs::write(&path, "{").unwrap();
    let file = fs::File::options().append(true).open(&path).unwrap();
    for (age, is_waited_for) in [(89, true), (91, false)] {
        let then = SystemTime::now() - Duration::from_secs(age);
        file.set_modified(then).unwrap();
        assert_eq!(stage.desk.may_appear().await.is_err(), is_waited_for, "{age} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumped_ahead_ends_no_wait() {
    let stage = on_time();
    fly(&stage, &sent_before("mine-1", 90));
    assert_eq!(stage.desk.may_appear().await, Ok(0));
    stage.script().clock = Some(clock::now() - chrono::Duration::seconds(60));
    assert_eq!(stage.desk.may_appear().await, Ok(1));
    // Nor does one that cannot be asked for.
    stage.script().clock = Some(clock::now());
    stage.slow("clock", NEVER);
    assert_eq!(stage.desk.may_appear().await, Ok(1));
    assert_eq!(stage.now(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_went_elsewhere_does_not_appear_here() {
    let stage = Stage::set();
    let elsewhere = InflightRecord {
        venue: "paper".to_owned(),
        ..in_flight("mine-1")
    };
    fly(&stage, &elsewhere);
    assert_eq!(stage.desk.may_appear().await, Ok(0));
    assert!(stage.asked().iter().all(|asked| asked == "clock"));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_understood_or_cannot_be_asked_for_may_appear() {
    let stage = Stage::set();
    for name in ["mine-1", "mine-2"] {
        let record = InflightRecord {
            order: json!({}),
            ..in_flight(name)
        };
        fly(&stage, &record);
    }
    assert_eq!(stage.desk.may_appear().await, Ok(2));
    let mut nameless = in_flight("mine-3");
    nameless.order["orderLinkId"] = "".into();
    fly(&stage, &nameless);
    assert_eq!(stage.desk.may_appear().await, Ok(3));
    assert!(stage.asked().iter().all(|asked| asked == "clock"));
    fly(&stage, &in_flight("mine-4"));
    stage.script().views = Err(down());
    assert_eq!(stage.desk.may_appear().await, Ok(4));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_holds_it_up_for_the_minute_in_which_its_order_could_appear() {
    let stage = Stage::set();
    let folder = stage.files.inflight_folder();
    fs::create_dir_all(&folder).unwrap();
    for name in ["mine-1.json", "notes.txt"] {
        fs::write(folder.join(name), "{").unwrap();
        let why = stage.desk.may_appear().await.unwrap_err();
        assert!(why.contains(name), "{why}");
        let file = fs::File::options().append(true).open(folder.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(50))
            .unwrap();
        assert!(stage.desk.may_appear().await.is_err());
        file.set_modified(SystemTime::now() - Duration::from_secs(61))
            .unwrap();
        assert_eq!(stage.desk.may_appear().await, Ok(0));
    }
    // Others are counted beside it.
    fly(&stage, &in_flight("mine-2"));
    assert_eq!(stage.desk.may_appear().await, Ok(1));
}
