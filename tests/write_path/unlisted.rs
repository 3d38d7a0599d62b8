//! What the exchange knows of and does not list: an order that only its executions show, an account that lies apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use mandated::broker::exit::{BETWEEN_ROUNDS, Course, ExitDesk, Reach, Wish};
use mandated::broker::{Broker, Mode};
use mandated::domain::account::{CoinBalance, Instrument, OrderView, Position, Quote, RestingOrder};
use mandated::domain::exit::Exit;
use mandated::domain::money::Price;
use mandated::domain::order::{ClientOrderId, OrderKey, Write, WriteTool};
use mandated::domain::symbol::{Coin, InstrumentId};
use mandated::state::day::Permit;
use mandated::state::ledger::Ledger;
use mandated::state::redact::Redactor;
use mandated::venue::bybit::{BybitConfig, BybitVenue};
use mandated::venue::{LastLook, Outcome, ReadRequest, Venue, VenueError};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use url::Url;

use crate::unknown::age;
use crate::world::{World, assert_blocked, assert_reason, six_sol_as};

/// The paper exchange, which shows each open order as if a third of it had filled, by its executions alone, for as long
/// as it is told to; and whose account is whole unless it is told otherwise.
struct Lagging {
    real: BybitVenue,
    lags: AtomicBool,
    apart: AtomicBool,
}

fn lagging(world: &World) -> (Arc<Lagging>, Broker<Lagging>) {
    let url = Url::parse(&world.paper.base_url()).unwrap();
    let venue = Arc::new(Lagging {
        real: BybitVenue::new(BybitConfig::paper(url, "paper", "paper").unwrap()),
        lags: AtomicBool::new(false),
        apart: AtomicBool::new(false),
    });
    let ledger = Ledger::open(&world.files, Redactor::new(Vec::new()));
    let broker = Broker::new(Arc::clone(&venue), world.files.clone(), ledger, Mode::Trade);
    (venue, broker)
}

async fn place(broker: &Broker<Lagging>, id: &str) -> Value {
    broker
        .write(WriteTool::PlaceOrder, &six_sol_as(id).to_string())
        .await
}

/// Six SOL are $900.06, and the coins of the account $6,500: two of them fit, and three do not.
fn cap_for_two(world: &World) {
    world.cap("max_total_exposure_usd", 8_400.0);
}

#[tokio::test]
async fn an_order_that_only_its_executions_show_counts_until_it_is_listed() {
    let world = World::new().await;
    cap_for_two(&world);
    let (venue, broker) = lagging(&world);
    venue.lags.store(true, Ordering::SeqCst);
    for id in ["mine-1", "mine-2"] {
        let reply = place(&broker, id).await;
        assert_eq!(reply["status"], "accepted", "{reply}");
        assert_eq!(reply["order"]["orderStatus"], "PartiallyFilled");
    }
    assert_eq!(world.inflight(), ["mine-1 acknowledged", "mine-2 acknowledged"]);
    let third = place(&broker, "mine-3").await;
    assert_blocked(&third, "pause_for_reauth", "max_total_exposure_usd");
    broker.recover().await;
    assert_eq!(world.inflight().len(), 2);
    // Listed, it counts as what rests.
    venue.lags.store(false, Ordering::SeqCst);
    broker.recover().await;
    assert_eq!(world.inflight(), [] as [&str; 0]);
    assert_eq!(world.count(), 2);
}

#[tokio::test]
async fn a_change_that_only_executions_show_counts_until_the_order_is_listed() {
    let world = World::new().await;
    // The coins are $6,500, three SOL $450: one more of six fits beside three, and not beside six.
    world.cap("max_total_exposure_usd", 8_000.0);
    let (venue, broker) = lagging(&world);
    let mut three = six_sol_as("mine-1");
    three["qty"] = json!("3");
    broker.write(WriteTool::PlaceOrder, &three.to_string()).await;
    assert_eq!(world.inflight(), [] as [&str; 0]);
    venue.lags.store(true, Ordering::SeqCst);
    let double =
        json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1", "new_qty": "6"});
    let reply = broker.write(WriteTool::AmendOrder, &double.to_string()).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert_eq!(world.inflight().len(), 1);
    // The next write settles what it can first.
    let second = place(&broker, "mine-2").await;
    assert_blocked(&second, "pause_for_reauth", "max_total_exposure_usd");
    broker.recover().await;
    assert_eq!(world.inflight().len(), 1);
    venue.lags.store(false, Ordering::SeqCst);
    broker.recover().await;
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

#[tokio::test]
async fn after_a_minute_what_only_executions_show_is_what_became_of_it() {
    let world = World::new().await;
    let (venue, broker) = lagging(&world);
    venue.lags.store(true, Ordering::SeqCst);
    place(&broker, "mine-1").await;
    age(&world, 61);
    broker.recover().await;
    assert_eq!(world.inflight(), [] as [&str; 0]);
    assert_eq!(world.count(), 1);
}

/// What is left of it rests, and no list shows it.
#[tokio::test]
async fn a_way_out_is_not_done_while_only_executions_show_an_order() {
    let world = World::new().await;
    let (venue, broker) = lagging(&world);
    venue.lags.store(true, Ordering::SeqCst);
    place(&broker, "mine-1").await;
    let ledger = Ledger::open(&world.files, Redactor::new(Vec::new()));
    let desk = ExitDesk::new(Arc::clone(&venue), world.files.clone(), ledger, "person");
    let (mut course, wish) = (Course::new(Reach::default(), "one"), Wish::default());
    for _ in 0..4 {
        let look = course.round(&desk, &wish, &|| true).await;
        assert_eq!(look.done, None);
        assert_eq!(look.notes, ["1 order of ours was sent and may still appear"]);
        tokio::time::sleep(BETWEEN_ROUNDS).await;
    }
    // Listed, it is cancelled.
    venue.lags.store(false, Ordering::SeqCst);
    let mut rounds = 0;
    while course.round(&desk, &wish, &|| true).await.done.is_none() {
        assert!(rounds < 100);
        rounds += 1;
        tokio::time::sleep(BETWEEN_ROUNDS).await;
    }
    assert_eq!(desk.steps().len(), 1);
    assert_eq!(world.broker.account().await.open_orders.unwrap().len(), 0);
}

#[tokio::test]
async fn an_account_that_lies_apart_in_part_is_not_known() {
    let world = World::new().await;
    let (venue, broker) = lagging(&world);
    venue.apart.store(true, Ordering::SeqCst);
    let reply = place(&broker, "mine-1").await;
    world.assert_refused(&reply, "pause_for_reauth", "max_total_exposure_usd");
    assert_reason(
        &reply,
        "not all of the account can be read (fail-closed), so the exposure is not known; inverse contracts lie in an \
         account apart",
    );
    assert!(
        !reply["reason"].as_str().unwrap().contains("try again"),
        "{reply}"
    );
    venue.apart.store(false, Ordering::SeqCst);
    assert_eq!(place(&broker, "mine-1").await["status"], "accepted");
}

impl Lagging {
    fn lags(&self) -> bool {
        self.lags.load(Ordering::SeqCst)
    }

    fn as_shown(&self, view: Option<OrderView>) -> Option<OrderView> {
        let mut view = view?;
        if self.lags() && view.is_open() {
            view.status = "PartiallyFilled".to_owned();
            view.order.filled = view.order.leaves / Decimal::from(3);
            view.order.leaves -= view.order.filled;
            view.average_price = None;
        }
        Some(view)
    }
}

impl Venue for Lagging {
    fn label(&self) -> &str {
        self.real.label()
    }

    fn is_paper(&self) -> bool {
        true
    }

    async fn exchange_time(&self) -> Result<DateTime<Utc>, VenueError> {
        self.real.exchange_time().await
    }

    async fn quote(&self, id: &InstrumentId) -> Result<Quote, VenueError> {
        self.real.quote(id).await
    }

    async fn instrument(&self, id: &InstrumentId) -> Result<Instrument, VenueError> {
        self.real.instrument(id).await
    }

    async fn coin_usd(&self, coin: &Coin) -> Result<Price, VenueError> {
        self.real.coin_usd(coin).await
    }

    async fn positions(&self) -> Result<Vec<Position>, VenueError> {
        self.real.positions().await
    }

    async fn open_orders(&self) -> Result<Vec<RestingOrder>, VenueError> {
        match self.lags() {
            true => Ok(Vec::new()),
            false => self.real.open_orders().await,
        }
    }

    async fn wallet(&self) -> Result<Vec<CoinBalance>, VenueError> {
        self.real.wallet().await
    }

    async fn is_whole(&self) -> Result<(), VenueError> {
        let why = "inverse contracts lie in an account apart";
        match self.apart.load(Ordering::SeqCst) {
            true => Err(VenueError::Account(why.to_owned())),
            false => self.real.is_whole().await,
        }
    }

    async fn order(&self, id: &InstrumentId, key: &OrderKey) -> Result<Option<OrderView>, VenueError> {
        Ok(self.as_shown(self.real.order(id, key).await?))
    }

    async fn order_sent_at(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        sent: DateTime<Utc>,
    ) -> Result<Option<OrderView>, VenueError> {
        Ok(self.as_shown(self.real.order_sent_at(id, key, sent).await?))
    }

    async fn average_daily_turnover(&self, id: &InstrumentId) -> Result<Decimal, VenueError> {
        self.real.average_daily_turnover(id).await
    }

    async fn read(&self, request: ReadRequest) -> Result<Value, VenueError> {
        self.real.read(request).await
    }

    fn describe(&self, write: &Write, client_id: &ClientOrderId) -> Value {
        self.real.describe(write, client_id)
    }

    async fn send(&self, permit: Permit<'_>) -> Outcome {
        self.real.send(permit).await
    }

    async fn exit(&self, exit: &Exit, client_id: &ClientOrderId, withdrawn: LastLook<'_>) -> Outcome {
        self.real.exit(exit, client_id, withdrawn).await
    }
}
