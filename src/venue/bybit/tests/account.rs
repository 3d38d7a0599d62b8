//! Which kind of account it is, asked of the exchange once.

use super::stub::{Answer, Stub, code, ok};
use super::*;
use crate::venue::{Venue, VenueError};

const INFO: &str = "/v5/account/info";

fn of_mode(mode: &str) -> Answer {
    ok(&format!(
        r#"{{"marginMode":"REGULAR_MARGIN","unifiedMarginStatus":{mode}}}"#
    ))
}

#[tokio::test]
async fn an_account_that_is_whole_is_asked_once() {
    for mode in ["5", "6"] {
        let stub = Stub::always(of_mode(mode)).await;
        let venue = venue(&stub);
        venue.is_whole().await.unwrap();
        venue.is_whole().await.unwrap();
        let seen = stub.only(INFO);
        assert_eq!((seen.method.as_str(), seen.query()), ("GET", ""));
        assert!(seen.header("x-bapi-sign").is_some());
    }
}

#[tokio::test]
async fn an_account_of_which_a_part_lies_apart_is_asked_again_and_named_with_what_helps() {
    for (mode, why) in [
        ("1", "a classic account: "),
        ("3", "a unified account 1.0: "),
        ("4", "a unified account 1.0: "),
        ("0", "the account's mode is not one that this program knows; "),
        (
            r#""6""#,
            "the account's mode is not one that this program knows; ",
        ),
        ("null", "the account's mode is not one that this program knows; "),
    ] {
        let stub = Stub::always(of_mode(mode)).await;
        let venue = venue(&stub);
        for _ in 0..2 {
            let Err(VenueError::Account(told)) = venue.is_whole().await else {
                panic!("{mode} was taken for whole");
            };
            assert!(told.starts_with(why), "{mode}: {told}");
            assert!(told.contains("unified account"), "{mode}: {told}");
        }
        assert_eq!(stub.seen_at(INFO).len(), 2, "it may have been upgraded meanwhile");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_decides_nothing() {
    let stub = Stub::always(code(10005, "Permission denied")).await;
    let venue = venue(&stub);
    let error = venue.is_whole().await.unwrap_err();
    assert!(matches!(error, VenueError::Rejected { .. }), "{error:?}");
}
