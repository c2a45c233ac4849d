//! The ledger against a plain `Vec`, with any sequence of appends, reopens and second writers,
//! begun anew or behind imported lines.

mod common;

use common::{RUNS, body, boxed, config, lines_of, open, record};
use credit_ledger::{Appended, Ledger, MemoryStorage, Refused};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Append { writer: usize, batch: Vec<(u8, u8)> },
    Reopen { writer: usize },
    Find(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let batch = prop::collection::vec((0u8..40, 0u8..2), 0..6);
    prop_oneof![
        6 => (0usize..2, batch).prop_map(|(writer, batch)| Step::Append { writer, batch }),
        1 => (0usize..2).prop_map(|writer| Step::Reopen { writer }),
        2 => (0u8..40).prop_map(Step::Find),
    ]
}

/// What stood in the file before it was a ledger, under ids that records have, too.
fn old_line() -> impl Strategy<Value = String> {
    (0u8..40, " {0,3}").prop_map(|(n, space)| format!("{{{space}\"Run_ID\":\"r-{n}\"}}\n"))
}

fn id(n: u8) -> String {
    format!("r-{n}")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_vec(
        steps in prop::collection::vec(step(), 1..30),
        old in prop::collection::vec(old_line(), 0..4),
    ) {
        let storage = MemoryStorage::with_lines(old.concat().into_bytes());
        if !old.is_empty() {
            Ledger::import(boxed(&storage), RUNS, config()).unwrap();
        }
        let mut writers: Vec<Ledger> = (0..2).map(|_| open(&storage).unwrap()).collect();
        // The position is the number; the content is which meaning the id has.
        let mut model: Vec<(u8, u8)> = Vec::new();
        for step in steps {
            match step {
                Step::Append { writer, batch } => {
                    let records = batch.iter().map(|(n, m)| record(&id(*n), &format!("{n}{m}")));
                    let answers = writers[writer].append_batch(records.collect()).unwrap();
                    prop_assert_eq!(answers.len(), batch.len());
                    for (entry, answer) in batch.into_iter().zip(answers) {
                        match model.iter().position(|(n, _)| *n == entry.0) {
                            None => {
                                let new = matches!(answer, Ok(Appended::New(_)));
                                prop_assert!(new && answer.unwrap().receipt().seq() == model.len() as u64);
                                model.push(entry);
                            }
                            Some(at) if model[at] == entry => {
                                let again = matches!(answer, Ok(Appended::Duplicate(_)));
                                prop_assert!(again && answer.unwrap().receipt().seq() == at as u64);
                            }
                            Some(at) => {
                                let conflict = Refused::Conflict { id: id(entry.0), seq: at as u64 };
                                prop_assert_eq!(answer, Err(conflict));
                            }
                        }
                    }
                }
                Step::Reopen { writer } => {
                    writers[writer] = open(&storage).unwrap();
                    prop_assert!(writers[writer].recovered().is_none());
                    prop_assert_eq!(writers[writer].len(), model.len() as u64);
                }
                Step::Find(n) => {
                    let there = model.iter().position(|entry| entry.0 == n);
                    for writer in &writers {
                        let found = writer.find(&id(n)).unwrap();
                        prop_assert_eq!(found.map(|line| line.seq()), there.map(|at| at as u64));
                    }
                }
            }
        }
        let reader = writers[0].reader();
        drop(writers);
        let verification = reader.verify().unwrap();
        prop_assert!(verification.ok(), "{:?}", verification);
        prop_assert_eq!(verification.recorded, verification.head);
        prop_assert_eq!(verification.imported, old.len() as u64);
        prop_assert!(lines_of(&storage).starts_with(old.concat().as_bytes()));
        prop_assert_eq!(reader.head().unwrap(), verification.head);
        let mut scan = reader.scan_verified().unwrap();
        for (n, m) in model {
            let line = scan.next_line().unwrap().unwrap();
            prop_assert_eq!(line.body(), body(&id(n), &format!("{n}{m}")));
        }
        prop_assert!(scan.next_line().unwrap().is_none());
    }
}
