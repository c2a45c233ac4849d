//! The independent verifier, `docs/verify_ledger.py`, comes to the same verdict as ours: over
//! the golden ledger, over one with every kind of record, and over hundreds of tampered copies.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "clippy does not take helpers for tests"
)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{ORIGIN, RUNS, Rng, Seed, append, lines_of, open, sample, slot};
use credit_ledger::{Digest, FileStorage, Ledger, MemoryStorage, Part, Reader, Record};

#[test]
fn the_independent_verifier_agrees_with_ours() {
    if !python_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for stem in ["ledger", "imported"] {
        for part in ["jsonl", "HEAD"] {
            let from = golden.join(format!("{stem}.{part}"));
            fs::copy(from, dir.join(format!("ledger.{part}"))).unwrap();
        }
        assert!(both_say(dir, None), "the golden {stem} is fine");
    }
    let storage = everything();
    let reader = Reader::open(Box::new(storage.clone()), RUNS).unwrap();
    let head = reader.head().unwrap().unwrap().to_string();
    put(dir, &storage);
    assert!(both_say(dir, Some(&head)), "an untouched ledger is fine");
    assert!(!both_say(dir, Some(&format!("0:{}", "0".repeat(64)))));

    let copies = if common::long() { 5000 } else { 120 };
    let (mut fine, mut wrong) = (0, 0);
    // Some of a ledger that begins with lines it was imported with.
    let imported = imported(4);
    for seed in 0..copies {
        let _seed = Seed(seed);
        let sample = if seed % 3 == 0 { &imported } else { &storage };
        tamper(dir, sample, &mut Rng(seed));
        *if both_say(dir, None) {
            &mut fine
        } else {
            &mut wrong
        } += 1;
    }
    for count in [4, 0] {
        let imported = self::imported(count);
        put(dir, &imported);
        assert!(both_say(dir, None), "an imported ledger is fine");
        let mut lines = lines_of(&imported);
        lines.swap(0, 1);
        fs::write(dir.join("ledger.jsonl"), lines).unwrap();
        assert!(!both_say(dir, None), "what was imported counts");
    }
    println!("verifier: {copies} tampered copies, {wrong} found and {fine} fine by both, 0 apart");
    assert!(wrong > copies / 2 && fine > 0);

    // The record's own file, changed.
    put(dir, &storage);
    fs::write(dir.join("run_r-1.json"), b"{}\n").unwrap();
    let (code, said) = python(&dir.join("ledger.jsonl"), None);
    assert_eq!((code, &*said), (4, "run_r-1.json: changed\n"));
    let mut scan = reader.scan().unwrap();
    scan.next_line().unwrap();
    let file = scan.next_line().unwrap().unwrap().file_bytes().unwrap();
    fs::write(dir.join("run_r-1.json"), file).unwrap();
    assert_eq!(python(&dir.join("ledger.jsonl"), None).0, 0);
}

/// What only a forger writes, who makes every hash and check right.
#[test]
fn what_is_forged_is_no_surprise_to_either() {
    if !python_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let storage = sample(3);
    let reader = Reader::open(Box::new(storage.clone()), RUNS).unwrap();
    let head = reader.head().unwrap().unwrap();
    for (lines, end, fine) in [
        ("3", head.end.to_string(), true),
        ("3", (head.end - 1).to_string(), false),
        ("3", u64::MAX.to_string(), false),
        ("2", head.end.to_string(), false),
        // No HEAD: it has another form than what is written.
        ("03", head.end.to_string(), true),
        ("3", format!("0{}", head.end - 1), true),
    ] {
        storage.replace(Part::Head, Some(slot(lines, head.hash, &end)));
        put(dir, &storage);
        assert_eq!(both_say(dir, None), fine, "{lines} {end}");
    }
    let deep = 20_000;
    let nested = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    for value in [&*nested, "1e400", "\"\\ud800\"", "01", "nil"] {
        let identity = Digest::of(b"x");
        let body = format!(r#"{{"Run_ID":"r","Input_Sha256":"{identity}","A":{value}"#);
        let prev = Digest::of(format!("credit-ledger/v1\n{ORIGIN}\n").as_bytes());
        let file = Digest::of(b"any");
        let covered = format!(
            r#"{body},"Run_Sha256":"{file}","Ledger_Origin":"{ORIGIN}","Seq":0,"Prev_Hash":"{prev}""#
        );
        let hash = Digest::of(covered.as_bytes());
        let line = format!("{covered},\"Hash\":\"{hash}\"}}\n").into_bytes();
        let end = line.len().to_string();
        storage.replace(Part::Lines, Some(line));
        storage.replace(Part::Head, Some(slot("1", hash, &end)));
        put(dir, &storage);
        assert!(!both_say(dir, None), "{value:.20}");
    }
}

#[test]
fn the_independent_verifier_is_short() {
    let script = fs::read_to_string(script()).unwrap();
    assert!(script.lines().count() <= 60);
}

/// Ten lines, among them what is hard to lay out.
fn everything() -> MemoryStorage {
    let storage = sample(4);
    let ledger = open(&storage).unwrap();
    for (n, value) in [
        r#"{"a":[],"b":{},"c":[[],[{}]],"d":[1,-2.50e+3,true,null]}"#,
        r#""\"quoted, {not} [a] list: \\\"""#,
        r#"["ü","\u00fc","\/","😀",""]"#,
        r#"-0.0"#,
        r#"[{"x":{"y":[{"z":1},{"z":2}]}}]"#,
        r#"{}"#,
    ]
    .iter()
    .enumerate()
    {
        let identity = "0123456789abcdef".repeat(4);
        let body = format!(r#"{{"Any":{value},"Run_ID":"e-{n}","Input_Sha256":"{identity}"}}"#);
        let record = Record::new(&RUNS, body.into_bytes()).unwrap();
        ledger.append(record).unwrap();
    }
    ledger.close().unwrap();
    storage
}

/// Some lines behind three that no ledger wrote.
fn imported(count: u32) -> MemoryStorage {
    let old = "{\"Run_ID\":\"old\",\"Credits_Total\":1}\n{}\n{ \"Run_ID\": \"old\" }\n";
    let storage = MemoryStorage::with_lines(old.as_bytes().to_vec());
    let ledger = Ledger::import(common::boxed(&storage), RUNS, common::config()).unwrap();
    append(&ledger, 0..count);
    ledger.close().unwrap();
    storage
}

fn tamper(dir: &Path, storage: &MemoryStorage, rng: &mut Rng) {
    put(dir, storage);
    let bytes = lines_of(storage);
    let mut lines: Vec<Vec<u8>> = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let k = rng.below(lines.len());
    let other = rng.below(lines.len());
    match rng.below(10) {
        0 => drop(lines.remove(k)),
        1 => lines.insert(other, lines.get(k).unwrap().clone()),
        2 => lines.swap(k, other),
        3 => lines.truncate(k),
        4 => {
            let forged = open(&MemoryStorage::new()).unwrap();
            append(&forged, [0, 1, 2, 99]);
            let reader = forged.reader();
            let mut scan = reader.scan().unwrap();
            lines.clear();
            while let Some(line) = scan.next_line().unwrap() {
                lines.push([line.raw(), b"\n"].concat());
            }
        }
        5 => {
            let mut head = storage.contents(Part::Head).unwrap();
            for _ in 0..1 + rng.below(2) {
                let at = rng.below(head.len());
                *head.get_mut(at).unwrap() ^= 1 << rng.below(8);
            }
            fs::write(dir.join("ledger.HEAD"), head).unwrap();
        }
        6 => fs::remove_file(dir.join("ledger.HEAD")).unwrap(),
        7 => lines.push(b"{\"torn".to_vec()),
        _ => {
            let line = lines.get_mut(k).unwrap();
            let at = rng.below(line.len());
            *line.get_mut(at).unwrap() ^= 1 << rng.below(8);
        }
    }
    fs::write(dir.join("ledger.jsonl"), lines.concat()).unwrap();
}

fn put(dir: &Path, storage: &MemoryStorage) {
    fs::write(dir.join("ledger.jsonl"), lines_of(storage)).unwrap();
    let head = storage.contents(Part::Head).unwrap();
    fs::write(dir.join("ledger.HEAD"), head).unwrap();
}

/// The verdict of both, which must be one.
#[track_caller]
fn both_say(dir: &Path, noted: Option<&str>) -> bool {
    let reader = Reader::open(Box::new(FileStorage::new(dir, "ledger")), RUNS).unwrap();
    let verification = reader.verify().unwrap();
    let contains = noted.is_none_or(|noted| {
        let (seq, hash) = noted.split_once(':').unwrap();
        let hash = credit_ledger::Digest::from_hex(hash).unwrap();
        reader.contains(seq.parse().unwrap(), hash).unwrap()
    });
    let ours = verification.ok() && contains;
    let (code, said) = python(&dir.join("ledger.jsonl"), noted);
    let theirs = match code {
        0 => true,
        4 => false,
        _ => panic!("exit {code}: {said}"),
    };
    assert_eq!(ours, theirs, "{:?}\n{said}", verification.findings);
    ours
}

fn python(ledger: &Path, noted: Option<&str>) -> (i32, String) {
    let output = Command::new("python3")
        .arg(script())
        .arg(ledger)
        .args(noted)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.code().unwrap(), said)
}

fn script() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify_ledger.py")
}

fn python_works() -> bool {
    let status = Command::new("python3")
        .args(["-c", "import hashlib, json, re"])
        .stderr(Stdio::null())
        .status();
    let works = status.is_ok_and(|status| status.success());
    if !works {
        eprintln!("SKIPPED: python3 is missing; the independent verifier is not compared");
    }
    works
}
