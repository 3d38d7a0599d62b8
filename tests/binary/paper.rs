//! Play money and real money: two roots, two counters, two ledgers.

use crate::home::{Home, Session, assert_exit, lines, one_sol, stderr};

#[test]
fn paper_has_a_root_of_its_own_unless_one_is_named() {
    let home = Home::with_mandate(&[]);
    let own = home.root().join("paper");
    let live = own.join("live");
    std::fs::create_dir_all(live.join("bybit")).unwrap();
    for folder in [&own, &live, &live.join("bybit")] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let paper = |home: &Home| {
        let mut command = home.command(&["serve", "--venue", "paper"]);
        command.env_remove("MANDATED_PAPER_ROOT");
        Session::start(&mut command)
    };
    // The live mandate is not the paper venue's.
    let mut session = paper(&home);
    let refused = session.call("bybit_place_order", &one_sol());
    assert_eq!(refused["status"], "blocked", "{refused}");
    assert!(
        refused["reason"].as_str().unwrap().contains("no valid mandate"),
        "{refused}"
    );
    session.end();
    std::fs::rename(
        home.live().join("bybit/mandate.json"),
        live.join("bybit/mandate.json"),
    )
    .unwrap();
    let mut session = paper(&home);
    let filled = session.call("bybit_place_order", &one_sol());
    assert_eq!(filled["status"], "filled", "{filled}");
    session.end();
    assert_eq!(lines(&live.join("audit.jsonl")).len(), 3);
    assert!(live.join("bybit/trade_counter.json").exists());
    assert!(home.ledger().is_empty(), "the live ledger was written");
    assert!(!home.live().join("bybit/trade_counter.json").exists());
}

#[test]
fn real_money_does_not_trade_on_the_files_of_paper() {
    let home = Home::with_mandate(&[]);
    let mut session = home.serve();
    session.call("bybit_place_order", &one_sol());
    session.end();
    let live = home.command(&["serve"]).output().unwrap();
    assert_exit(&live, 2);
    assert!(stderr(&live).contains("paper account"), "{}", stderr(&live));
}
