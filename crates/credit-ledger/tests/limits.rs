//! The last numbers a ledger has: no line is given one that readers of doubles would round.

#![expect(clippy::unwrap_used, reason = "clippy does not take helpers for tests")]

mod common;

use common::{RUNS, body, config, lines_of, record, slot};
use credit_ledger::{AppendError, Digest, Ledger, MemoryStorage, OpenError, Part, Reader, layout};

/// Numbers stay below this.
const SEQ_END: u64 = 1 << 53;

/// A ledger whose only line has this number. Nobody can append so many, so HEAD and the index are
/// made by hand, as docs/ledger-format.md says, to vouch for what would be before it.
fn with_last(seq: u64) -> MemoryStorage {
    let body = body("last", "last");
    let file = Digest::of(&layout::pretty(&body).unwrap());
    let body = String::from_utf8(body).unwrap();
    let covered = format!(
        r#"{},"Run_Sha256":"{file}","Seq":{seq},"Prev_Hash":"{}""#,
        body.strip_suffix('}').unwrap(),
        Digest::of(b"before"),
    );
    let hash = Digest::of(covered.as_bytes());
    let line = format!("{covered},\"Hash\":\"{hash}\"}}\n");
    let (lines, end) = (seq + 1, line.len() as u64);
    let storage = MemoryStorage::new().with_index();
    storage.replace(Part::Lines, Some(line.into_bytes()));
    storage.replace(
        Part::Head,
        Some(slot(&lines.to_string(), hash, &end.to_string())),
    );
    storage.replace_index(manifest(lines, end, hash));
    storage
}

/// The two first pages of an index: one segment without ids or blocks covers everything.
fn manifest(lines: u64, end: u64, hash: Digest) -> Vec<u8> {
    let word_of = |bytes: &[u8]| {
        let hash = Digest::of(bytes);
        u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap())
    };
    let keys = [RUNS.time, RUNS.severity, RUNS.scenario].map(Option::unwrap);
    let keys = word_of(format!("{}\n{}", RUNS.id, keys.join("\n")).as_bytes());
    let about = [2, lines, end, keys, 0, 1];
    let segment = [1, 2, 0, 0, 0, 0, end, 0, u64::MAX, u64::MAX];
    let mut page = b"credit-index/v1\n".to_vec();
    page.extend_from_slice(hash.as_bytes());
    page.extend(
        about
            .iter()
            .chain(&segment)
            .flat_map(|word| word.to_le_bytes()),
    );
    page.resize(4088, 0);
    let checked = [&[0; 16], page.as_slice()].concat();
    page.extend(word_of(&checked).to_le_bytes());
    // The other slot, and nothing behind both.
    page.resize(2 * 4096, 0);
    page
}

#[test]
fn no_line_gets_a_number_that_readers_would_round() {
    let storage = with_last(SEQ_END - 3);
    let ledger = Ledger::open(Box::new(storage.clone()), RUNS, config()).unwrap();
    assert_eq!(ledger.len(), SEQ_END - 2);
    let one = |n: u32| record(&format!("r-{n}"), &format!("m-{n}"));
    let before = lines_of(&storage);
    let both = ledger.append_batch(vec![one(0), one(1)]);
    assert!(matches!(both, Err(AppendError::Full)), "{both:?}");
    assert_eq!(lines_of(&storage), before);
    let receipt = ledger.append(one(0)).unwrap().receipt();
    assert_eq!(receipt.seq(), SEQ_END - 2);
    let before = lines_of(&storage);
    for n in [1, 2] {
        let full = ledger.append(one(n));
        assert!(matches!(full, Err(AppendError::Full)), "{full:?}");
    }
    assert_eq!(lines_of(&storage), before);
    ledger.close().unwrap();
    let reader = Reader::open(Box::new(storage), RUNS).unwrap();
    assert_eq!(
        reader.head().unwrap().map(|head| head.seq),
        Some(SEQ_END - 2)
    );
}

#[test]
fn a_line_with_such_a_number_is_none() {
    for seq in [SEQ_END, SEQ_END + 1, 10 * SEQ_END] {
        let opened = Ledger::open(Box::new(with_last(seq)), RUNS, config());
        assert!(
            matches!(opened, Err(OpenError::Corrupt { .. })),
            "{opened:?}"
        );
    }
}
