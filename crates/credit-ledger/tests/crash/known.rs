//! What the callers of a ledger know, and what must be there of it.

use credit_ledger::{Appended, Digest, Ledger, Record, Refused};

use crate::common::RUNS;

/// What the callers of the ledger know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The lines that were imported.
    pub(crate) old: Vec<u8>,
    /// The record `r-<n>` at place n.
    pub(crate) submitted: Vec<Vec<u8>>,
    /// The numbers of records with their receipts.
    pub(crate) acknowledged: Vec<(usize, u64, Digest)>,
    /// How many lines no crash may take, if not all that were acknowledged.
    pub(crate) synced: Option<u64>,
}

impl Known {
    /// Makes one new record with so many bytes of padding.
    pub(crate) fn submit(&mut self, padding: usize) -> Vec<Record> {
        let n = self.submitted.len();
        let (identity, note) = (Digest::of(&n.to_le_bytes()), "x".repeat(padding));
        let body = format!(r#"{{"Run_ID":"r-{n}","Input_Sha256":"{identity}","Note":"{note}"}}"#);
        self.submitted.push(body.into_bytes());
        vec![self.record(n)]
    }

    pub(crate) fn record(&self, n: usize) -> Record {
        Record::new(&RUNS, self.submitted[n].clone()).unwrap()
    }

    pub(crate) fn acknowledge(&mut self, answers: &[Result<Appended, Refused>], numbers: &[usize]) {
        assert_eq!(answers.len(), numbers.len());
        for (answer, n) in answers.iter().zip(numbers) {
            let receipt = answer.as_ref().unwrap().receipt();
            self.acknowledged.push((*n, receipt.seq(), receipt.hash()));
        }
    }
}

impl Known {
    /// A process says how many lines it knows to be durable: by its figures, or because it closed
    /// and knew of so many.
    pub(crate) fn hear_of_syncs(&mut self, lines: u64) {
        if let Some(synced) = &mut self.synced {
            *synced = lines.max(*synced);
        }
    }

    /// A crash left these lines; says whether acknowledged ones are not among them. Only the last
    /// can be missing, and none that was synced.
    pub(crate) fn lose_what_is_not_in(&mut self, ledger: &Ledger) -> bool {
        let Some(synced) = self.synced else {
            return false;
        };
        let reader = ledger.reader();
        let mut scan = reader.scan().unwrap();
        let mut left = Vec::new();
        while let Some(line) = scan.next_line().unwrap() {
            left.push(line.hash());
        }
        let is_there = |seq: u64, hash: &Digest| left.get(seq as usize) == Some(hash);
        let lost = self.acknowledged.iter();
        let lost = lost.filter(|(_, seq, hash)| !is_there(*seq, hash));
        let first = lost.map(|(_, seq, _)| *seq).min();
        let first = first.unwrap_or(left.len() as u64);
        assert!(
            first >= synced,
            "{first} lines are left of {synced} synced ones"
        );
        let before = self.acknowledged.len();
        self.acknowledged.retain(|(_, seq, hash)| {
            assert!(
                *seq < first || !is_there(*seq, hash),
                "one before {seq} is missing"
            );
            *seq < first
        });
        self.acknowledged.len() < before
    }
}

impl Known {
    #[track_caller]
    pub(crate) fn compare(&self, ledger: &Ledger) {
        let verification = ledger.reader().verify().unwrap();
        assert!(verification.ok(), "{:?}", verification.findings);
        assert_eq!(verification.lines, ledger.len());
        let reader = ledger.reader();
        let mut old = Vec::new();
        let mut imported = reader.imported_lines().unwrap();
        while let Some(line) = imported.next_line().unwrap() {
            old.extend([line, b"\n"].concat());
        }
        assert_eq!(old, self.old, "imported lines were changed");
        let mut scan = reader.scan().unwrap();
        let mut lines = Vec::new();
        while let Some(line) = scan.next_line().unwrap() {
            assert_eq!(line.seq(), lines.len() as u64);
            let body = line.body();
            let n = number(&body);
            assert_eq!(self.submitted.get(n), Some(&body), "nobody submitted this");
            lines.push((n, line.hash()));
        }
        assert_eq!(lines.len() as u64, ledger.len());
        for (n, seq, hash) in &self.acknowledged {
            assert_eq!(
                lines.get(*seq as usize),
                Some(&(*n, *hash)),
                "seq {seq} is lost"
            );
        }
    }
}

/// The number in `{"Run_ID":"r-<n>"`.
fn number(body: &[u8]) -> usize {
    let text = std::str::from_utf8(body).unwrap();
    let rest = text.strip_prefix(r#"{"Run_ID":"r-"#).unwrap();
    rest.split('"').next().unwrap().parse().unwrap()
}
