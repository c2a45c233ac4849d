//! A disk that forgets: what is live and what is durable are kept apart.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use credit_ledger::{Part, Storage, StorageError};

use crate::common::Rng;

pub(crate) const SECTOR: usize = 512;

/// A process's view of the disk. Several share one disk; each dies alone.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    disk: Arc<Mutex<Disk>>,
    dead: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Disk {
    lines: File,
    head: File,
    set_aside: Vec<(u64, Vec<u8>)>,
    locked: bool,
    fault: Option<Fault>,
    faults_met: u64,
    rng: Rng,
    /// The state after each operation that changed something.
    moments: VecDeque<Moment>,
}

/// One file: what readers see, what a loss of power leaves for certain, and what is between.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    live: Option<Vec<u8>>,
    durable: Option<Vec<u8>>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Cut { size: usize },
}

/// Where a crash can happen.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) lines: File,
    pub(crate) head: File,
    /// The part whose last change is the newest, and may be torn.
    pub(crate) newest: Option<Part>,
}

/// A failure to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// So many operations still succeed.
    pub(crate) after: usize,
    /// So many fail then.
    pub(crate) lasts: usize,
    pub(crate) kind: FaultKind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FaultKind {
    /// EIO; a write may have been done in part, a failed sync drops what it did not write.
    Io,
    /// ENOSPC for what needs room; a write may have been done in part.
    NoSpace,
    /// The process is killed in the middle of the operation.
    Kill,
}

impl Handle {
    pub(crate) fn new(lines: Option<Vec<u8>>, head: Option<Vec<u8>>, rng: Rng) -> Self {
        let disk = Disk {
            lines: File::durable(lines),
            head: File::durable(head),
            set_aside: Vec::new(),
            locked: false,
            fault: None,
            faults_met: 0,
            rng,
            moments: VecDeque::new(),
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
            dead: Arc::default(),
        }
    }

    /// Another process on the same disk.
    pub(crate) fn other(&self) -> Self {
        Self {
            disk: Arc::clone(&self.disk),
            dead: Arc::default(),
        }
    }

    /// Ends this process without its saying goodbye.
    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(crate) fn arm(&self, fault: Option<Fault>) {
        self.disk().fault = fault;
    }

    pub(crate) fn faults_met(&self) -> u64 {
        self.disk().faults_met
    }

    pub(crate) fn set_aside_bytes(&self) -> Vec<(u64, Vec<u8>)> {
        self.disk().set_aside.clone()
    }

    pub(crate) fn moments(&self) -> VecDeque<Moment> {
        std::mem::take(&mut self.disk().moments)
    }

    /// The state now, between two operations.
    pub(crate) fn moment(&self) -> Moment {
        self.disk().moment(None)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk, and whether this operation is to fail.
    fn begin(
        &self,
        needs_room: bool,
    ) -> Result<(MutexGuard<'_, Disk>, Option<FaultKind>), StorageError> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(io_error());
        }
        let mut disk = self.disk();
        let fault = disk.next_fault(needs_room);
        if fault == Some(FaultKind::Kill) {
            self.kill();
        }
        Ok((disk, fault))
    }
}

impl Disk {
    fn file(&mut self, part: Part) -> &mut File {
        match part {
            Part::Lines => &mut self.lines,
            Part::Head => &mut self.head,
        }
    }

    fn next_fault(&mut self, needs_room: bool) -> Option<FaultKind> {
        let fault = self.fault.as_mut()?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        if fault.lasts == 0 {
            self.fault = None;
            return None;
        }
        if fault.kind == FaultKind::NoSpace && !needs_room {
            return None;
        }
        fault.lasts -= 1;
        self.faults_met += 1;
        Some(fault.kind)
    }

    fn moment(&self, newest: Option<Part>) -> Moment {
        Moment {
            lines: self.lines.clone(),
            head: self.head.clone(),
            newest,
        }
    }

    fn remember(&mut self, newest: Option<Part>) {
        let moment = self.moment(newest);
        self.moments.push_back(moment);
    }
}

impl Storage for Handle {
    fn lock(&self, _wait: Duration) -> Result<(), StorageError> {
        let (mut disk, fault) = self.begin(false)?;
        failed(fault)?;
        if disk.locked {
            return Err(StorageError::Locked { pid: None });
        }
        disk.locked = true;
        Ok(())
    }

    fn unlock(&self) {
        self.disk().locked = false;
    }

    fn size(&self, part: Part) -> Result<Option<u64>, StorageError> {
        let (mut disk, fault) = self.begin(false)?;
        failed(fault)?;
        Ok(disk
            .file(part)
            .live
            .as_ref()
            .map(|bytes| bytes.len() as u64))
    }

    fn read_at(&self, part: Part, offset: u64, buffer: &mut [u8]) -> Result<usize, StorageError> {
        let (mut disk, fault) = self.begin(false)?;
        failed(fault)?;
        let bytes = disk.file(part).live.as_deref().unwrap_or_default();
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, part: Part, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let (mut disk, fault) = self.begin(true)?;
        let done = match fault {
            None => bytes.len(),
            Some(_) => disk.rng.below(bytes.len() + 1),
        };
        let file = disk.file(part);
        if done > 0 || (bytes.is_empty() && file.live.is_none()) {
            let (offset, bytes) = (offset as usize, bytes[..done].to_vec());
            file.change(Change::Write { offset, bytes });
            disk.remember(Some(part));
        }
        failed(fault)
    }

    fn truncate(&self, size: u64) -> Result<(), StorageError> {
        let (mut disk, fault) = self.begin(false)?;
        if fault.is_none() || disk.rng.once_in(2) {
            let size = size as usize;
            disk.lines.change(Change::Cut { size });
            disk.remember(Some(Part::Lines));
        }
        failed(fault)
    }

    fn sync(&self, part: Part) -> Result<(), StorageError> {
        let (mut disk, fault) = self.begin(true)?;
        let mut rng = disk.rng.clone();
        let file = disk.file(part);
        match fault {
            None => file.sync(),
            Some(FaultKind::Kill) => {}
            // The system marks what it could not write as written: no later sync will try.
            Some(FaultKind::Io | FaultKind::NoSpace) => file.fail_to_sync(&mut rng),
        }
        disk.rng = rng;
        disk.remember(None);
        failed(fault)
    }

    fn set_aside(&self, offset: u64, bytes: &[u8]) -> Result<String, StorageError> {
        let (mut disk, fault) = self.begin(true)?;
        failed(fault)?;
        disk.set_aside.push((offset, bytes.to_vec()));
        Ok("the simulated disk".to_owned())
    }
}

impl File {
    fn durable(bytes: Option<Vec<u8>>) -> Self {
        Self {
            live: bytes.clone(),
            durable: bytes,
            pending: Vec::new(),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
        // What an earlier sync failed to write stays different: live is not copied.
        if self.live.is_some() {
            self.durable.get_or_insert_default();
        }
    }

    /// Nothing got there and no data ever will, only lengths with a later sync; or everything
    /// got there; or some of it, and the rest never will.
    fn fail_to_sync(&mut self, rng: &mut Rng) {
        let kept = rng.below(3);
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Cut { .. } if kept == 0 => self.pending.push(change),
                Change::Write { .. } if kept == 0 || (kept == 1 && rng.once_in(2)) => {}
                change => change.apply(&mut self.durable),
            }
        }
    }

    pub(crate) fn nothing_pending(&self) -> bool {
        self.pending.is_empty()
    }

    /// The durable bytes and those pending changes that `keeps` says.
    pub(crate) fn with(&self, mut keeps: impl FnMut(usize) -> bool) -> Option<Vec<u8>> {
        let mut bytes = self.durable.clone();
        for (i, change) in self.pending.iter().enumerate() {
            if keeps(i) {
                change.apply(&mut bytes);
            }
        }
        bytes
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Where the newest change writes, if it is a write.
    pub(crate) fn newest_write(&self) -> Option<(usize, usize)> {
        match self.pending.last()? {
            Change::Write { offset, bytes } => Some((*offset, bytes.len())),
            Change::Cut { .. } => None,
        }
    }

    /// All changes but the newest write, of which only the ranges that `keeps` says got there.
    /// It is asked for each stretch between two sector boundaries; if `grown`, the length of
    /// the file did get there, and the rest of the range are zeros.
    pub(crate) fn torn(
        &self,
        grown: bool,
        mut keeps: impl FnMut(usize, usize) -> std::ops::Range<usize>,
    ) -> Option<Vec<u8>> {
        let last = self.pending.len() - 1;
        let mut file = self.with(|i| i < last);
        let Some(Change::Write { offset, bytes }) = self.pending.last() else {
            return file;
        };
        let mut from = 0;
        while from < bytes.len() {
            let boundary = SECTOR - (offset + from) % SECTOR;
            let to = (from + boundary).min(bytes.len());
            let kept = keeps(from, to);
            if !kept.is_empty() {
                let bytes = bytes[kept.clone()].to_vec();
                let offset = offset + kept.start;
                Change::Write { offset, bytes }.apply(&mut file);
            }
            from = to;
        }
        if grown {
            let file = file.get_or_insert_default();
            file.resize(file.len().max(offset + bytes.len()), 0);
        }
        file
    }
}

impl Change {
    fn apply(&self, file: &mut Option<Vec<u8>>) {
        match self {
            Self::Write { offset, bytes } => {
                let file = file.get_or_insert_default();
                let end = offset + bytes.len();
                if file.len() < end && !bytes.is_empty() {
                    file.resize(end, 0);
                }
                if !bytes.is_empty() {
                    file[*offset..end].copy_from_slice(bytes);
                }
            }
            Self::Cut { size } => {
                if let Some(file) = file {
                    file.truncate(*size);
                }
            }
        }
    }
}

fn failed(fault: Option<FaultKind>) -> Result<(), StorageError> {
    match fault {
        None => Ok(()),
        Some(FaultKind::Io | FaultKind::Kill) => Err(io_error()),
        Some(FaultKind::NoSpace) => Err(Error::from(ErrorKind::StorageFull).into()),
    }
}

fn io_error() -> StorageError {
    Error::other("the simulated disk failed").into()
}
