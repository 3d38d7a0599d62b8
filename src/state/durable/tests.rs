//! What is on the disk after a write, after a fault, and where something is in the way.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_file_is_given_a_time_and_made_where_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_780_391_749);
    let (there, missing) = (folder.path().join("there"), folder.path().join("missing"));
    replace(&there, b"one").unwrap();
    for path in [&there, &missing] {
        set_time(path, time).unwrap();
        assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), time);
    }
    assert_eq!(fs::read(&there).unwrap(), b"one");
    assert_eq!(fs::read(&missing).unwrap(), b"");
}

#[test]
fn a_replacement_costs_two_fsyncs_and_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let before = fsyncs();
    replace(&path, b"one").unwrap();
    assert_eq!(fsyncs() - before, 2);
    replace(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_others_have_to_read_is_readable_for_all_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for text in ["one", "two"] {
        replace_for_all(&path, text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
    }
}

#[test]
fn a_folder_whose_sync_fails_holds_the_replacement_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    faults::fail_folder_sync(1);
    replace(&path, b"one").unwrap();
    assert!(replace(&path, b"two").is_err());
    assert_eq!(fs::read(&path).unwrap(), b"two");
    replace(&path, b"three").unwrap();
}

#[test]
fn exclusive_creation_happens_once_and_costs_two_fsyncs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let before = fsyncs();
    create_new(&path, b"one").unwrap();
    assert_eq!(fsyncs() - before, 2);
    assert_eq!(
        create_new(&path, b"two").unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn folders_are_made_private_all_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    create_folder(&deep).unwrap();
    for made in ["a", "a/b", "a/b/c"] {
        let mode = fs::metadata(folder.path().join(made))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{made}");
    }
    fs::write(folder.path().join("file"), "").unwrap();
    assert!(create_folder(&folder.path().join("file/below")).is_err());
}

#[test]
fn only_a_path_at_which_nothing_exists_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(read_if_present(&at("nothing"), 10).unwrap().is_none());
    assert!(read_if_present(&at("no/such/folder"), 10).unwrap().is_none());
    symlink("nowhere", at("dangling")).unwrap();
    assert!(read_if_present(&at("dangling"), 10).is_err());
    assert!(read_if_present(&at("dangling/below"), 10).is_err());
    fs::write(at("file"), "12345678901").unwrap();
    assert!(read_if_present(&at("file/below"), 10).is_err());
    assert!(read_if_present(&at("file"), 10).is_err());
    assert_eq!(read_if_present(&at("file"), 11).unwrap().unwrap().len(), 11);
    assert!(read_if_present(folder.path(), 10).is_err());
}

#[test]
fn what_is_in_the_way_of_a_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    let error = create_folder(&at("file")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    symlink("nowhere", at("dangling")).unwrap();
    let error = create_folder(&at("dangling")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    symlink("loop", at("loop")).unwrap();
    let error = create_folder(&at("loop")).unwrap_err();
    let followed = fs::metadata(at("loop")).unwrap_err();
    assert_eq!(error.raw_os_error(), followed.raw_os_error());
    let error = read_if_present(&at("loop"), 10).unwrap_err();
    assert_eq!(error.raw_os_error(), followed.raw_os_error());
    let error = make_append(&at("new/")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    assert!(absent(folder.path()).is_err(), "it is there");
    assert!(absent(&at(&"a".repeat(300))).is_err(), "no name is that long");
}

#[test]
fn who_comes_second_gets_the_folder_and_the_file_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    make_folder(folder.path()).unwrap();
    let path = folder.path().join("a/file");
    let (mut first, made) = open_append(&path).unwrap();
    first.write_all(b"one").unwrap();
    let mut second = make_append(&path).unwrap();
    second.write_all(b"two").unwrap();
    assert!(made && !open_append(&path).unwrap().1);
    assert_eq!(fs::read(&path).unwrap(), b"onetwo");
}

#[test]
fn two_files_beside_each_other_are_not_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let meta = |name: &str| fs::metadata(folder.path().join(name)).unwrap();
    fs::write(folder.path().join("one"), "").unwrap();
    fs::write(folder.path().join("other"), "").unwrap();
    symlink("one", folder.path().join("link")).unwrap();
    assert!(is_same_file(&meta("one"), &meta("link")));
    assert!(!is_same_file(&meta("one"), &meta("other")));
}

#[test]
fn temporary_names_that_are_taken_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let next = NEXT_TEMP.load(Ordering::Relaxed);
    for number in next..next + 40 {
        let taken = format!(".file.{}.{number}.tmp", process::id());
        assert!(is_temp_name(&taken));
        fs::write(folder.path().join(taken), "taken").unwrap();
    }
    replace(&folder.path().join("file"), b"one").unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"one");
    assert!(!is_temp_name(".file") && !is_temp_name("file.tmp"));
}

#[test]
fn a_bare_name_is_in_the_folder_one_is_in() {
    assert_eq!(parent_of(Path::new("file")).unwrap(), Path::new("."));
    assert_eq!(parent_of(Path::new("a/file")).unwrap(), Path::new("a"));
    assert!(parent_of(Path::new("/")).is_err());
}

#[test]
fn the_space_that_is_left_is_that_of_the_disk() {
    assert!(free_bytes(Path::new("/")).unwrap() > 1);
    assert!(free_bytes(Path::new("/no/such/folder")).is_err());
}
