//! What opening a ledger cut off and set aside becomes an event, whoever opened it.
//!
//! A file in `recovered/` gets its sidecar when the events tell of it. So what a process cut off
//! that died before it could tell, or that only reads events, is told by the next one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use credit_core::Timestamp;
use credit_governance::{Actor, Event, What};
use credit_ledger::hashed_file::HashedDir;

use crate::{Error, Monitor, files};

/// Where a ledger sets aside what it cuts off.
const RECOVERED: &str = "recovered";

impl Monitor {
    /// Records what was cut off and is not told yet.
    pub(crate) fn record_recovered(&self, now: Timestamp) -> Result<(), Error> {
        let monitoring = self.tree().monitoring();
        let path = monitoring.join(RECOVERED);
        let dir =
            HashedDir::open_in(&monitoring, RECOVERED).map_err(Error::io("opening", &path))?;
        let Some(dir) = dir else { return Ok(()) };
        for Untold {
            name,
            ledger,
            offset,
        } in untold(&path)?
        {
            let file = path.join(&name);
            let bytes = files::read(&file).map_err(Error::io("reading", &file))?;
            let what = What::TailRecovered {
                ledger,
                offset,
                bytes: bytes.len() as u64,
                kept_in: file.display().to_string(),
            };
            self.record_event(&Event::new(now, &Actor::Service, what))?;
            let told = dir.write_once_durable(&name, &bytes, None);
            told.map_err(|e| Error::io("writing the .sha256 of", file)(std::io::Error::other(e)))?;
        }
        Ok(())
    }
}

/// A tail that has no sidecar.
struct Untold {
    name: String,
    ledger: String,
    offset: u64,
}

fn untold(path: &Path) -> Result<Vec<Untold>, Error> {
    let reading = || Error::io("reading", path);
    let mut untold = Vec::new();
    for entry in fs::read_dir(path).map_err(reading())? {
        let entry = entry.map_err(reading())?;
        let is_file = entry.file_type().map_err(reading())?.is_file();
        if let Some(tail) = parse(entry.file_name()).filter(|_| is_file)
            && !sidecar(path, &tail.name).exists()
        {
            untold.push(tail);
        }
    }
    untold.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(untold)
}

/// `<stem>-<offset>-<16 hex>.bin`.
fn parse(name: OsString) -> Option<Untold> {
    let name = name.into_string().ok()?;
    let (place, _hash) = name.strip_suffix(".bin")?.rsplit_once('-')?;
    let (stem, offset) = place.rsplit_once('-')?;
    let (ledger, offset) = (format!("{stem}.jsonl"), offset.parse().ok()?);
    Some(Untold {
        name,
        ledger,
        offset,
    })
}

fn sidecar(path: &Path, name: &str) -> PathBuf {
    path.join(format!("{name}.sha256"))
}
