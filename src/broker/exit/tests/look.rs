//! What a look shows of the account, what it says when it cannot, and for how long something stands in the way.

use std::collections::BTreeSet;
use std::time::Duration;

use super::stage::{NEVER, Stage, down, id, long, order, unread, wait};
use crate::broker::exit::marks::Marks;
use crate::broker::exit::{Look, Reach, Seen, Wish};
use crate::domain::symbol::{Category, Symbol};
use crate::venue::Unread;

const ALL: Reach = Reach {
    category: None,
    symbol: None,
};

const FLAT: Wish = Wish {
    close: true,
    sell: None,
};

fn linear() -> Reach {
    Reach {
        category: Some(Category::Linear),
        symbol: None,
    }
}

fn of(category: Option<Category>, symbol: Option<&str>) -> Reach {
    Reach {
        category,
        symbol: symbol.map(|text| Symbol::parse(text).unwrap()),
    }
}

#[test]
fn a_way_out_reaches_what_is_of_its_category_and_of_its_symbol() {
    let (spot, bitcoin) = (Some(Category::Spot), Some("BTCUSDT"));
    for (reach, covered) in [
        (of(None, None), [true, true, true]),
        (of(spot, None), [true, false, true]),
        (of(None, bitcoin), [true, true, false]),
        (of(spot, bitcoin), [true, false, false]),
    ] {
        let ids = ["spot:BTCUSDT", "linear:BTCUSDT", "spot:ETHUSDT"].map(id);
        assert_eq!(ids.map(|id| reach.covers(&id)), covered, "{reach:?}");
    }
}

#[test]
fn a_list_says_how_many_there_are_only_when_all_of_it_was_read() {
    let seen = |rows: &[u8], unread: &[Category]| Seen {
        rows: rows.to_vec(),
        unread: BTreeSet::from_iter(unread.iter().copied()),
    };
    let missing = [Category::Option];
    for (seen, whole, count, any) in [
        (seen(&[], &[]), true, Some(0), Some(false)),
        (seen(&[7, 8], &[]), true, Some(2), Some(true)),
        // There are some at least.
        (seen(&[7, 8], &missing), false, None, Some(true)),
        (seen(&[], &missing), false, None, None),
        // Before anything was read.
        (Seen::default(), false, None, None),
    ] {
        let told = (seen.is_whole(), seen.count(), seen.any());
        assert_eq!(told, (whole, count, any), "{seen:?}");
    }
    assert_eq!(Seen::<u8>::default().unread, BTreeSet::from(Category::ALL));
}

#[tokio::test(start_paused = true)]
async fn a_look_shows_what_is_within_reach() {
    let stage = Stage::set();
    let rest = ["linear:BTCUSDT", "spot:BTCUSDT"].map(|id| order(id, "1"));
    let held = ["linear:ETHUSDT", "inverse:BTCUSD"].map(|id| long(id, "1"));
    stage.rest(&rest);
    stage.hold(&held);
    let look = Look::taken(&*stage.venue, &ALL, &FLAT).await;
    assert_eq!(look.orders.rows, rest);
    assert_eq!(look.held().cloned().collect::<Vec<_>>(), held);
    assert!(look.orders.is_whole() && look.notes.is_empty() && look.done.is_none());
    let look = Look::taken(&*stage.venue, &linear(), &FLAT).await;
    assert_eq!(look.orders.rows, rest[..1]);
    assert_eq!(look.held().cloned().collect::<Vec<_>>(), held[..1]);
}

#[tokio::test(start_paused = true)]
async fn positions_are_asked_for_only_where_they_are_to_be_closed() {
    let stage = Stage::set();
    stage.hold(&[long("linear:ETHUSDT", "1")]);
    let look = Look::taken(&*stage.venue, &ALL, &Wish::default()).await;
    assert!(look.positions.is_none());
    assert_eq!(look.held().count(), 0);
    assert_eq!(stage.asked(), ["orders"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_cannot_be_read_is_told_and_takes_nothing_from_the_others() {
    let stage = Stage::set();
    let rest = [order("spot:BTCUSDT", "1")];
    stage.rest(&rest);
    stage.hide_orders(&[Category::Linear, Category::Linear, Category::Option]);
    stage.hide_positions(&[Category::Inverse]);
    let look = Look::taken(&*stage.venue, &ALL, &FLAT).await;
    assert_eq!(look.orders.rows, rest);
    let orders = BTreeSet::from([Category::Linear, Category::Option]);
    assert_eq!(look.orders.unread, orders);
    let positions = BTreeSet::from([Category::Inverse]);
    assert_eq!(look.positions.map(|seen| seen.unread), Some(positions));
    // Each once, two pages of one category as well.
    assert_eq!(
        look.notes,
        [
            "open orders of linear: no answer from the exchange: it is down",
            "open orders of option: no answer from the exchange: it is down",
            "positions of inverse: no answer from the exchange: it is down",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_beyond_reach_does_not_matter() {
    let stage = Stage::set();
    stage.hide_orders(&[Category::Option]);
    let look = Look::taken(&*stage.venue, &linear(), &FLAT).await;
    assert!(look.orders.is_whole() && look.notes.is_empty());
    // What may be of any category may be of this one.
    let mut missing = unread(&[Category::Option]);
    missing.push(Unread {
        category: None,
        why: down(),
    });
    stage.script().orders.unread = missing;
    let look = Look::taken(&*stage.venue, &linear(), &FLAT).await;
    assert_eq!(look.orders.unread, BTreeSet::from([Category::Linear]));
    assert_eq!(
        look.notes,
        ["open orders: no answer from the exchange: it is down"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_without_an_answer_ends_after_20_s_and_knows_nothing() {
    let stage = Stage::set();
    stage.slow("orders", NEVER);
    stage.hold(&[long("linear:ETHUSDT", "1")]);
    let look = Look::taken(&*stage.venue, &ALL, &FLAT).await;
    assert_eq!(stage.now(), 20_000);
    assert_eq!(look.orders.unread, BTreeSet::from(Category::ALL));
    assert_eq!(look.held().count(), 1);
    assert_eq!(
        look.notes,
        ["open orders: no answer from the exchange: no answer in time"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_the_way_does_so_from_when_it_was_first_noted_until_patience_is_over() {
    let patience = Duration::from_secs(20);
    let mut marks = Marks::default();
    assert!(marks.is_free(&1, patience));
    marks.note(1, true);
    assert!(!marks.is_free(&1, patience) && marks.is_free(&2, patience));
    wait(15_000).await;
    marks.note(1, true);
    wait(5_000).await;
    assert!(!marks.is_free(&1, patience));
    wait(1).await;
    assert!(marks.is_free(&1, patience));
    // Gone and there again: it begins anew.
    marks.note(1, false);
    assert!(marks.is_free(&1, patience));
    marks.note(1, true);
    assert!(!marks.is_free(&1, patience));
}
