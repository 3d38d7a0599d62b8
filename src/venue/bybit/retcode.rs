//! Bybit's `retCode`s and what each says about a write (facts §2.3). A code that is not in the table says nothing.

use Class::{Ambiguous as A, Definite as D, Duplicate as X, Final as F, NoChange as N, Passing as P};

/// What a code says about the request that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// **D**: a definite no; nothing was placed or changed.
    Definite,
    /// **P**: the same for now; the same request may well be taken in a while.
    Passing,
    /// **A**: ambiguous; an order may exist.
    Ambiguous,
    /// **X**: refused as a repetition; this request placed nothing, but an order with that id exists.
    Duplicate,
    /// **N**: nothing to change, it already is so.
    NoChange,
    /// **F**: the order that was meant is final or gone.
    Final,
}

/// The class of `code`; one that is not documented is ambiguous.
pub(super) fn classify(code: i64) -> Class {
    listed(code).map_or(Class::Ambiguous, |(class, _)| class)
}

/// The class and the meaning of a code that the table has.
pub(super) fn listed(code: i64) -> Option<(Class, &'static str)> {
    TABLE
        .iter()
        .find(|(codes, _, _)| codes.contains(&code))
        .map(|(_, class, meaning)| (*class, *meaning))
}

/// Bybit's own words, with the table's where they help: Bybit's are often terse, and can be empty.
pub(super) fn explained(code: i64, message: &str) -> String {
    let meaning = listed(code).map_or("a code that is not documented", |(_, meaning)| meaning);
    if message.is_empty() {
        return meaning.to_owned();
    }
    format!("{message} ({meaning})")
}

/// Facts §2.3 row by row, each in the class that the facts give it.
///
/// 10006 is definite by its meaning, refused before it was carried out, though other clients take it for ambiguous.
/// As an ambiguous one it would hold the next try of an exit up for as long as an order can stay invisible.
#[rustfmt::skip]
const TABLE: &[(&[i64], Class, &str)] = &[
    (&[10000], A, "server timeout"),
    (&[10001], D, "a parameter is wrong"),
    (&[10002], P, "the timestamp is outside the window"),
    (&[10003], D, "the api key is invalid or belongs to another environment (mainnet, testnet, demo)"),
    (&[10004], D, "wrong signature: check the api secret"),
    (&[10005], D, "the api key lacks a permission: reading needs contract, spot and option permissions"),
    (&[10006], P, "too many requests for this key and endpoint"),
    (&[10007], D, "authentication failed"),
    (&[10008], D, "the account is banned or in another mode"),
    (&[10009], D, "the region or address is restricted"),
    (&[10010], D, "this machine's address is not bound to the api key"),
    (&[10014], A, "the request was repeated"),
    (&[10016], A, "server error"),
    (&[10017], D, "no such route"),
    (&[10018], P, "too many requests from this address"),
    (&[10019], A, "the trading service is restarting"),
    (&[10020], D, "not a unified account"),
    (&[10024], D, "a compliance rule forbids it"),
    (&[10027], D, "trading is banned for this account"),
    (&[10028], D, "unified accounts only"),
    (&[10029], D, "the symbol is invalid or not on the key's list"),
    (&[10403, 10429, 20003], A, "too many requests; the service protects itself"),
    (&[10404], D, "unknown operation or category"),
    (&[20001], N, "already authenticated"),
    (&[20006], A, "the request id was repeated"),
    (&[429], A, "the trading service is overloaded"),
    (&[-1], A, "the request expired in the service"),
    (&[33004, -2015], D, "the api key has expired"),
    (&[100028], D, "not for unified accounts"),
    (&[5004], A, "server timeout"),
    (&[30035], P, "cancelled too fast"),
    (&[30208, 30209], D, "the price is above the highest buy or below the lowest sell price"),
    (&[30228], D, "the contract is being delisted: no new positions"),
    (&[34036, 140043, 110043], N, "the leverage is already so"),
    (&[34040], N, "take-profit and stop-loss are already so, or a field is missing"),
    (&[40004], A, "the order was modified while it was being replaced"),
    (&[110001], F, "the order does not exist, or it is too late"),
    (&[110003], D, "the price is outside the allowed range"),
    (&[110004, 110006, 110007, 110012, 110014, 110044, 110045, 110051, 110052, 110053], D, "not enough funds or margin"),
    (&[110005, 110063, 110066, 110074], P, "the position or contract does not allow it now"),
    (&[110008, 110010], F, "the order is already filled or cancelled"),
    (&[110009, 110020, 110061], D, "too many orders"),
    (&[110011, 110039, 110040, 110046], D, "it would trigger a liquidation"),
    (&[110013, 110086, 110087, 110089, 110090], D, "the leverage or risk limit does not allow it"),
    (&[110015, 110036, 110038, 110076, 110077], D, "not in this margin mode"),
    (&[110017], D, "the quantity comes to zero: no position, or not enough of it, to reduce"),
    (&[110021, 110022, 110023, 110042], D, "open-interest limit: only reducing is allowed"),
    (&[110024, 110028, 110029], D, "the position mode does not allow it"),
    (&[110025, 110026, 110027], N, "mode or margin is already so"),
    (&[110032, 110034, 110033], D, "the order is illegal, or there is no position"),
    (&[110057, 110058, 110059, 110060], D, "a take-profit or stop-loss rule is broken"),
    (&[110064], D, "the new quantity is not above the filled one; the order is unchanged"),
    (&[110072], X, "the order_link_id was used before"),
    (&[110030, 12141, 30001], X, "the order id was used before"),
    (&[110079], A, "the order is being processed"),
    (&[110092, 110093], D, "the trigger direction contradicts the price"),
    (&[110094], D, "the notional is below the minimum"),
    (&[110095, 110096, 110097, 110098, 110099, 110100], D, "pre-market restriction"),
    (&[110101], D, "the settle coin must be collateral"),
    (&[110103], P, "only post-only orders now"),
    (&[110108, 110109], D, "the slippage tolerance is out of bounds"),
    (&[110118], P, "no price for a market order"),
    (&[110119, 170355], D, "for approved makers only"),
    (&[110120, 110121], D, "the price is below or above the limit"),
    (&[110123, 110124, 110125], D, "trading terms or a cooling-off period"),
    (&[110131, 30256], D, "loan-to-value margin limit"),
    (&[110132, 170209, 170348], D, "not in this region"),
    (&[110135, 110136, 110137], D, "event futures restriction"),
    (&[170001, 170234], A, "system error"),
    (&[170005, 170222], A, "too many requests"),
    (&[170007, 170032, 170146, 170147], A, "the backend did not answer in time"),
    (&[170035], A, "submitted for processing"),
    (&[170149, 170150], A, "creating or cancelling failed without a reason"),
    (&[170310, 170311], A, "the modification timed out or failed"),
    (&[170212], A, "the cancellation is being processed"),
    (&[170031, 170033, 170034, 170131], D, "suspended, or the balance is insufficient"),
    (&[170036, 170037, 170344], D, "spot margin is off or not available"),
    (&[170105, 170115, 170116, 170117, 170121, 170130, 170201, 170202, 170203, 170204, 170221], D, "a parameter is wrong"),
    (&[170124, 170132, 170133, 170134, 170136, 170137, 170140, 170148, 170341, 170381, 170382], D, "amount or price breaks a minimum, maximum or precision"),
    (&[170139, 170142, 170143, 170190, 170213], F, "the order is filled, cancelled or does not exist"),
    (&[170141], X, "the order_link_id was used before"),
    (&[170144, 170145, 170191, 170312], D, "the order cannot be cancelled or modified now; it is unchanged"),
    (&[170151, 170157, 170159, 170206], P, "the pair is not open for trading"),
    (&[170192, 170193, 170194, 170197, 170198, 170371, 170372], D, "price collar, or the order is too large for the book"),
    (&[170210, 170217, 170218], D, "rejected, or only post-only orders are taken"),
    (&[170224, 170226, 170227, 170228, 170229, 170241], D, "this account may not trade it"),
    (&[170313], D, "the new quantity is below the filled one; the order is unchanged"),
    (&[170810], D, "more than 500 spot orders"),
    (&[3100116, 3100198, 3100326], D, "option: below the minimum, or an id or base coin is missing"),
    (&[3400214, 340099, 500000], A, "server error"),
    (&[131212, 131228], D, "not enough to transfer"),
    (&[131214], X, "the transfer id was used before"),
    (&[131230, 131001, 131003, 131200, 131201], A, "the asset service failed"),
    (&[141019, 141020], D, "keys are managed on the web only"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all_are(class: Class, codes: &[i64]) {
        for code in codes {
            assert_eq!(classify(*code), class, "{code}");
        }
    }

    #[test]
    fn definite_noes_place_nothing() {
        all_are(
            D,
            &[
                10001, 10003, 10004, 10005, 10010, 10017, 10020, 10024, 10028, 10029, 33004, -2015, 30228,
                110003, 110007, 110012, 110017, 110020, 110024, 110032, 110045, 110053, 110057, 110060,
                110064, 110092, 110094, 110100, 110120, 110121, 110137, 170031, 170131, 170140, 170193,
                170218, 170313, 170371, 170372, 170810, 3100116, 3100198,
            ],
        );
    }

    #[test]
    fn a_no_that_passes_is_one_of_the_clock_the_budget_or_the_market_of_the_hour() {
        all_are(
            P,
            &[
                10002, 10006, 10018, 30035, 110063, 110066, 110103, 110118, 170151, 170157, 170206,
            ],
        );
    }

    #[test]
    fn timeouts_overload_and_internal_errors_are_ambiguous() {
        all_are(
            A,
            &[
                10000, 10014, 10016, 10019, 10403, 10429, 429, -1, 5004, 20003, 20006, 40004, 110079, 170001,
                170005, 170007, 170032, 170035, 170146, 170147, 170149, 170150, 170212, 170222, 170310,
                500000, 340099,
            ],
        );
    }

    #[test]
    fn duplicates_unchanged_and_final_have_classes_of_their_own() {
        all_are(X, &[110072, 170141, 110030, 12141, 30001]);
        all_are(N, &[110043, 34036, 140043, 34040, 110025, 110026, 110027]);
        all_are(
            F,
            &[110001, 110008, 110010, 170139, 170142, 170143, 170190, 170213],
        );
    }

    #[test]
    fn a_code_that_is_not_listed_is_ambiguous() {
        all_are(A, &[1, 99, 110002, 170000, 999_999, i64::MIN]);
    }

    #[test]
    fn no_code_stands_in_two_rows() {
        let mut seen = std::collections::HashSet::new();
        for code in TABLE.iter().flat_map(|row| row.0) {
            assert!(seen.insert(code), "{code} is listed twice");
        }
        assert!(seen.len() > 200, "{} codes", seen.len());
    }
}
