//! Group commit: callers queue their records, and one of them writes for all.
//!
//! There is no thread of its own. Whoever waits for an answer and finds nobody writing leads:
//! takes everything queued, has it written and synced once, answers, and calls one of those who
//! wait for the next batch. Locks are taken in the order queue, sleepers; the writer's is taken
//! with neither held.

use std::iter;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;

use crate::error::{AppendError, Refused};
use crate::ledger::{Appended, QueueMax};
use crate::record::Record;
use crate::writer::Writer;

/// How often a leader lets others run before it goes without them.
const GATHER_YIELDS: usize = 64;

/// So many yields in a row without a new record mean that nobody is coming.
const GATHER_IDLE: usize = 3;

#[derive(Debug)]
pub(crate) struct Group {
    max: QueueMax,
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Queue {
    /// INVARIANT: a batch without an outcome is this one, or somebody leads and has it.
    batch: Arc<Batch>,
    records: Vec<Record>,
    bytes: usize,
    /// Whether somebody is writing for all.
    led: bool,
    /// How many records the last batch had.
    last: usize,
    overloaded: u64,
}

/// What those wait for whose records are written together.
#[derive(Debug)]
struct Batch {
    /// Gone only when everything is answered: whoever drops it last has closed the ledger.
    group: Weak<Group>,
    /// Read without a lock: who waits for thousands of records finds most of them answered.
    outcome: OnceLock<Outcome>,
    sleepers: Mutex<Sleepers>,
    changed: Condvar,
}

/// What became of each record, in the order of the queue; or of none.
type Outcome = Result<Vec<Answer>, AppendError>;

/// What became of one record.
pub(crate) type Answer = Result<Appended, Refused>;

#[derive(Debug, Default)]
struct Sleepers {
    count: usize,
    /// Whether one of them is called to lead.
    called: bool,
}

/// The place of a caller's records in their batch.
#[derive(Debug)]
pub(crate) struct Ticket {
    batch: Arc<Batch>,
    first: usize,
}

/// What waits to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) overloaded: u64,
}

impl Group {
    pub(crate) fn new(writer: Writer, max: QueueMax) -> Arc<Self> {
        Arc::new_cyclic(|group| Self {
            max,
            queue: Mutex::new(Queue::new(Batch::new(group))),
            writer: Mutex::new(writer),
        })
    }

    /// Appends and waits. A full queue that nobody is emptying is written first.
    pub(crate) fn append(&self, records: Vec<Record>) -> Result<Vec<Answer>, AppendError> {
        let bytes = records.iter().map(|record| record.body().len()).sum();
        let count = records.len();
        let Ticket { batch, first } = self.enqueue(records, bytes, true)?;
        let answers = self.wait(&batch)?.iter();
        Ok(answers.skip(first).take(count).cloned().collect())
    }

    /// The same with one record.
    pub(crate) fn append_one(&self, record: Record) -> Result<Appended, AppendError> {
        let bytes = record.body().len();
        self.enqueue(iter::once(record), bytes, true)?.answer()
    }

    /// Queues one record and returns at once.
    pub(crate) fn submit(&self, record: Record) -> Result<Ticket, AppendError> {
        let bytes = record.body().len();
        self.enqueue(iter::once(record), bytes, false)
    }

    /// Returns when everything that was queued before is answered.
    pub(crate) fn flush(&self) -> Result<(), AppendError> {
        let batch = {
            let queue = self.queue();
            if queue.records.is_empty() && !queue.led {
                return Ok(());
            }
            // Whoever leads it has waited for the one before.
            Arc::clone(&queue.batch)
        };
        self.wait(&batch).map(|_| ())
    }

    /// Makes everything durable, unless a panic left it in doubt.
    pub(crate) fn close(&self) -> Result<(), AppendError> {
        match self.writer.lock() {
            Ok(mut writer) => writer.close(),
            Err(_) => Err(AppendError::Poisoned(None)),
        }
    }

    pub(crate) fn depth(&self) -> Depth {
        let queue = self.queue();
        Depth {
            records: queue.records.len(),
            bytes: queue.bytes,
            overloaded: queue.overloaded,
        }
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(
        &self,
        records: impl IntoIterator<Item = Record, IntoIter: ExactSizeIterator>,
        bytes: usize,
        may_lead: bool,
    ) -> Result<Ticket, AppendError> {
        let records = records.into_iter();
        let mut queue = self.queue();
        while !queue.has_room(records.len(), bytes, &self.max) {
            if queue.led || !may_lead {
                queue.overloaded += 1;
                return Err(AppendError::Overloaded {
                    records: queue.records.len(),
                    bytes: queue.bytes,
                });
            }
            queue = self.lead(queue);
        }
        let first = queue.records.len();
        queue.records.extend(records);
        queue.bytes += bytes;
        let batch = Arc::clone(&queue.batch);
        Ok(Ticket { batch, first })
    }

    /// Waits for a batch's answers, and writes for all if nobody else does.
    fn wait<'b>(&self, batch: &'b Batch) -> Result<&'b [Answer], AppendError> {
        loop {
            if let Some(answers) = batch.answers() {
                return answers;
            }
            let queue = self.queue();
            if queue.led {
                let sleepers = batch.sleepers();
                drop(queue);
                batch.sleep(sleepers);
            } else if batch.outcome.get().is_none() {
                drop(self.lead(queue));
            }
        }
    }

    /// Writes everything that is queued.
    fn lead<'g>(&'g self, mut queue: MutexGuard<'g, Queue>) -> MutexGuard<'g, Queue> {
        queue.led = true;
        let mut queue = self.gather(queue);
        let lead = Lead {
            group: self,
            batch: Arc::clone(&queue.batch),
        };
        queue.batch = Batch::new(&lead.batch.group);
        // The next batch will be about as large: who queues for it need not wait for room.
        let room = Vec::with_capacity(queue.records.len());
        let records = mem::replace(&mut queue.records, room);
        queue.bytes = 0;
        queue.last = records.len();
        drop(queue);
        // A panic in the middle of a batch leaves the same doubt as a failed sync.
        let outcome = match self.writer.lock() {
            Ok(mut writer) => writer.append(&records),
            Err(_) => Err(AppendError::Poisoned(None)),
        };
        lead.batch.conclude(outcome);
        drop(lead);
        drop(records);
        self.queue()
    }

    /// Lets those come who were just answered and will want the next batch: without it a batch
    /// of one and a batch of all others would alternate. A single caller never waits here.
    fn gather<'g>(&'g self, mut queue: MutexGuard<'g, Queue>) -> MutexGuard<'g, Queue> {
        let mut idle = 0;
        for _ in 0..GATHER_YIELDS {
            let before = queue.records.len();
            if before >= queue.last || idle >= GATHER_IDLE {
                break;
            }
            drop(queue);
            thread::yield_now();
            queue = self.queue();
            idle = if queue.records.len() == before {
                idle + 1
            } else {
                0
            };
        }
        queue
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn new(batch: Arc<Batch>) -> Self {
        Self {
            batch,
            records: Vec::new(),
            bytes: 0,
            led: false,
            last: 0,
            overloaded: 0,
        }
    }

    /// One batch is always let in: it may be larger than the queue.
    fn has_room(&self, records: usize, bytes: usize, max: &QueueMax) -> bool {
        self.records.is_empty()
            || (self.records.len() + records <= max.records && self.bytes + bytes <= max.bytes)
    }
}

impl Ticket {
    /// Waits for the answer to its only record.
    pub(crate) fn answer(&self) -> Result<Appended, AppendError> {
        let answer = self.batch.wait()?.get(self.first).cloned();
        Ok(answer.ok_or(AppendError::Poisoned(None))??)
    }
}

impl Batch {
    fn new(group: &Weak<Group>) -> Arc<Self> {
        Arc::new(Self {
            group: Weak::clone(group),
            outcome: OnceLock::new(),
            sleepers: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// The outcome, if there is one, as each of those who wait is told it.
    fn answers(&self) -> Option<Result<&[Answer], AppendError>> {
        let outcome = self.outcome.get()?.as_ref();
        Some(outcome.map(Vec::as_slice).map_err(AppendError::again))
    }

    /// Waits for it. Most often it is there, and nothing is asked that callers share.
    fn wait(&self) -> Result<&[Answer], AppendError> {
        if let Some(answers) = self.answers() {
            return answers;
        }
        match self.group.upgrade() {
            Some(group) => group.wait(self),
            None => self.answers().unwrap_or(Err(AppendError::Poisoned(None))),
        }
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until there is an outcome, or somebody is called to lead.
    fn sleep(&self, mut sleepers: MutexGuard<'_, Sleepers>) {
        sleepers.count += 1;
        while self.outcome.get().is_none() && !sleepers.called {
            let woken = self.changed.wait(sleepers);
            sleepers = woken.unwrap_or_else(PoisonError::into_inner);
        }
        sleepers.count -= 1;
        sleepers.called = false;
    }

    /// Wakes one of those who sleep, to lead. If nobody does, the next one who waits leads.
    fn call_one(&self) {
        let mut sleepers = self.sleepers();
        if sleepers.count > 0 {
            sleepers.called = true;
            drop(sleepers);
            self.changed.notify_one();
        }
    }

    /// Tells everybody, once.
    fn conclude(&self, outcome: Outcome) {
        // Waking nobody would cost a system call.
        if self.outcome.set(outcome).is_ok() && self.sleepers().count > 0 {
            self.changed.notify_all();
        }
    }
}

/// A leader's duty: whatever happens, everybody is answered and somebody else may lead.
struct Lead<'g> {
    group: &'g Group,
    batch: Arc<Batch>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // Only after a panic there is no outcome yet.
        self.batch.conclude(Err(AppendError::Poisoned(None)));
        let mut queue = self.group.queue();
        queue.led = false;
        queue.batch.call_one();
    }
}
