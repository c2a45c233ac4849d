//! A whole ledger beside arbitrary bytes in the place of its index: no answer invents or loses a
//! line.
//!
//! The first byte says whether the pages get right checks first. Only somebody who may write the
//! files can make those, and an index made so is believed about ids that are not there.

use std::sync::OnceLock;

use credit_ledger::{
    Appended, Config, Digest, Ledger, MemoryStorage, Part, ReadError, Reader, Record, Schema,
    Window,
};

const RUNS: Schema = Schema {
    id: "Run_ID",
    identity: "Input_Sha256",
    file_hash: None,
    origin: "Ledger_Origin",
    time: Some("Timestamp"),
    severity: Some("Severity"),
    scenario: Some("Scenario_ID"),
};
const LINES: u32 = 40;
const PAGE_BYTES: usize = 4096;
/// Where in a manifest the first segment's number stands.
const NUMBER_AT: usize = 16 + 32 + 6 * 8;
const SEGMENT_BYTES: usize = 10 * 8;
/// The sample has one; a few are enough.
const SEGMENTS: usize = 4;

pub(crate) fn check(bytes: &[u8]) {
    let Some((kind, index)) = bytes.split_first() else {
        return;
    };
    let mut index = index.to_vec();
    let is_sealed = kind % 2 == 1;
    if is_sealed {
        seal(&mut index);
    }
    let storage = sample();
    storage.replace_index(index);
    let lines = storage.contents(Part::Lines);

    let reader = Reader::open(Box::new(storage.clone()), RUNS).unwrap();
    assert_eq!(count(&reader), u64::from(LINES));
    for n in [0, LINES / 2, LINES - 1, LINES] {
        let found = reader.find(&id(n));
        match found {
            Ok(Some(line)) => assert_eq!(Some(line.seq()), (n < LINES).then_some(u64::from(n))),
            Ok(None) => assert!(is_sealed || n >= LINES),
            Err(error) => {
                let is_damage = matches!(error, ReadError::Broken { .. });
                assert!(is_sealed && is_damage, "{error}");
            }
        }
    }
    let (seen, ended) = window(&reader);
    if is_sealed {
        assert!(seen <= u64::from(LINES));
    } else {
        assert_eq!((seen, ended), (u64::from(LINES), true));
    }

    let config = Config {
        index_every: 2_000,
        ..Config::default()
    };
    let Ok(ledger) = Ledger::open(Box::new(storage.clone()), RUNS, config) else {
        // Refused: the lines are as they were.
        assert!(is_sealed);
        assert_eq!(storage.contents(Part::Lines), lines);
        return;
    };
    let again = ledger.append(record(0));
    if !is_sealed {
        assert!(matches!(again, Ok(Appended::Duplicate(receipt)) if receipt.seq() == 0));
        let next = ledger.append(record(LINES));
        assert!(matches!(next, Ok(Appended::New(receipt)) if receipt.seq() == u64::from(LINES)));
        ledger.close().unwrap();
        // What was no index is one now, and knows all lines.
        assert_eq!(count(&reader), u64::from(LINES) + 1);
        assert!(reader.find(&id(LINES)).unwrap().is_some());
        return;
    }
    drop(ledger);
    assert!(
        storage
            .contents(Part::Lines)
            .unwrap()
            .starts_with(&lines.unwrap())
    );
}

/// How many lines a full read gives; each must be the next, and all must verify.
fn count(reader: &Reader) -> u64 {
    let verified = reader.verify().unwrap();
    assert!(verified.ok(), "{:?}", verified.findings);
    let mut scan = reader.scan_verified().unwrap();
    let mut lines = 0;
    while let Some(line) = scan.next_line().unwrap() {
        assert_eq!(line.seq(), lines);
        lines += 1;
    }
    assert_eq!(lines, verified.lines);
    lines
}

/// How many lines a pass over a window of all times gives, and whether it came to its end.
fn window(reader: &Reader) -> (u64, bool) {
    let all = Window {
        from: Some("2025-01-01T00:00:00Z"),
        ..Window::default()
    };
    let Ok(mut scan) = reader.window(&all) else {
        return (0, false);
    };
    let mut next = 0;
    let mut lines = 0;
    loop {
        match scan.next_line() {
            Ok(Some(line)) => {
                assert!(line.seq() >= next, "{} twice", line.seq());
                next = line.seq() + 1;
                lines += 1;
            }
            Ok(None) => return (lines, true),
            Err(_) => return (lines, false),
        }
    }
}

/// Gives each page the check that belongs to it: as one of the segments that the manifests list.
fn seal(index: &mut [u8]) {
    let word = |at: usize| {
        let bytes = index.get(at..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    };
    let mut segments = Vec::new();
    for manifest in [0, PAGE_BYTES] {
        for segment in 0..SEGMENTS {
            let at = manifest + NUMBER_AT + segment * SEGMENT_BYTES;
            segments.extend(word(at + 8).zip(word(at)));
        }
    }
    segments.sort_unstable();
    for (n, page) in (0..).zip(index.chunks_exact_mut(PAGE_BYTES)) {
        let listed = segments.iter().rfind(|(first, _)| (2..=n).contains(first));
        let (first, number) = listed.copied().unwrap_or((0, 0));
        let (contents, check) = page.split_at_mut(PAGE_BYTES - 8);
        let covered = [
            &number.to_le_bytes(),
            &(n - first).to_le_bytes(),
            &*contents,
        ]
        .concat();
        check.copy_from_slice(&Digest::of(&covered).as_bytes()[..8]);
    }
}

fn sample() -> MemoryStorage {
    static SAMPLE: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    let (lines, head) = SAMPLE.get_or_init(|| {
        let storage = MemoryStorage::new();
        let config = Config {
            origin: Some("0123456789abcdef0123456789abcdef".to_owned()),
            ..Config::default()
        };
        let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config).unwrap();
        let records = (0..LINES).map(record).collect();
        assert!(
            ledger
                .append_batch(records)
                .unwrap()
                .iter()
                .all(Result::is_ok)
        );
        ledger.close().unwrap();
        let contents = |part| storage.contents(part).unwrap();
        (contents(Part::Lines), contents(Part::Head))
    });
    let storage = MemoryStorage::new().with_index();
    storage.replace(Part::Lines, Some(lines.clone()));
    storage.replace(Part::Head, Some(head.clone()));
    storage
}

fn id(n: u32) -> String {
    format!("r-{n}")
}

fn record(n: u32) -> Record {
    let identity = Digest::of(&n.to_le_bytes());
    let body = format!(
        r#"{{"Run_ID":"r-{n}","Timestamp":"2025-01-{:02}T00:00:00Z","Severity":"SEV{}","Scenario_ID":"S-{}","Input_Sha256":"{identity}"}}"#,
        1 + n % 28,
        n % 4,
        n % 7,
    );
    Record::new(&RUNS, body.into_bytes()).unwrap()
}
