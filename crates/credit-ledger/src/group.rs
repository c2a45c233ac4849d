//! Group commit: callers queue their records, and one of them writes for all.
//!
//! There is no thread of its own. Whoever waits for an answer and finds nobody writing leads:
//! takes everything queued, has it written and synced once, answers, and calls the next one who
//! waits. Locks are taken in the order queue, ticket; the writer's is taken with neither held.

use std::iter;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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

/// INVARIANT: a ticket without an answer is in `jobs`, or somebody leads and has it.
#[derive(Debug, Default)]
struct Queue {
    records: Vec<Record>,
    bytes: usize,
    jobs: Vec<Job>,
    /// Whether somebody is writing for all.
    led: bool,
    /// How many records the last batch had.
    last: usize,
    overloaded: u64,
}

/// So many of the queue's records, in their order, are one caller's.
#[derive(Debug)]
struct Job {
    ticket: Arc<Ticket>,
    records: usize,
}

/// What a caller waits for.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    state: Mutex<State>,
    changed: Condvar,
}

/// What became of one record.
pub(crate) type Answer = Result<Appended, Refused>;

/// What became of a caller's records: most have one, and need no list for it.
#[derive(Debug)]
pub(crate) enum Answers {
    One(Answer),
    Many(Vec<Answer>),
}

#[derive(Debug, Default)]
struct State {
    answer: Option<Result<Answers, AppendError>>,
    /// Whether somebody sleeps on this ticket: waking nobody costs a system call.
    waiting: bool,
    /// Whether whoever sleeps is called to lead.
    called: bool,
}

/// What waits to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) overloaded: u64,
}

impl Group {
    pub(crate) fn new(writer: Writer, max: QueueMax) -> Self {
        Self {
            max,
            queue: Mutex::default(),
            writer: Mutex::new(writer),
        }
    }

    /// Appends and waits. A full queue that nobody is emptying is written first.
    pub(crate) fn append(&self, records: Vec<Record>) -> Result<Answers, AppendError> {
        let bytes = records.iter().map(|record| record.body().len()).sum();
        let ticket = self.enqueue(records, bytes, true)?;
        self.wait(&ticket)
    }

    /// Queues and returns at once.
    pub(crate) fn submit(&self, record: Record) -> Result<Arc<Ticket>, AppendError> {
        let bytes = record.body().len();
        self.enqueue(iter::once(record), bytes, false)
    }

    /// Waits for a ticket's answer, and writes for all if nobody else does.
    pub(crate) fn wait(&self, ticket: &Ticket) -> Result<Answers, AppendError> {
        // Who waits for many tickets finds most of them answered.
        if let Some(answer) = ticket.state().answer.take() {
            return answer;
        }
        loop {
            let queue = self.queue();
            let mut state = ticket.state();
            if let Some(answer) = state.answer.take() {
                return answer;
            }
            if !queue.led {
                drop(state);
                drop(self.lead(queue));
                continue;
            }
            drop(queue);
            state.waiting = true;
            while state.answer.is_none() && !state.called {
                let woken = ticket.changed.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            }
            (state.waiting, state.called) = (false, false);
        }
    }

    /// Returns when everything that was queued before is answered.
    pub(crate) fn flush(&self) -> Result<(), AppendError> {
        let idle = {
            let queue = self.queue();
            queue.jobs.is_empty() && !queue.led
        };
        if idle {
            return Ok(());
        }
        let ticket = Arc::default();
        self.queue().add(&ticket, Vec::new(), 0);
        self.wait(&ticket).map(|_| ())
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
    ) -> Result<Arc<Ticket>, AppendError> {
        let records = records.into_iter();
        // Made before the lock that all callers share.
        let ticket = Arc::default();
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
        queue.add(&ticket, records, bytes);
        Ok(ticket)
    }

    /// Writes everything that is queued.
    fn lead<'g>(&'g self, mut queue: MutexGuard<'g, Queue>) -> MutexGuard<'g, Queue> {
        queue.led = true;
        let mut queue = self.gather(queue);
        // The next batch will be about as large: who queues for it need not wait for room.
        let (jobs, records) = (queue.jobs.len(), queue.records.len());
        let mut lead = Lead {
            group: self,
            jobs: mem::replace(&mut queue.jobs, Vec::with_capacity(jobs)),
        };
        let records = mem::replace(&mut queue.records, Vec::with_capacity(records));
        queue.bytes = 0;
        queue.last = records.len();
        drop(queue);
        // A panic in the middle of a batch leaves the same doubt as a failed sync.
        let answers = match self.writer.lock() {
            Ok(mut writer) => writer.append(&records),
            Err(_) => Err(AppendError::Poisoned(None)),
        };
        lead.answer(answers);
        drop(lead);
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
    /// One batch is always let in: it may be larger than the queue.
    fn has_room(&self, records: usize, bytes: usize, max: &QueueMax) -> bool {
        self.records.is_empty()
            || (self.records.len() + records <= max.records && self.bytes + bytes <= max.bytes)
    }

    fn add(
        &mut self,
        ticket: &Arc<Ticket>,
        records: impl IntoIterator<Item = Record>,
        bytes: usize,
    ) {
        let before = self.records.len();
        self.records.extend(records);
        self.jobs.push(Job {
            ticket: Arc::clone(ticket),
            records: self.records.len() - before,
        });
        self.bytes += bytes;
    }

    /// Wakes one of those who sleep, to lead. If nobody does, the next one who waits leads.
    fn call_next(&self) {
        for job in &self.jobs {
            let mut state = job.ticket.state();
            if state.waiting {
                state.called = true;
                drop(state);
                job.ticket.changed.notify_one();
                return;
            }
        }
    }
}

impl Answers {
    /// The answer to a caller's only record.
    pub(crate) fn one(self) -> Result<Appended, AppendError> {
        let answer = match self {
            Self::One(answer) => Some(answer),
            Self::Many(mut answers) => answers.pop(),
        };
        Ok(answer.ok_or(AppendError::Poisoned(None))??)
    }

    pub(crate) fn all(self) -> Vec<Answer> {
        match self {
            Self::One(answer) => vec![answer],
            Self::Many(answers) => answers,
        }
    }
}

impl Ticket {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, answer: Result<Answers, AppendError>) {
        let mut state = self.state();
        state.answer = Some(answer);
        let waiting = state.waiting;
        drop(state);
        if waiting {
            self.changed.notify_one();
        }
    }
}

/// A leader's duty: whatever happens, everybody is answered and somebody else may lead.
struct Lead<'g> {
    group: &'g Group,
    jobs: Vec<Job>,
}

impl Lead<'_> {
    fn answer(&mut self, answers: Result<Vec<Answer>, AppendError>) {
        let jobs = mem::take(&mut self.jobs);
        match answers {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                for Job { ticket, records } in jobs {
                    let one = if records == 1 { answers.next() } else { None };
                    let many = || Answers::Many(answers.by_ref().take(records).collect());
                    ticket.set(Ok(one.map_or_else(many, Answers::One)));
                }
            }
            Err(error) => {
                for Job { ticket, .. } in jobs {
                    ticket.set(Err(error.again()));
                }
            }
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if !self.jobs.is_empty() {
            self.answer(Err(AppendError::Poisoned(None)));
        }
        let mut queue = self.group.queue();
        queue.led = false;
        queue.call_next();
    }
}
