//! Replaying the ledger under another policy.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use credit_core::{RunId, Sha256, StoredRecord, Timestamp};
use credit_ledger::{Head, Reader, Window};
use credit_policy::{Backtest, BacktestResult, Outcomes, Policy};
use serde::{Deserialize, Serialize};

use crate::archive::text;
use crate::weekly::lines::timestamp_of;
use crate::{Archive, Error, Hashed, Tree, files};

/// How many bytes of lines a thread takes at a time: a few hundred lines, which fit its cache.
const BATCH_BYTES: usize = 256 * 1024;

/// What a backtest is about.
#[derive(Clone, Copy, Debug)]
pub struct BacktestRequest<'a> {
    /// The policy to judge by.
    pub candidate: &'a Hashed<Policy>,
    /// What people found out about runs, to score the candidate by.
    pub outcomes: Option<&'a Hashed<Outcomes>>,
    /// Only runs that finished at this instant or later.
    pub from: Option<Timestamp>,
    /// Only runs that finished before this instant.
    pub to: Option<Timestamp>,
}

/// A backtest with everything that it is a function of: made again from the same ledger up to the
/// same line, it has the same bytes.
#[derive(Clone, Debug)]
pub struct BacktestReport {
    /// The candidate's own version.
    pub policy_version: String,
    /// The candidate file's hash.
    pub policy_sha256: Sha256,
    /// The last line of the ledger that was looked at; `None` if it has none.
    pub ledger_head: Option<Head>,
    /// Only runs that finished at this instant or later.
    pub from: Option<Timestamp>,
    /// Only runs that finished before this instant.
    pub to: Option<Timestamp>,
    /// The outcomes file's hash.
    pub outcomes_sha256: Option<Sha256>,
    /// What came out.
    pub result: BacktestResult,
}

impl Archive {
    /// Judges the runs of the ledger again by a candidate policy, each from what its record keeps
    /// and nothing else.
    ///
    /// A record counts only if the policy that it names gives its stored verdict again; every
    /// other one is left out, and the result names it. Every line that is read is checked against
    /// the chain. All cores are used; memory grows only with what the result lists. `progress` is
    /// told how many bytes of how many are done.
    ///
    /// # Errors
    /// [`Error::Read`] if the ledger is missing or damaged.
    ///
    /// ```
    /// use credit_core::{Credits, Run, Sha256, Status};
    /// use credit_monitor::{Archive, BacktestRequest, Hashed, Monitor, Tree};
    /// use credit_policy::{Policy, STANDARD_JSON};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let tree = Tree::new(dir.path());
    /// let now = "2025-01-31T10:00:00Z".parse()?;
    /// Monitor::init(&tree, Vec::new(), now)?;
    /// let monitor = Monitor::open(&tree, now)?;
    /// monitor.observe(Run::new("R-1".parse()?, "EXPORT".parse()?, now, Status::Success,
    ///     Credits::whole(10).unwrap()), now)?;
    ///
    /// // A missing baseline is SEV1 by the standard policy.
    /// let text = STANDARD_JSON.replace(r#""severity": "SEV1""#, r#""severity": "SEV3""#);
    /// let candidate = Hashed {
    ///     value: Policy::parse(&text)?,
    ///     sha256: Sha256::of(text.as_bytes()),
    ///     bytes: text.into_bytes(),
    /// };
    /// let request = BacktestRequest { candidate: &candidate, outcomes: None, from: None, to: None };
    /// let report = Archive::new(&tree).backtest(&request, &|_, _| {})?;
    /// assert_eq!(report.result.replayed.runs, 1);
    /// assert_eq!(report.result.milder.runs, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backtest(
        &self,
        request: &BacktestRequest<'_>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<BacktestReport, Error> {
        let reader = self.ledger()?;
        let head = reader.head().map_err(|e| self.ledger_error(e))?;
        let none = Outcomes::default();
        let outcomes = request.outcomes.map_or(&none, |outcomes| &outcomes.value);
        let backtest = Backtest::new(&request.candidate.value, outcomes);
        let [backtest] = match head {
            Some(head) => {
                let period = (request.from, request.to);
                self.replay(&reader, head, period, [backtest], progress)?
            }
            None => [backtest],
        };
        Ok(BacktestReport {
            policy_version: request.candidate.value.version().to_owned(),
            policy_sha256: request.candidate.sha256,
            ledger_head: head,
            from: request.from,
            to: request.to,
            outcomes_sha256: request.outcomes.map(|outcomes| outcomes.sha256),
            result: backtest.finish(request.from, request.to),
        })
    }

    /// Replays the runs of a period up to a line, once for all of these backtests.
    ///
    /// One thread reads and follows the chain, which cannot be divided; the others judge.
    pub(crate) fn replay<'a, const N: usize>(
        &self,
        reader: &Reader,
        head: Head,
        period: Between,
        empty: [Backtest<'a>; N],
        progress: &dyn Fn(u64, u64),
    ) -> Result<[Backtest<'a>; N], Error> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        // What waits is bounded, and so is the memory.
        let (sender, receiver) = sync_channel(threads);
        let receiver = Mutex::new(receiver);
        thread::scope(|scope| {
            let replays: Vec<_> = (0..threads)
                .map(|_| {
                    let mut replay = Replay {
                        period,
                        policies: Policies::new(self.tree()),
                        backtests: empty.clone(),
                    };
                    let receiver = &receiver;
                    scope.spawn(move || {
                        while let Some(batch) = receive(receiver) {
                            batch.lines().for_each(|(seq, line)| replay.line(seq, line));
                        }
                        replay.backtests
                    })
                })
                .collect();
            let read = self.read_batches(reader, head, period, sender, progress);
            let parts = replays.into_iter().map(|replay| {
                replay
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            let all = parts.fold(empty.clone(), |all, part| {
                let mut part = part.into_iter();
                all.map(|one| match part.next() {
                    Some(more) => one.merge(more),
                    None => one,
                })
            });
            read.map(|()| all)
        })
    }

    /// Sends the lines of the wanted time up to a head, each checked against the chain.
    fn read_batches(
        &self,
        reader: &Reader,
        head: Head,
        (from, to): Between,
        sender: SyncSender<Batch>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), Error> {
        let path = self.tree().ledger();
        let text_of = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let (from, to) = (text_of(from), text_of(to));
        let window = Window {
            from: from.as_deref(),
            to: to.as_deref(),
            ..Window::default()
        };
        let mut scan = reader.window(&window).map_err(|e| self.ledger_error(e))?;
        let mut batch = Batch::default();
        while let Some(line) = scan.next_line().map_err(|e| self.ledger_error(e))? {
            if line.seq() > head.seq {
                break;
            }
            batch.push(line.seq(), text(line.raw(), &path)?);
            if batch.text.len() >= BATCH_BYTES {
                progress(line.offset(), head.end);
                // Nobody receives only after a panic, which the scope passes on.
                if sender.send(std::mem::take(&mut batch)).is_err() {
                    return Ok(());
                }
            }
        }
        let _ = sender.send(batch);
        progress(head.end, head.end);
        Ok(())
    }
}

impl BacktestReport {
    /// The report as one compact JSON object.
    ///
    /// # Errors
    /// None that could be provoked: everything in it has a JSON form.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Json {
            policy_version: &self.policy_version,
            policy_sha256: self.policy_sha256.to_string(),
            ledger_head: self.ledger_head.map(|head| JsonHead {
                seq: head.seq,
                hash: head.hash.to_string(),
            }),
            from: self.from,
            to: self.to,
            outcomes_sha256: self.outcomes_sha256.map(|sha256| sha256.to_string()),
            result: &self.result,
        })
    }
}

/// Lines in one piece of memory.
#[derive(Debug, Default)]
struct Batch {
    text: String,
    /// The number of each line, and where it ends.
    lines: Vec<(u64, usize)>,
}

impl Batch {
    fn push(&mut self, seq: u64, line: &str) {
        if self.text.is_empty() {
            self.text.reserve(BATCH_BYTES + line.len());
        }
        self.text.push_str(line);
        self.lines.push((seq, self.text.len()));
    }

    fn lines(&self) -> impl Iterator<Item = (u64, &str)> {
        let ends = self.lines.iter().map(|(_, end)| *end);
        let starts = std::iter::once(0).chain(ends);
        let lines = starts.zip(&self.lines);
        lines.filter_map(|(start, (seq, end))| Some((*seq, self.text.get(start..*end)?)))
    }
}

fn receive(receiver: &Mutex<Receiver<Batch>>) -> Option<Batch> {
    let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    receiver.recv().ok()
}

/// From when, and until before when, where that is limited.
type Between = (Option<Timestamp>, Option<Timestamp>);

/// One thread's part of some backtests.
struct Replay<'a, 'b, const N: usize> {
    period: Between,
    policies: Policies<'b>,
    backtests: [Backtest<'a>; N],
}

impl<const N: usize> Replay<'_, '_, N> {
    fn line(&mut self, seq: u64, line: &str) {
        if !self.wanted(line) {
            return;
        }
        let record = match StoredRecord::parse(line) {
            Ok(record) => record,
            Err(error) => {
                let named: Option<Named> = serde_json::from_str(line).ok();
                let run_id = named.map(|named| named.run_id);
                let reason = format!("`{}`: {}", error.field, error.problem);
                return self.leave_out(seq, run_id.as_ref(), &reason);
            }
        };
        match self.policies.get(record.inputs.policy_sha256) {
            Ok(own) => {
                for backtest in &mut self.backtests {
                    backtest.replay(seq, &record, own);
                }
            }
            Err(reason) => {
                let reason = reason.clone();
                self.leave_out(seq, Some(&record.run.run_id), &reason);
            }
        }
    }

    fn leave_out(&mut self, seq: u64, run_id: Option<&RunId>, reason: &str) {
        for backtest in &mut self.backtests {
            backtest.leave_out(seq, run_id.cloned(), reason.to_owned());
        }
    }

    /// Whether a line is of the wanted time; one that tells no time is, so that it gets named.
    fn wanted(&self, line: &str) -> bool {
        let (from, to) = self.period;
        if from.is_none() && to.is_none() {
            return true;
        }
        timestamp_of(line)
            .is_none_or(|at| from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to))
    }
}

/// The policies that records name, each read once.
struct Policies<'a> {
    tree: &'a Tree,
    read: HashMap<Sha256, Result<Policy, String>>,
}

impl<'a> Policies<'a> {
    fn new(tree: &'a Tree) -> Policies<'a> {
        Policies {
            tree,
            read: HashMap::new(),
        }
    }

    /// The policy with this hash, or why it cannot be had.
    fn get(&mut self, sha256: Sha256) -> Result<&Policy, &String> {
        let Policies { tree, read } = self;
        read.entry(sha256)
            .or_insert_with(|| read_policy(tree, sha256))
            .as_ref()
    }
}

fn read_policy(tree: &Tree, sha256: Sha256) -> Result<Policy, String> {
    let unusable = |why: &dyn std::fmt::Display| {
        format!("the policy that it names, objects/{sha256}, cannot be used: {why}")
    };
    let bytes = files::read(&tree.object(sha256)).map_err(|e| unusable(&e))?;
    if Sha256::of(&bytes) != sha256 {
        return Err(unusable(&"its content has another hash"));
    }
    let text = str::from_utf8(&bytes).map_err(|e| unusable(&e))?;
    Policy::parse(text).map_err(|e| unusable(&e))
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "Run_ID")]
    run_id: RunId,
}

#[derive(Serialize)]
struct Json<'a> {
    policy_version: &'a str,
    policy_sha256: String,
    ledger_head: Option<JsonHead>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    outcomes_sha256: Option<String>,
    result: &'a BacktestResult,
}

#[derive(Serialize)]
struct JsonHead {
    seq: u64,
    hash: String,
}
