//! Opening: make, follow, recover, or refuse.
//!
//! The only bytes ever removed are those of a tail that no acknowledged line is in, and they
//! are set aside first.

use std::sync::Arc;
use std::time::Instant;

use crate::beginning::Beginning;
use crate::chain::{Chain, follow};
use crate::error::OpenError;
use crate::finding::{Finding, FindingKind};
use crate::head::{HeadFile, HeadRecord};
use crate::import;
use crate::index::{Disk, Index};
use crate::ledger::{Config, Recovery, Stats};
use crate::line::is_origin;
use crate::record::Schema;
use crate::storage::{Locked, Part, Storage, StorageError};
use crate::writer::Writer;

pub(crate) fn open(
    storage: Arc<dyn Storage>,
    schema: Schema,
    config: Config,
) -> Result<(Writer, Option<Recovery>), OpenError> {
    check_arguments(&schema, &config)?;
    let span = tracing::debug_span!("ledger_open");
    let _entered = span.enter();
    let held = Arc::clone(&storage);
    let _locked = Locked::take(&*held, config.lock_wait)?;

    let file = HeadFile::read(&*storage)?;
    let size = storage.size(Part::Lines)?.unwrap_or(0);
    let unborn = file.is_unborn();
    let head = match file.best {
        Some(head) if head.lines == 0 => {
            // Whoever made the ledger may have died before HEAD was durable, or failed to sync
            // it; no line may be before it is.
            head.write(&*storage, 0)?;
            storage.sync(Part::Head)?;
            Some(head)
        }
        Some(head) => Some(head),
        None if size > 0 && unborn && import::is_unchained(&*storage, &schema)? => {
            return Err(OpenError::Unchained);
        }
        None if size > 0 => None,
        None if unborn => Some(create(&*storage, config.origin.clone())?),
        // There were lines once, or HEAD would never have become this long.
        None => {
            let kind = FindingKind::HeadUnreadable;
            return Err(OpenError::Corrupt {
                seq: 0,
                offset: 0,
                kind,
            });
        }
    };
    let disk = head
        .as_ref()
        .filter(|head| head.end <= size && head.lines > 0)
        .and_then(|head| Disk::open(&*storage, &schema, head));
    let chain = begin(&*storage, &schema, head.as_ref(), disk.as_ref())?;
    let mut writer = Writer {
        index: Index::new(schema, config.index_every, chain.beginning.start, disk),
        chain,
        synced_end: 0,
        synced_lines: 0,
        durable_head: head.clone().filter(|head| head.lines == 0),
        head_lines: head.as_ref().map_or(0, |head| head.lines),
        head_age: 0,
        head_synced: Instant::now(),
        // Until it is loaded: a writer that did not open must not write, not even when dropped.
        poisoned: true,
        buffer: Vec::new(),
        pool: Vec::new(),
        stats: Stats::default(),
        storage,
        schema,
        config,
    };
    let recovery = writer.load(head.as_ref(), size)?;
    writer.poisoned = false;
    tracing::debug!(lines = writer.chain.lines, "ledger_opened");
    Ok((writer, recovery))
}

pub(crate) fn check_arguments(schema: &Schema, config: &Config) -> Result<(), OpenError> {
    if !schema.is_sound() {
        return Err(OpenError::Schema);
    }
    match &config.origin {
        Some(origin) if !is_origin(origin.as_bytes()) => Err(OpenError::Origin {
            origin: origin.clone(),
        }),
        _ => Ok(()),
    }
}

/// Makes an empty ledger. HEAD comes first and is durable before the first line: a first line
/// that is torn can then be told from the rest of a ledger that lost its HEAD.
fn create(storage: &dyn Storage, origin: Option<String>) -> Result<HeadRecord, OpenError> {
    let origin = origin_or_random(origin)?;
    let head = HeadRecord::empty(&Beginning {
        origin: Some(origin),
        ..Beginning::default()
    });
    head.write(storage, 0)?;
    storage.sync(Part::Head)?;
    storage.write_at(Part::Lines, 0, b"")?;
    storage.sync(Part::Lines)?;
    Ok(head)
}

/// Where the chain is followed from: the end of what the index knows, or the beginning, whose
/// imported bytes are read for their hash.
fn begin(
    storage: &dyn Storage,
    schema: &Schema,
    head: Option<&HeadRecord>,
    disk: Option<&Disk>,
) -> Result<Chain, OpenError> {
    let mut beginning = Beginning::of(storage, schema, head)?;
    if disk.is_none() {
        beginning = beginning.hashed(storage)?;
    }
    if let Some(head) = head
        && head.is_of_other_import(&beginning)
    {
        return Err(import_changed(head.end));
    }
    let mut chain = Chain::start(beginning);
    if let Some(disk) = disk {
        chain.return_to(disk.position());
    }
    Ok(chain)
}

pub(crate) fn origin_or_random(origin: Option<String>) -> Result<String, OpenError> {
    if let Some(origin) = origin {
        return Ok(origin);
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(OpenError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Writer {
    fn load(
        &mut self,
        head: Option<&HeadRecord>,
        size: u64,
    ) -> Result<Option<Recovery>, OpenError> {
        if let Some(known) = head
            && size < known.end
        {
            return Err(match known.head() {
                Some(head) => OpenError::RolledBack { head, size },
                None => import_changed(known.end),
            });
        }
        let (chain, index) = (&mut self.chain, &mut self.index);
        let broken = follow(&*self.storage, &self.schema, head, chain, index)?;
        let recovery = match broken {
            None => None,
            Some(finding) => Some(self.recover(head, size, finding)?),
        };
        // From now on the file must stay the one that was just read.
        self.storage.write_at(Part::Lines, self.chain.end, b"")?;
        match head {
            Some(head) if head.end == self.chain.end && recovery.is_none() => {
                self.synced_end = head.end;
                self.synced_lines = head.lines;
            }
            Some(head) => {
                self.synced_end = head.end;
                self.settle()?;
                self.publish_head()?;
            }
            None => {
                // Nothing says from where on; a whole chain is all there is to go by.
                self.storage.sync(Part::Lines)?;
                self.synced_end = self.chain.end;
                self.synced_lines = self.chain.lines;
                self.publish_head()?;
            }
        }
        Ok(recovery)
    }

    /// Cuts off a torn tail, or says why this is none.
    fn recover(
        &mut self,
        head: Option<&HeadRecord>,
        size: u64,
        finding: Finding,
    ) -> Result<Recovery, OpenError> {
        let Finding { offset, kind, .. } = finding;
        match kind {
            FindingKind::Forked { head } => return Err(OpenError::Forked { head: Some(head) }),
            FindingKind::OtherOrigin => return Err(OpenError::Forked { head: None }),
            _ => {}
        }
        if head.is_none_or(|head| offset < head.end) {
            return Err(OpenError::Corrupt {
                seq: self.chain.lines,
                offset,
                kind,
            });
        }
        let tail = self.tail(offset, size)?;
        let kept_at = self.storage.set_aside(offset, &tail)?;
        self.storage.truncate(offset)?;
        tracing::warn!(offset, bytes = tail.len(), kept_at, "ledger_recovered");
        Ok(Recovery {
            offset,
            bytes: tail.len() as u64,
            kept_at,
            kind,
        })
    }

    fn tail(&self, offset: u64, size: u64) -> Result<Vec<u8>, StorageError> {
        let length = usize::try_from(size - offset).map_err(|_| too_large())?;
        let mut tail = vec![0; length];
        let mut filled = 0;
        while let Some(room) = tail.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self
                .storage
                .read_at(Part::Lines, offset + filled as u64, room)?
            {
                0 => break,
                count => filled += count,
            }
        }
        tail.truncate(filled);
        Ok(tail)
    }
}

fn import_changed(bytes: u64) -> OpenError {
    OpenError::Corrupt {
        seq: 0,
        offset: 0,
        kind: FindingKind::ImportChanged { bytes },
    }
}

fn too_large() -> StorageError {
    StorageError::Io(std::io::ErrorKind::FileTooLarge.into())
}
