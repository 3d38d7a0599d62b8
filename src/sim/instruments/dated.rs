//! What has a date in its name: quarterly futures, and options of the next two Fridays.

use chrono::{DateTime, Datelike, Days, NaiveDate, Weekday};
use rust_decimal::Decimal;

use super::greeks;
use super::instrument::{Category, Instrument, Right, num};
use super::shapes::{LAUNCH, inverse, linear};

/// Everything is delivered at 08:00 UTC.
const DELIVERY_HOUR: u32 = 8;
const DAY_MS: i64 = 86_400_000;
/// The letters that stand for March, June, September and December.
const QUARTERS: [(u32, char); 4] = [(3, 'H'), (6, 'M'), (9, 'U'), (12, 'Z')];
const STRIKES: [u32; 5] = [55_000, 60_000, 65_000, 70_000, 75_000];

/// Text that lives as long as the process: the table is made once.
fn keep(text: String) -> &'static str {
    String::leak(text)
}

fn day_of(ms: i64) -> NaiveDate {
    DateTime::from_timestamp_millis(ms)
        .unwrap_or_default()
        .date_naive()
}

fn delivery(date: NaiveDate) -> i64 {
    date.and_hms_opt(DELIVERY_HOUR, 0, 0)
        .map_or(0, |moment| moment.and_utc().timestamp_millis())
}

/// `26MAR27`.
fn tag(date: NaiveDate) -> String {
    date.format("%-d%b%y").to_string().to_uppercase()
}

/// The last Friday of a month.
fn last_friday(year: i32, month: u32) -> Option<NaiveDate> {
    let next = match month {
        12 => NaiveDate::from_ymd_opt(year + 1, 1, 1),
        _ => NaiveDate::from_ymd_opt(year, month + 1, 1),
    }?;
    (1..=7)
        .filter_map(|back| next.checked_sub_days(Days::new(back)))
        .find(|day| day.weekday() == Weekday::Fri)
}

/// The first Friday after the day of `now`, and the one after it.
fn fridays(now: i64) -> Vec<NaiveDate> {
    let today = day_of(now);
    (1..=14)
        .filter_map(|ahead| today.checked_add_days(Days::new(ahead)))
        .filter(|day| day.weekday() == Weekday::Fri)
        .collect()
}

/// The quarter delivered last and the next two, each with its letter.
fn quarters(now: i64) -> Vec<(NaiveDate, char)> {
    let year = day_of(now).year();
    let all: Vec<(NaiveDate, char)> = (year - 1..=year + 1)
        .flat_map(|year| QUARTERS.map(|(month, letter)| (last_friday(year, month), letter)))
        .filter_map(|(date, letter)| Some((date?, letter)))
        .collect();
    let coming = all.iter().filter(|(date, _)| delivery(*date) <= now).count();
    all.into_iter().skip(coming.saturating_sub(1)).take(3).collect()
}

/// Quarterly futures; the one delivered last stays readable.
pub(crate) fn futures(now: i64) -> Vec<Instrument> {
    let mut futures = Vec::new();
    for (nth, (date, letter)) in (0_u32..).zip(quarters(now)) {
        let until = delivery(date);
        // A future further away costs more.
        let price = num(65_000 + 195 * nth, 0);
        let year = date.year().rem_euclid(100);
        let dated = |contract: Instrument| Instrument {
            delivery: until,
            launch: until - 270 * DAY_MS,
            funding_minutes: 0,
            funding_cap: Decimal::ZERO,
            max_leverage: num(50, 0),
            tiers: super::risk::tiers(num(1_000_000, 0), num(50, 0), 4),
            ..contract
        };
        let name = keep(format!("BTCUSDT-{}", tag(date)));
        let filters = [num(10, 2), num(1, 3), num(5, 1)];
        futures.push(dated(linear(
            41 + nth,
            [name, "BTC", "USDT"],
            price,
            filters,
            200,
        )));
        let name = keep(format!("BTCUSD{letter}{year:02}"));
        let contract = inverse(51 + nth, name, "BTC", price, num(10, 2), 100);
        futures.push(Instrument {
            tiers: super::risk::tiers(num(100, 0), num(50, 0), 4),
            ..dated(contract)
        });
    }
    futures
}

/// Options on bitcoin: an old one that is far out, then a chain of two Fridays. They can be read, not traded.
pub(crate) fn options(now: i64) -> Vec<Instrument> {
    let old = Right {
        strike: num(70_000, 0),
        call: true,
        follows: false,
    };
    // From the day, not the moment, so that every process of a day lists the same.
    let today = now.div_euclid(DAY_MS) * DAY_MS;
    let mut options = vec![option(
        16,
        "BTC-25DEC26-70000-C-USDT",
        num(4_500, 0),
        1_798_185_600_000,
        old,
    )];
    for date in fridays(now) {
        for strike in STRIKES {
            for (call, letter) in [(true, 'C'), (false, 'P')] {
                let strike = num(strike, 0);
                let right = Right {
                    strike,
                    call,
                    follows: true,
                };
                let until = delivery(date);
                let name = keep(format!("BTC-{}-{strike}-{letter}-USDT", tag(date)));
                let number = u32::try_from(options.len()).unwrap_or_default();
                let price = greeks::value(&right, num(65_000, 0), until - today);
                let mut one = option(100 + number, name, Decimal::ZERO, until, right);
                one.base_price = one.to_tick(price);
                options.push(one);
            }
        }
    }
    options
}

fn option(id: u32, symbol: &'static str, price: Decimal, until: i64, right: Right) -> Instrument {
    let filters = [num(5, 0), num(1, 2), num(2, 0)];
    Instrument {
        category: Category::Option,
        max_leverage: Decimal::ONE,
        delivery: until,
        launch: (until - 30 * DAY_MS).max(LAUNCH),
        funding_minutes: 0,
        funding_cap: Decimal::ZERO,
        tiers: Vec::new(),
        right: Some(right),
        ..linear(id, [symbol, "BTC", "USDT"], price, filters, 500)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Saturday, 2026-11-21 10:00 UTC.
    const NOW: i64 = 1_795_255_200_000;

    fn names(all: &[Instrument]) -> Vec<&str> {
        all.iter().map(|one| one.symbol).collect()
    }

    #[test]
    fn futures_are_named_by_the_last_friday_of_their_quarter() {
        let futures = futures(NOW);
        assert_eq!(
            names(&futures),
            [
                "BTCUSDT-25SEP26",
                "BTCUSDU26",
                "BTCUSDT-25DEC26",
                "BTCUSDZ26",
                "BTCUSDT-26MAR27",
                "BTCUSDH27"
            ]
        );
        // 2026-12-25 08:00 UTC.
        assert_eq!(futures[2].delivery, 1_798_185_600_000);
        let phases: Vec<&str> = futures.iter().map(|one| one.phase(NOW).word()).collect();
        assert_eq!(phases[..3], ["Closed", "Closed", "Trading"]);
        assert_eq!(futures[2].phase(1_798_185_600_000).word(), "Closed");
    }

    #[test]
    fn the_chain_holds_two_fridays_of_five_strikes() {
        let options = options(NOW);
        assert_eq!(options.len(), 21);
        assert_eq!(options[1].symbol, "BTC-27NOV26-55000-C-USDT");
        assert_eq!(options[2].symbol, "BTC-27NOV26-55000-P-USDT");
        assert_eq!(options[20].symbol, "BTC-4DEC26-75000-P-USDT");
        assert!(options.iter().all(|one| one.base_price >= one.tick));
    }
}
