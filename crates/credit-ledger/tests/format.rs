//! The bytes, frozen: what these tests hold is what `docs/ledger-format.md` promises.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use common::{ORIGIN, RUNS, body, lines_of, open, record};
use credit_ledger::{Digest, MemoryStorage, Part, Reader, Record, RecordError, Schema};
use proptest::prelude::*;

const FILE_0: &str = include_str!("golden/run_r-0.json");
const LINES: &str = include_str!("golden/ledger.jsonl");
const HEAD: &str = include_str!("golden/ledger.HEAD");

fn golden() -> MemoryStorage {
    let storage = MemoryStorage::new();
    let ledger = open(&storage).unwrap();
    ledger.append(record("r-0", "zero")).unwrap();
    ledger.append(record("r-1", "one")).unwrap();
    ledger.close().unwrap();
    storage
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "`UPDATE_CASES=1` rewrites the golden files"
)]
fn lines_head_and_file_are_golden() {
    if std::env::var_os("UPDATE_CASES").is_some() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let storage = golden();
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("ledger.jsonl"), lines_of(&storage)).unwrap();
        std::fs::write(
            dir.join("ledger.HEAD"),
            storage.contents(Part::Head).unwrap(),
        )
        .unwrap();
        let record = record("r-0", "zero");
        std::fs::write(dir.join("run_r-0.json"), record.file_bytes().unwrap()).unwrap();
        return;
    }
    let storage = golden();
    assert_eq!(String::from_utf8(lines_of(&storage)).unwrap(), LINES);
    assert_eq!(
        String::from_utf8(storage.contents(Part::Head).unwrap()).unwrap(),
        HEAD
    );
    let record = record("r-0", "zero");
    assert_eq!(record.file_bytes(), Some(FILE_0.as_bytes()));
}

/// `sed 's/,"Hash":"[0-9a-f]\{64\}"}$//' | head -c -1 | sha256sum`, done by hand.
#[test]
fn a_line_can_be_checked_without_a_parser() {
    let mut prev = Digest::of(format!("credit-ledger/v1\n{ORIGIN}\n").as_bytes());
    for (seq, line) in LINES.lines().enumerate() {
        let (covered, suffix) = line.split_at(line.len() - 75);
        let hash = Digest::of(covered.as_bytes());
        assert_eq!(suffix, format!(r#","Hash":"{hash}"}}"#));
        assert!(covered.ends_with(&format!(r#","Seq":{seq},"Prev_Hash":"{prev}""#)));
        prev = hash;
    }
}

#[test]
fn every_line_is_json_with_the_chain_fields_last() {
    for line in LINES.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value.get("Hash").is_some());
        for key in [
            r#","Run_Sha256":""#,
            r#","Seq":"#,
            r#","Prev_Hash":""#,
            r#","Hash":""#,
        ] {
            assert_eq!(line.matches(key).count(), 1, "{key}");
        }
    }
    assert_eq!(LINES.matches("Ledger_Origin").count(), 1);
}

#[test]
fn a_line_gives_back_its_record_and_file() {
    let reader = open(&golden()).unwrap().reader();
    let mut scan = reader.scan_verified().unwrap();
    let line = scan.next_line().unwrap().unwrap();
    assert_eq!(line.body(), body("r-0", "zero"));
    assert_eq!(line.file_bytes().unwrap(), FILE_0.as_bytes());
    assert_eq!(line.file_hash(), Some(Digest::of(FILE_0.as_bytes())));
    assert_eq!((line.seq(), line.offset()), (0, 0));
    assert_eq!(line.raw(), LINES.lines().next().unwrap().as_bytes());
    let owned = line.to_owned();
    assert_eq!(scan.next_line().unwrap().unwrap().prev_hash(), owned.hash());
    assert!(scan.next_line().unwrap().is_none());
}

#[test]
fn head_slots_are_256_bytes_of_json() {
    assert_eq!(HEAD.len(), 512);
    for slot in [&HEAD[..256], &HEAD[256..]] {
        assert!(slot.ends_with(" \n"));
        let value: serde_json::Value = serde_json::from_str(slot).unwrap();
        let covered = &slot[..slot.find(r#","Check""#).unwrap()];
        let check = Digest::of(covered.as_bytes()).to_string();
        assert_eq!(value["Check"].as_str(), Some(&check[..16]));
    }
}

#[test]
fn without_a_file_hash_the_line_has_none() {
    let schema = Schema {
        file_hash: None,
        ..RUNS
    };
    let record = Record::new(&schema, body("r-1", "one")).unwrap();
    assert_eq!((record.file_bytes(), record.file_hash()), (None, None));
    // The key is then the record's own.
    let identity = Digest::of(b"x");
    let body = format!(r#"{{"Run_Sha256":1,"Run_ID":"r","Input_Sha256":"{identity}"}}"#);
    assert!(Record::new(&schema, body.clone().into_bytes()).is_ok());
    let refused = Record::new(&RUNS, body.into_bytes()).unwrap_err();
    let key = "Run_Sha256".to_owned();
    assert_eq!(refused, RecordError::Reserved { key, offset: 14 });
}

#[test]
fn records_that_are_refused() {
    let identity = Digest::of(b"x").to_string();
    let with = |id: &str, rest: &str| {
        format!(r#"{{"Run_ID":{id},"Input_Sha256":"{identity}"{rest}}}"#).into_bytes()
    };
    let refuse = |body: Vec<u8>| Record::new(&RUNS, body).unwrap_err().to_string();
    assert!(Record::new(&RUNS, with(r#""r""#, "")).is_ok());

    let long = "a".repeat(129);
    for id in ["", ".a", "-a", "a..b", "a/b", "a b", "ä", &long] {
        let error = refuse(with(&format!("\"{id}\""), ""));
        assert!(
            error.contains("Run_ID") && error.contains("byte 10"),
            "{error}"
        );
    }
    assert!(Record::new(&RUNS, with(&format!("\"{}\"", &long[1..]), "")).is_ok());
    for id in ["1", "null", r#""\u0061""#] {
        assert!(refuse(with(id, "")).contains("not safe"), "{id}");
    }
    for key in [
        "Seq",
        "Prev_Hash",
        "Hash",
        "Ledger_Origin",
        "Ledger_Import_Bytes",
        "Ledger_Import_Sha256",
        "Run_Sha256",
        "\\u0053eq",
    ] {
        assert!(
            refuse(with("\"r\"", &format!(",\"{key}\":1"))).contains("reserved"),
            "{key}"
        );
        // Only the outermost object is the ledger's business.
        assert!(Record::new(&RUNS, with("\"r\"", &format!(r#","a":{{"{key}":1}}"#))).is_ok());
    }
    let upper = String::from_utf8(with("\"r\"", ""))
        .unwrap()
        .replace(&identity, &identity.to_uppercase());
    assert!(refuse(upper.into_bytes()).contains("Input_Sha256"));
    assert_eq!(
        refuse(br#"{"Run_ID":"r"}"#.to_vec()),
        "the record has no `Input_Sha256`"
    );
    assert_eq!(refuse(b"{}".to_vec()), "the record has no `Run_ID`");
    assert_eq!(refuse(b"[]".to_vec()), "the record is not a JSON object");
    assert!(refuse(with("\"r\"", r#","Run_ID":"r""#)).contains("duplicate key `Run_ID` at byte"));
    assert!(refuse(with("\"r\"", "\n")).contains("white space"));
}

#[test]
fn the_longest_line_fits_and_no_longer_one() {
    let Err(RecordError::TooLong { bytes }) = Record::new(&RUNS, padded(65_535)) else {
        panic!("a line of more than 65,535 bytes was accepted");
    };
    let most = 65_535 - (bytes - 65_535);
    assert!(Record::new(&RUNS, padded(most + 1)).is_err());
    let storage = MemoryStorage::new();
    let ledger = open(&storage).unwrap();
    ledger
        .append(Record::new(&RUNS, padded(most)).unwrap())
        .unwrap();
    // Only the digits of `Seq` and what an import would add are not used up.
    let import = r#","Ledger_Import_Bytes":1234567890123456,"Ledger_Import_Sha256":"""#;
    let unused = 15 + import.len() + 64;
    assert_eq!(lines_of(&storage).len() - 1, 65_535 - unused);
    assert!(ledger.reader().verify().unwrap().ok());
}

/// What bounds a record leaves room that a line may use: it is the line's length that counts.
#[test]
fn the_longest_line_is_one_whoever_wrote_it() {
    let line_0 = |padding| {
        let body = String::from_utf8(padded(padding)).unwrap();
        let file = credit_ledger::layout::pretty(body.as_bytes()).unwrap();
        let prev = Digest::of(format!("credit-ledger/v1\n{ORIGIN}\n").as_bytes());
        let covered = format!(
            r#"{},"Run_Sha256":"{}","Ledger_Origin":"{ORIGIN}","Seq":0,"Prev_Hash":"{prev}""#,
            body.strip_suffix('}').unwrap(),
            Digest::of(&file),
        );
        let hash = Digest::of(covered.as_bytes());
        format!("{covered},\"Hash\":\"{hash}\"}}\n").into_bytes()
    };
    let most = 65_535 - (line_0(0).len() - 1);
    let verify = |padding| {
        let storage = MemoryStorage::with_lines(line_0(padding));
        let reader = Reader::open(Box::new(storage), RUNS).unwrap();
        reader.verify().unwrap()
    };
    assert!(verify(most).ok(), "{:?}", verify(most).findings);
    let ledger = open(&MemoryStorage::with_lines(line_0(most))).unwrap();
    let found = ledger.find("r").unwrap().unwrap();
    assert_eq!(found.raw().len(), 65_535);
    assert!(!verify(most + 1).ok());
}

fn padded(padding: usize) -> Vec<u8> {
    let identity = Digest::of(b"x");
    let padding = "p".repeat(padding);
    format!(r#"{{"Run_ID":"r","Input_Sha256":"{identity}","P":"{padding}"}}"#).into_bytes()
}

/// Many bodies are checked on several threads: in their order, each as alone.
#[test]
fn records_made_together_are_those_made_alone() {
    for (count, padding) in [(0, 0), (1, 60_000), (3, 10), (7, 60_000), (2_000, 700)] {
        let body = |n: usize| {
            let mut body = common::body(&format!("r-{n}"), &n.to_string());
            body.pop();
            // One in three is refused.
            let end = if n % 3 == 2 { ",}" } else { "}" };
            body.extend(format!(",\"Note\":\"{}\"{end}", "x".repeat(padding)).as_bytes());
            body
        };
        let together = Record::new_all(&RUNS, (0..count).map(body).collect());
        assert_eq!(together.len(), count);
        for (n, record) in together.into_iter().enumerate() {
            match (record, Record::new(&RUNS, body(n))) {
                (Ok(one), Ok(other)) => {
                    assert_eq!((one.id(), one.body()), (other.id(), other.body()));
                    assert_eq!(one.file_bytes(), other.file_bytes());
                    assert_eq!(one.file_hash(), other.file_hash());
                }
                (Err(one), Err(other)) => assert_eq!(one, other),
                (one, other) => panic!("{n}: {one:?} {other:?}"),
            }
        }
    }
}

proptest! {
    /// What the texts before had for keys changes nothing: in their order, with some left out, in
    /// another order, twice, with escapes.
    #[test]
    fn a_record_is_judged_alike_behind_any_others(
        bodies in proptest::collection::vec(proptest::collection::vec(0..KEYS.len(), 0..12), 1..8),
        sorted in any::<bool>(),
    ) {
        let body = |(n, mut keys): (usize, Vec<usize>)| {
            if sorted {
                keys.sort_unstable();
            }
            let mut body = common::body(&format!("r-{n}"), "x");
            body.pop();
            for key in keys {
                body.extend(format!(",\"{}\":{{\"a\":1}}", KEYS[key]).as_bytes());
            }
            body.push(b'}');
            body
        };
        let bodies: Vec<Vec<u8>> = bodies.into_iter().enumerate().map(body).collect();
        let together = Record::new_all(&RUNS, bodies.clone());
        for (one, body) in together.into_iter().zip(bodies) {
            let (one, other) = (one.map(|r| r.file_hash()), Record::new(&RUNS, body));
            prop_assert_eq!(one, other.map(|r| r.file_hash()));
        }
    }
}

const KEYS: [&str; 8] = [
    "a",
    "b",
    "ab",
    "\\u0061",
    "Note",
    "Notes",
    "é",
    "Scenario_ID",
];
