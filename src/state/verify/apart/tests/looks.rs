//! What each of several looks adds, and what it leaves out.

use super::*;

fn look(files: &LiveFiles) -> Compared {
    compare(files).unwrap()
}

fn lines_of(singles: &Singles) -> Vec<u64> {
    let mut lines: Vec<u64> = singles.values().map(|(place, _)| place.line).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn one_look_is_enough_where_nothing_is_in_one_ledger_alone() {
    let (_root, files, _) = world(3);
    assert!(look(&files).is_settled());
    add(&files.audit_chain(), &theirs(7));
    assert!(!look(&files).is_settled());
    keep_lines(&files.audit_chain(), |at| at < 2);
    assert!(!look(&files).is_settled());
}

#[test]
fn what_a_later_look_is_the_first_to_miss_may_still_be_on_its_way() {
    let (_root, files, _) = world(2);
    let chain = fs::read_to_string(files.audit_chain()).unwrap();
    keep_lines(&files.audit(), |at| at < 1);
    add(&files.audit(), &theirs(7));
    let first = look(&files);
    assert_eq!(
        (lines_of(&first.plain), lines_of(&first.chained)),
        (vec![2], vec![2])
    );
    add(&files.audit(), &theirs(8));
    fs::write(files.audit_chain(), chain + &theirs(9)).unwrap();
    let mut second = look(&files);
    assert_eq!(
        (lines_of(&second.plain), lines_of(&second.chained)),
        (vec![2, 3], vec![2, 3])
    );
    second.keep_those_of(&first);
    assert_eq!(
        (lines_of(&second.plain), lines_of(&second.chained)),
        (vec![2], vec![2])
    );
}

#[test]
fn a_writer_at_work_excuses_the_end_of_the_plain_ledger_and_nothing_before_it() {
    let (_root, files, _) = world(4);
    keep_lines(&files.audit_chain(), |at| at == 0 || at == 2);
    let mut found = look(&files);
    assert_eq!(lines_of(&found.plain), [2, 4]);
    found.forgive_the_end();
    assert_eq!(lines_of(&found.plain), [2]);
}

#[test]
fn of_a_chain_that_goes_on_only_what_is_before_the_new_plain_ledger_is_older() {
    let (_root, files, ids) = world(3);
    keep_lines(&files.audit(), |at| at == 1);
    let found = apart(&files);
    assert_eq!(found.unlisted, lacking(1, files.audit_chain(), 3, &ids[2]));
    assert_eq!(found.before_audit, 1);
}

#[cfg(unix)]
#[test]
fn why_the_plain_ledger_cannot_be_read_is_said_as_the_system_says_it() {
    let (_root, files, _) = world(1);
    fs::remove_file(files.audit()).unwrap();
    std::os::unix::fs::symlink(files.audit(), files.audit()).unwrap();
    let said = apart(&files).to_string();
    assert!(said.contains("symbolic links"), "{said}");
}
