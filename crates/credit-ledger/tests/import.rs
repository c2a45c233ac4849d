//! A file of lines that no ledger wrote becomes the beginning of one: its bytes stay, a chain
//! begins behind them, and whoever changes them is found.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy does not take helpers for tests"
)]

mod common;

use common::{ORIGIN, RUNS, append, boxed, config, copy, lines_of, open, record, sample};
use credit_ledger::{
    Config, Digest, FileStorage, FindingKind, Head, Import, ImportError, Ledger, MemoryStorage,
    OpenError, Part, ReadError, Reader, Verification, Window,
};

/// As the original wrote them: no chain, any spacing, a verdict inside.
const OLD: &str = concat!(
    r#"{"Run_ID":"RUN-2025-001","Timestamp":"2025-01-23T08:30:00Z","Credits_Total":155,"#,
    r#""Severity":"SEV4","Variance_Multiplier":0.48}"#,
    "\n",
    r#"{ "Run_ID": "RUN-2025-002", "Credits_Total": 1e3, "Risk_Flags": ["RETRY_LOOP", "ü"] }"#,
    "\r\n",
    r#"{"Run_ID":"RUN-2025-001","again":true}"#,
    "\n",
);
const OLD_LINES: u64 = 3;

const GOLDEN: &str = include_str!("golden/imported.jsonl");
const GOLDEN_HEAD: &str = include_str!("golden/imported.HEAD");
const GOLDEN_HEAD_EMPTY: &str = include_str!("golden/imported-empty.HEAD");

fn old() -> MemoryStorage {
    MemoryStorage::with_lines(OLD.as_bytes().to_vec())
}

fn import(storage: &MemoryStorage) -> Result<Ledger, ImportError> {
    Ledger::import(boxed(storage), RUNS, config())
}

/// An imported ledger of `count` lines, closed.
fn imported(count: u32) -> MemoryStorage {
    let storage = old();
    let ledger = import(&storage).unwrap();
    for n in 0..count {
        append(&ledger, [n]);
    }
    ledger.close().unwrap();
    storage
}

fn reader(storage: &MemoryStorage) -> Reader {
    Reader::open(boxed(storage), RUNS).unwrap()
}

fn verify(storage: &MemoryStorage) -> Verification {
    reader(storage).verify().unwrap()
}

fn import_of_old() -> Import {
    Import {
        bytes: OLD.len() as u64,
        sha256: Digest::of(OLD.as_bytes()),
    }
}

fn is_changed(kind: &FindingKind) -> bool {
    matches!(kind, FindingKind::ImportChanged { bytes } if *bytes == OLD.len() as u64)
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "`UPDATE_CASES=1` rewrites the golden files"
)]
fn lines_and_heads_are_golden() {
    let storage = old();
    let ledger = import(&storage).unwrap();
    let empty = storage.contents(Part::Head).unwrap();
    ledger.append(record("r-0", "zero")).unwrap();
    ledger.append(record("r-1", "one")).unwrap();
    ledger.close().unwrap();
    let head = storage.contents(Part::Head).unwrap();
    if std::env::var_os("UPDATE_CASES").is_some() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        std::fs::write(dir.join("imported.jsonl"), lines_of(&storage)).unwrap();
        std::fs::write(dir.join("imported.HEAD"), head).unwrap();
        std::fs::write(dir.join("imported-empty.HEAD"), empty).unwrap();
        return;
    }
    assert_eq!(String::from_utf8(lines_of(&storage)).unwrap(), GOLDEN);
    assert_eq!(String::from_utf8(head).unwrap(), GOLDEN_HEAD);
    assert_eq!(String::from_utf8(empty).unwrap(), GOLDEN_HEAD_EMPTY);
}

/// What the format document tells an operator to do with `head`, `sed` and `sha256sum`.
#[test]
fn an_import_can_be_checked_by_hand() {
    let (old, chain) = GOLDEN.split_at(OLD.len());
    assert_eq!(old, OLD, "byte for byte");
    let line_0 = chain.lines().next().unwrap();
    let sha256 = Digest::of(OLD.as_bytes());
    let stated = format!(
        r#","Ledger_Origin":"{ORIGIN}","Ledger_Import_Bytes":{},"Ledger_Import_Sha256":"{sha256}","Seq":0,"#,
        OLD.len()
    );
    assert!(line_0.contains(&stated), "{line_0}");
    let genesis = Digest::of(format!("credit-ledger/v1\n{ORIGIN}\n{sha256}\n").as_bytes());
    assert!(line_0.contains(&format!(r#""Prev_Hash":"{genesis}""#)));
    let start = format!(r#","Origin":"{ORIGIN}","Start":{},"Check":""#, OLD.len());
    assert!(GOLDEN_HEAD[..256].contains(&start) && GOLDEN_HEAD[256..].contains(&start));
    assert!(GOLDEN_HEAD_EMPTY.contains(&format!(
        r#"{{"Lines":0,"Hash":"{genesis}","End":{}"#,
        OLD.len()
    )));
}

#[test]
fn a_ledger_lives_on_behind_the_old_bytes() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ledger.jsonl"), OLD).unwrap();
    let memory = old();
    let storages: [&dyn Fn() -> Box<dyn credit_ledger::Storage>; 2] = [&|| boxed(&memory), &|| {
        Box::new(FileStorage::new(dir.path(), "ledger"))
    }];
    for storage in storages {
        // Every line is written out to the index where there is one.
        let config = Config {
            index_every: 1,
            ..config()
        };
        let ledger = Ledger::import(storage(), RUNS, config.clone()).unwrap();
        assert!(ledger.is_empty() && ledger.head().is_none() && ledger.recovered().is_none());
        let reader = ledger.reader();
        assert_eq!(reader.head().unwrap(), None);
        assert_eq!(reader.imported().unwrap(), Some(import_of_old()));
        assert!(reader.scan().unwrap().next_line().unwrap().is_none());
        let verification = reader.verify().unwrap();
        assert!(verification.ok(), "{verification:?}");
        assert_eq!((verification.lines, verification.imported), (0, OLD_LINES));
        drop(ledger);

        for n in 0..4 {
            // Also a second writer, who opened it before there was a line.
            let other = Ledger::open(storage(), RUNS, config.clone()).unwrap();
            let ledger = Ledger::open(storage(), RUNS, config.clone()).unwrap();
            let receipts = append(&ledger, [2 * n]);
            assert_eq!(receipts[0].seq(), u64::from(2 * n));
            append(&other, [2 * n + 1]);
            other.close().unwrap();
            ledger.close().unwrap();
        }
        let ledger = Ledger::open(storage(), RUNS, config).unwrap();
        assert_eq!(ledger.len(), 8);
        assert_eq!(ledger.find("r-3").unwrap().unwrap().seq(), 3);
        assert_eq!(
            ledger.find("r-0").unwrap().unwrap().offset(),
            OLD.len() as u64
        );
        assert!(ledger.find("RUN-2025-001").unwrap().is_none());

        let reader = ledger.reader();
        let verification = reader.verify().unwrap();
        assert!(verification.ok(), "{verification:?}");
        assert_eq!((verification.lines, verification.imported), (8, OLD_LINES));
        assert_eq!(verification.head, reader.head().unwrap());
        assert_eq!(reader.imported().unwrap(), Some(import_of_old()));
        assert_eq!(reader.find("r-7").unwrap().unwrap().seq(), 7);
        assert!(reader.find("RUN-2025-001").unwrap().is_none());
        let mut scan = reader.scan_verified().unwrap();
        for seq in 0..8 {
            let line = scan.next_line().unwrap().unwrap();
            let import = (seq == 0).then(import_of_old);
            assert_eq!((line.seq(), line.import()), (seq, import));
        }
        assert!(scan.next_line().unwrap().is_none());
        let mut window = reader.window(&Window::default()).unwrap();
        for seq in 0..8 {
            assert_eq!(window.next_line().unwrap().unwrap().seq(), seq);
        }
        assert!(window.next_line().unwrap().is_none());
        let mut lines = reader.imported_lines().unwrap();
        for expected in OLD.split_terminator('\n') {
            assert_eq!(lines.next_line().unwrap(), Some(expected.as_bytes()));
        }
        assert_eq!(lines.next_line().unwrap(), None);
    }
    assert_eq!(
        std::fs::read(dir.path().join("ledger.jsonl")).unwrap(),
        lines_of(&memory),
        "the same bytes in both"
    );
}

#[test]
fn an_ordinary_ledger_has_no_import() {
    let reader = reader(&sample(2));
    assert_eq!(reader.imported().unwrap(), None);
    assert_eq!(reader.imported_lines().unwrap().next_line().unwrap(), None);
    assert_eq!(reader.verify().unwrap().imported, 0);
}

#[test]
fn the_longest_line_is_imported() {
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(65_527));
    assert_eq!(line.len(), 65_535 + 1);
    let storage = MemoryStorage::with_lines(line.into_bytes());
    import(&storage).unwrap().close().unwrap();
    assert!(verify(&storage).ok());
}

#[test]
fn what_is_refused_and_why() {
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(65_536));
    let endless = format!("{{\"a\":\"{}\"}}\n", "x".repeat(300_000));
    let just_too_long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(65_528));
    let deep = format!(
        "{}{}\n",
        "{\"a\":".repeat(33),
        "1".to_owned() + &"}".repeat(33)
    );
    let chained = String::from_utf8(lines_of(&sample(3))).unwrap();
    let second = chained.lines().nth(1).unwrap();
    let broken = second.replace(r#""Prev_Hash""#, r#""Prev_Mash""#);
    for (text, says) in [
        ("", "there are no lines to import"),
        ("{\"a\":1}", "line 1 (byte 0) does not end with a newline"),
        (
            "{\"a\":1}\n{\"a\"",
            "line 2 (byte 8) does not end with a newline",
        ),
        (
            "{\"a\":1}\n\n",
            "line 2 (byte 8) cannot be kept: not JSON at byte 0",
        ),
        ("{\"a\":1}\nnull\n", "line 2 (byte 8) is not a JSON object"),
        ("[1]\n", "line 1 (byte 0) is not a JSON object"),
        (
            "Run_ID,Credits\n",
            "line 1 (byte 0) cannot be kept: not JSON at byte 0",
        ),
        ("{\"a\":1,\"a\":2}\n", "duplicate key `a`"),
        ("{\"a\":\"\u{1}\"}\n", "a raw control character"),
        (
            "\u{feff}{\"a\":1}\n",
            "line 1 (byte 0) cannot be kept: not JSON at byte 0",
        ),
        (&*deep, "nesting deeper than 32"),
        (&*long, "line 1 (byte 0) is longer than 65535 bytes"),
        (&*endless, "line 1 (byte 0) is longer than 65535 bytes"),
        (
            &*just_too_long,
            "line 1 (byte 0) is longer than 65535 bytes",
        ),
        (&*chained, "line 1 (byte 0) has the key `Ledger_Origin`"),
        (
            &*format!("{{}}\n{second}\n"),
            "line 2 (byte 3) has the key `Seq`",
        ),
        (
            &*format!("{{}}\n{broken}\n"),
            "line 2 (byte 3) has the key `Seq`",
        ),
        (
            "{ \"Prev_Hash\" : 1 }\n",
            "line 1 (byte 0) has the key `Prev_Hash`",
        ),
        (
            "{\"Ledger_Import_Byt\\u0065s\":1}\n",
            "has the key `Ledger_Import_Bytes`",
        ),
    ] {
        let storage = MemoryStorage::with_lines(text.as_bytes().to_vec());
        let checked = Ledger::check_import(&storage, RUNS)
            .unwrap_err()
            .to_string();
        let error = import(&storage).unwrap_err().to_string();
        assert_eq!(error, checked);
        assert!(error.contains(says), "{text:.40}: {error}");
        assert_eq!(lines_of(&storage), text.as_bytes());
        assert_eq!(storage.contents(Part::Head), None, "{text:.40}");
    }
    // Only outermost keys are the ledger's.
    let nested = MemoryStorage::with_lines(b"{\"a\":{\"Seq\":1,\"Hash\":2}}\n".to_vec());
    assert!(Ledger::check_import(&nested, RUNS).is_ok());

    let no_file = import(&MemoryStorage::new()).unwrap_err();
    assert!(matches!(no_file, ImportError::Empty));
    for storage in [sample(0), sample(2), imported(0), imported(2)] {
        let before = (lines_of(&storage), storage.contents(Part::Head));
        let error = import(&storage).unwrap_err();
        assert!(matches!(error, ImportError::AlreadyALedger), "{error}");
        assert_eq!((lines_of(&storage), storage.contents(Part::Head)), before);
    }
    // A HEAD that was damaged is one.
    let storage = old();
    storage.replace(Part::Head, Some(vec![b'x'; 512]));
    assert!(matches!(import(&storage), Err(ImportError::AlreadyALedger)));
    assert!(matches!(open(&storage), Err(OpenError::Corrupt { .. })));

    let storage = old();
    let config = Config {
        origin: Some("x".to_owned()),
        ..config()
    };
    let error = Ledger::import(boxed(&storage), RUNS, config).unwrap_err();
    assert!(matches!(error, ImportError::Open(OpenError::Origin { .. })));
    let locked = old();
    credit_ledger::Storage::lock(&locked, std::time::Duration::ZERO).unwrap();
    let error = import(&locked).unwrap_err();
    assert!(matches!(error, ImportError::Open(OpenError::Locked { .. })));
    for storage in [storage, locked] {
        assert_eq!(storage.contents(Part::Head), None);
    }
}

#[test]
fn lines_that_never_were_in_a_chain_must_be_imported_first() {
    let storage = old();
    let error = open(&storage).unwrap_err();
    assert!(matches!(error, OpenError::Unchained), "{error}");
    assert_eq!(storage.contents(Part::Head), None);
    assert_eq!(lines_of(&storage), OLD.as_bytes());
    // A crash while HEAD was made the first time left any part of it.
    for torn in [0, 1, 100, 255] {
        let storage = old();
        let head = GOLDEN_HEAD_EMPTY.as_bytes()[..torn].to_vec();
        storage.replace(Part::Head, Some(head));
        assert!(matches!(open(&storage), Err(OpenError::Unchained)));
        append(&import(&storage).unwrap(), [0]);
        assert!(verify(&storage).ok());
    }
    // What a ledger wrote and lost its HEAD is still told apart.
    let storage = sample(3);
    storage.replace(Part::Head, None);
    let mut lines = lines_of(&storage);
    lines[20] ^= 1;
    storage.replace(Part::Lines, Some(lines));
    assert!(matches!(open(&storage), Err(OpenError::Corrupt { .. })));
}

#[test]
fn without_head_the_chain_is_found_behind_the_old_lines() {
    let storage = imported(3);
    let head = verify(&storage).head;
    for lost in [None, Some(Vec::new()), Some(vec![b' '; 512])] {
        let storage = copy(&storage);
        storage.replace(Part::Head, lost.clone());
        let verification = verify(&storage);
        assert_eq!(verification.ok(), lost.is_none_or(|head| head.is_empty()));
        assert_eq!((verification.lines, verification.imported), (3, OLD_LINES));
        assert_eq!(
            (verification.head, reader(&storage).head().unwrap()),
            (head, head)
        );
        let ledger = open(&storage).unwrap();
        append(&ledger, 0..5);
        ledger.close().unwrap();
        assert_eq!(verify(&storage).recorded.map(|head| head.seq), Some(4));
        assert!(lines_of(&storage).starts_with(&GOLDEN.as_bytes()[..OLD.len()]));
    }
    // Before the first line there is no chain to be found.
    let storage = imported(0);
    storage.replace(Part::Head, None);
    assert!(matches!(open(&storage), Err(OpenError::Unchained)));
    import(&storage).unwrap();
}

#[test]
fn a_torn_first_line_is_cut_off_and_the_old_bytes_are_not() {
    for torn in [1, 100, 300] {
        let storage = imported(0);
        storage.replace(
            Part::Lines,
            Some(GOLDEN.as_bytes()[..OLD.len() + torn].to_vec()),
        );
        assert_eq!(reader(&storage).imported().unwrap(), Some(import_of_old()));
        let ledger = open(&storage).unwrap();
        assert_eq!(ledger.recovered().unwrap().offset, OLD.len() as u64);
        append(&ledger, [0]);
        ledger.close().unwrap();
        let verification = verify(&storage);
        assert!(verification.ok() && verification.imported == OLD_LINES);
    }
}

/// Every byte, with lines behind them and without; with HEAD and without; by everybody.
#[test]
fn every_changed_byte_of_the_old_lines_is_found() {
    let mut changed = 0;
    for (count, with_head) in [(2, true), (2, false), (0, true)] {
        let storage = imported(count);
        let lines = lines_of(&storage);
        for at in 0..OLD.len() {
            let tampered = copy(&storage);
            let mut bytes = lines.clone();
            bytes[at] ^= 0x01;
            tampered.replace(Part::Lines, Some(bytes));
            if !with_head {
                tampered.replace(Part::Head, None);
            }
            let found = verify(&tampered).findings;
            // Without HEAD, a last newline that is gone makes one line of two.
            let joined = at + 1 == OLD.len() && !with_head;
            let expected = |kind| is_changed(kind) || (joined && *kind == FindingKind::Edited);
            assert!(
                found.len() == 1 && expected(&found[0].kind),
                "byte {at}: {found:?}"
            );
            refuses(&tampered, count > 0);
            changed += 1;
        }
    }
    println!("import: {changed} changed bytes of imported lines, 100 % found, none opened");
}

/// Bytes and lines taken out, put in and put last.
#[test]
fn old_lines_that_were_cut_or_grown_are_found() {
    let first = OLD.lines().next().unwrap().len() + 1;
    type Change = fn(&mut Vec<u8>, usize);
    let changes: [(&str, Change); 6] = [
        ("first byte gone", |lines, _| drop(lines.drain(..1))),
        ("last byte gone", |lines, _| {
            drop(lines.drain(OLD.len() - 1..OLD.len()))
        }),
        ("first line gone", |lines, first| drop(lines.drain(..first))),
        ("all gone", |lines, _| drop(lines.drain(..OLD.len()))),
        ("a byte more", |lines, _| lines.insert(5, b' ')),
        ("a line more", |lines, first| {
            drop(lines.splice(first..first, *b"{\"a\":1}\n"))
        }),
    ];
    for (what, change) in changes {
        for (count, with_head) in [(2, true), (2, false), (0, true)] {
            let storage = imported(count);
            let mut lines = lines_of(&storage);
            change(&mut lines, first);
            let grown = lines.len() > lines_of(&storage).len();
            storage.replace(Part::Lines, Some(lines));
            if !with_head {
                storage.replace(Part::Head, None);
            }
            let found = verify(&storage).findings;
            let changed = found.iter().filter(|finding| is_changed(&finding.kind));
            assert!(
                changed.count() == 1 || what == "last byte gone",
                "{what}: {found:?}"
            );
            assert!(!found.is_empty(), "{what}");
            // What the old writer added behind the last line is cut off like a torn tail.
            if count > 0 || !grown {
                refuses(&storage, count > 0);
            }
        }
    }
}

/// Nobody who claims to be complete reads it, and it does not open.
#[track_caller]
fn refuses(storage: &MemoryStorage, has_lines: bool) {
    let before = storage.contents(Part::Lines);
    let error = open(storage).unwrap_err();
    let refused = matches!(
        error,
        OpenError::Corrupt { .. } | OpenError::RolledBack { .. }
    );
    assert!(refused, "{error:?}");
    assert_eq!(storage.contents(Part::Lines), before);
    if has_lines {
        let reader = reader(storage);
        let mut scan = match reader.scan_verified() {
            Ok(scan) => scan,
            Err(ReadError::Broken { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        assert!(matches!(scan.next_line(), Err(ReadError::Broken { .. })));
    }
}

/// A chain of the same origin that was begun behind other bytes.
#[test]
fn old_lines_cannot_be_exchanged_for_others() {
    let other = MemoryStorage::with_lines(OLD.replace("155", "551").into_bytes());
    append(&import(&other).unwrap(), [0, 1]);
    let chain = lines_of(&imported(2)).split_off(OLD.len());
    let spliced = [&lines_of(&other)[..OLD.len()], &chain].concat();
    let storage = copy(&other);
    storage.replace(Part::Lines, Some(spliced));
    storage.replace(Part::Head, imported(2).contents(Part::Head));
    let found = verify(&storage).findings;
    assert!(found.len() == 1 && is_changed(&found[0].kind), "{found:?}");
    refuses(&storage, true);
    // Nor is an import made up for a chain that had none, or taken from one that had.
    let plain = lines_of(&sample(2));
    for lines in [[OLD.as_bytes(), &plain].concat(), chain] {
        for head in [
            None,
            imported(2).contents(Part::Head),
            sample(2).contents(Part::Head),
        ] {
            let storage = MemoryStorage::with_lines(lines.clone());
            storage.replace(Part::Head, head);
            assert!(!verify(&storage).ok());
            assert!(open(&storage).is_err());
        }
    }
}

#[test]
fn a_remembered_head_is_gone_on_from() {
    let storage = imported(3);
    let remembered = verify(&storage).head.unwrap();
    append(&open(&storage).unwrap(), 3..5);
    let later = reader(&storage).verify_from(remembered).unwrap();
    assert!(later.ok(), "{later:?}");
    assert_eq!((later.lines, later.imported), (5, OLD_LINES));
    assert!(reader(&storage).contains(2, remembered.hash).unwrap());

    // Lines are counted as `sed -n 8p` does.
    let mut lines = lines_of(&storage);
    let last = lines.len() - 100;
    lines[last] ^= 1;
    storage.replace(Part::Lines, Some(lines));
    for verification in [
        verify(&storage),
        reader(&storage).verify_from(remembered).unwrap(),
    ] {
        assert_eq!(verification.findings[0].line, OLD_LINES + 5);
    }
    let other = Head {
        hash: Digest::of(b"other"),
        ..remembered
    };
    let gone = reader(&storage).verify_from(other).unwrap();
    assert_eq!(gone.findings[0].line, OLD_LINES + 3);
}

/// Edited, not another import: line 0 says so itself.
#[test]
fn what_line_0_states_is_covered_by_its_hash() {
    let at = GOLDEN.find("Ledger_Import_Bytes\":").unwrap() + 21;
    for at in [at, at + 30, at + 80] {
        let storage = imported(2);
        let mut lines = lines_of(&storage);
        lines[at] = if lines[at] == b'1' { b'2' } else { b'1' };
        storage.replace(Part::Lines, Some(lines));
        assert!(!verify(&storage).ok());
        refuses(&storage, true);
    }
}

/// HEAD's check keeps nobody out who can write HEAD.
#[test]
fn a_head_that_makes_lines_of_the_chain_an_import_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let storage = || Box::new(FileStorage::new(dir.path(), "ledger"));
    let config = Config {
        index_every: 1,
        ..config()
    };
    let ledger = Ledger::open(storage(), RUNS, config.clone()).unwrap();
    let receipts = append(&ledger, 0..4);
    let second = ledger.find("r-1").unwrap().unwrap();
    ledger.close().unwrap();
    let path = storage().head_path();
    let forged: String = std::fs::read_to_string(&path)
        .unwrap()
        .split_terminator('\n')
        .map(|slot| {
            let (covered, _) = slot.split_once(r#","Check""#).unwrap();
            let covered = format!("{covered},\"Start\":{}", second.offset());
            let check = Digest::of(covered.as_bytes()).to_string();
            let slot = format!("{covered},\"Check\":\"{}\"}}", &check[..16]);
            format!("{slot:255}\n")
        })
        .collect();
    std::fs::write(&path, &forged).unwrap();
    let reader = Reader::open(storage(), RUNS).unwrap();
    let found = reader.verify().unwrap();
    let bytes = second.offset();
    assert_eq!(found.findings.len(), 1, "{found:?}");
    assert_eq!(found.findings[0].kind, FindingKind::ImportChanged { bytes });
    assert_eq!(found.head.map(|head| head.hash), Some(receipts[3].hash()));
    assert!(reader.scan_verified().unwrap().next_line().is_err());
    let error = Ledger::open(storage(), RUNS, config).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), forged);
}
