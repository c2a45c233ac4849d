//! Files that are written once.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use credit_ledger::Digest;
use credit_ledger::hashed_file::{FileCheck, HashedDir, HashedFileError, Written, replace_durably};

fn dir() -> (tempfile::TempDir, HashedDir) {
    let parent = tempfile::tempdir().unwrap();
    let dir = HashedDir::open_or_create(&parent.path().join("a/b")).unwrap();
    (parent, dir)
}

fn names(parent: &tempfile::TempDir) -> Vec<String> {
    let entries = fs::read_dir(parent.path().join("a/b")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn written_once_with_a_gnu_sidecar() {
    let (parent, dir) = dir();
    let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        dir.write_once("f.json", b"abc", None).unwrap(),
        Written::Created
    );
    let sidecar = parent.path().join("a/b/f.json.sha256");
    assert_eq!(
        fs::read_to_string(&sidecar).unwrap(),
        format!("{hex}  f.json\n")
    );
    let digest = Digest::from_hex(hex).unwrap();
    assert_eq!(
        dir.write_once("f.json", b"abc", Some(digest)).unwrap(),
        Written::Identical
    );
    assert_eq!(
        dir.write_once_durable("f.json", b"abc", None).unwrap(),
        Written::Identical
    );
    assert_eq!(
        dir.write_once_durable("g", b"", None).unwrap(),
        Written::Created
    );
    assert_eq!(
        dir.write_once_durable("g", b"", None).unwrap(),
        Written::Identical
    );
    assert_eq!(dir.check("f.json").unwrap(), FileCheck::Ok { digest });
    assert_eq!(names(&parent), ["f.json", "f.json.sha256", "g", "g.sha256"]);
}

#[test]
fn what_differs_is_never_overwritten() {
    let (parent, dir) = dir();
    dir.write_once("f", b"old", None).unwrap();
    for bytes in [b"new".as_slice(), b""] {
        match dir.write_once("f", bytes, None) {
            Err(HashedFileError::Differs { path }) => assert!(path.ends_with("a/b/f")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fs::read(parent.path().join("a/b/f")).unwrap(), b"old");
    fs::write(parent.path().join("a/b/f.sha256"), "something else").unwrap();
    match dir.write_once("f", b"old", None) {
        Err(HashedFileError::Differs { path }) => assert!(path.ends_with("a/b/f.sha256")),
        other => panic!("{other:?}"),
    }
    assert_eq!(names(&parent), ["f", "f.sha256"], "no temporary file stays");
}

#[test]
fn what_a_crash_left_empty_or_missing_is_written_again() {
    let (parent, dir) = dir();
    let path = |name: &str| parent.path().join("a/b").join(name);
    let harms: [&dyn Fn(); 4] = [
        &|| fs::write(path("f"), "").unwrap(),
        &|| fs::write(path("f.sha256"), "").unwrap(),
        &|| fs::remove_file(path("f.sha256")).unwrap(),
        &|| fs::remove_file(path("f")).unwrap(),
    ];
    dir.write_once("f", b"abc", None).unwrap();
    for harm in harms {
        harm();
        assert_ne!(
            dir.check("f").unwrap(),
            FileCheck::Ok {
                digest: Digest::of(b"abc")
            }
        );
        assert_eq!(dir.write_once("f", b"abc", None).unwrap(), Written::Created);
        assert_eq!(
            dir.check("f").unwrap(),
            FileCheck::Ok {
                digest: Digest::of(b"abc")
            }
        );
        assert_eq!(
            dir.write_once("f", b"abc", None).unwrap(),
            Written::Identical
        );
    }
    assert_eq!(names(&parent), ["f", "f.sha256"]);
}

#[test]
fn check_reads_what_other_tools_write() {
    let (parent, dir) = dir();
    let digest = Digest::of(b"abc");
    assert_eq!(dir.check("f").unwrap(), FileCheck::Missing);
    fs::write(parent.path().join("a/b/f"), "abc").unwrap();
    assert_eq!(
        dir.check("f").unwrap(),
        FileCheck::SidecarMissing { digest }
    );
    let other = Digest::of(b"other");
    for (sidecar, expected) in [
        (format!("{digest}  f\n"), FileCheck::Ok { digest }),
        (format!("{digest} *f\r\n"), FileCheck::Ok { digest }),
        (format!("{digest}"), FileCheck::Ok { digest }),
        (
            format!("{digest}\n").to_uppercase(),
            FileCheck::Ok { digest },
        ),
        (
            format!("{other}  f\n"),
            FileCheck::Differs {
                expected: other,
                found: digest,
            },
        ),
        (
            format!("{digest}  g\n"),
            FileCheck::SidecarUnreadable { digest },
        ),
        (
            format!("{digest}0\n"),
            FileCheck::SidecarUnreadable { digest },
        ),
        ("é".repeat(40), FileCheck::SidecarUnreadable { digest }),
        (String::new(), FileCheck::SidecarUnreadable { digest }),
    ] {
        fs::write(parent.path().join("a/b/f.sha256"), &sidecar).unwrap();
        assert_eq!(dir.check("f").unwrap(), expected, "{sidecar:?}");
    }
}

#[test]
fn names_that_cannot_be_used() {
    let (parent, dir) = dir();
    for name in [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\0",
        "a\n",
        "a\\b",
        &"a".repeat(201),
    ] {
        let refused = |result| matches!(result, Err(HashedFileError::BadName { .. }));
        assert!(refused(dir.write_once(name, b"", None)), "{name}");
    }
    dir.write_once(&"a".repeat(200), b"x", None).unwrap();
    assert_eq!(names(&parent).len(), 2);
}

#[test]
fn replaced_durably_with_its_permissions() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("config.json");
    replace_durably(&path, b"one").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    replace_durably(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(replace_durably(&parent.path().join("no/such"), b"").is_err());
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn large_files_take_the_same_rules() {
    let parent = tempfile::tempdir().unwrap();
    let dir = HashedDir::open_or_create(parent.path()).unwrap();
    let (large, other) = (vec![b'x'; 100_000], vec![b'y'; 100_000]);
    let write = |bytes: &[u8]| dir.write_once("large.json", bytes, None);
    assert_eq!(write(&large).unwrap(), Written::Created);
    assert_eq!(write(&large).unwrap(), Written::Identical);
    assert!(matches!(
        write(&other),
        Err(HashedFileError::Differs { .. })
    ));
    fs::write(parent.path().join("large.json"), b"").unwrap();
    assert_eq!(write(&large).unwrap(), Written::Created);
    assert_eq!(fs::read(parent.path().join("large.json")).unwrap(), large);
    let names = fs::read_dir(parent.path()).unwrap().count();
    assert_eq!(names, 2, "no temporary file stays");
}

#[test]
fn writers_of_the_same_file_agree() {
    let parent = tempfile::tempdir().unwrap();
    let dir = HashedDir::open_or_create(parent.path()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..200 {
                    // Both sizes: created under its own name, and renamed.
                    let bytes = vec![b'x'; if n % 2 == 0 { 900 } else { 9_000 }];
                    dir.write_once(&format!("{n}.json"), &bytes, None).unwrap();
                }
            });
        }
    });
    for n in 0..200 {
        let check = dir.check(&format!("{n}.json")).unwrap();
        assert!(matches!(check, FileCheck::Ok { .. }), "{n}: {check:?}");
    }
}

/// Of the digits of a digest there are sixteen, and one spelling.
#[test]
fn a_digest_has_one_spelling() {
    let digits = |digit: char| digit.to_string().repeat(64);
    for byte in 0..=0x7f_u8 {
        let digit = char::from(byte);
        let is_one = matches!(digit, '0'..='9' | 'a'..='f');
        let read = Digest::from_hex(&digits(digit));
        assert_eq!(read.is_ok(), is_one, "{digit:?}");
        if let Ok(digest) = read {
            assert_eq!(digest.to_string(), digits(digit));
        }
    }
    for length in [0, 1, 63, 65, 128] {
        assert!(Digest::from_hex(&"a".repeat(length)).is_err(), "{length}");
    }
}
