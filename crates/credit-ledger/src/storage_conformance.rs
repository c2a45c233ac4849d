//! What every [`Storage`] must do, to be called from the tests of whoever writes one.
//!
//! ```
//! use credit_ledger::{MemoryStorage, Storage, storage_conformance};
//!
//! storage_conformance::check(|| {
//!     let storage = MemoryStorage::new();
//!     // Each call is another handle on the same data.
//!     move || -> Box<dyn Storage> { Box::new(storage.clone()) }
//! })?;
//! # Ok::<(), storage_conformance::Nonconforming>(())
//! ```

use std::fmt::Debug;
use std::time::Duration;

use crate::{Config, Digest, Ledger, Part, Reader, Record, Schema, Storage, StorageError};

/// A storage does not do what its contract says.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{rule}: {found}")]
#[non_exhaustive]
pub struct Nonconforming {
    /// What should hold.
    pub rule: &'static str,
    /// What was found instead.
    pub found: String,
}

const PARTS: [Part; 2] = [Part::Lines, Part::Head];

const SCHEMA: Schema = Schema {
    id: "Id",
    identity: "Identity",
    file_hash: None,
    origin: "Origin",
    time: None,
    severity: None,
    scenario: None,
};

/// Tries a storage out. Each call of `fresh` gives one that is empty, as a function that opens
/// handles on it.
///
/// What a loss of power does cannot be tried out here; neither can more than one process.
///
/// # Errors
/// The first rule that does not hold.
pub fn check<F>(mut fresh: impl FnMut() -> F) -> Result<(), Nonconforming>
where
    F: Fn() -> Box<dyn Storage>,
{
    for part in PARTS {
        absent(&*fresh()(), part)?;
        writes(&fresh(), part)?;
    }
    parts_are_separate(&*fresh()())?;
    truncates(&fresh())?;
    locks(&fresh())?;
    sets_aside(&*fresh()())?;
    index(&fresh())?;
    ledger(&fresh())
}

fn absent(storage: &dyn Storage, part: Part) -> Result<(), Nonconforming> {
    let rule = "a part that was never written does not exist";
    same(rule, None, done(rule, storage.size(part))?)?;
    let mut buffer = [7; 4];
    let count = done(rule, storage.read_at(part, 0, &mut buffer))?;
    same("what does not exist has no bytes", 0, count)
}

fn writes(open: &dyn Fn() -> Box<dyn Storage>, part: Part) -> Result<(), Nonconforming> {
    let storage = open();
    let rule = "an empty write makes the part";
    done(rule, storage.write_at(part, 0, b""))?;
    same(rule, Some(0), done(rule, storage.size(part))?)?;
    let rule = "what was written is read, by every handle";
    let other = open();
    let long: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    done(rule, storage.write_at(part, 0, &long))?;
    done(rule, storage.write_at(part, 10, b"changed"))?;
    done(rule, storage.write_at(part, long.len() as u64, b"more"))?;
    let mut wanted = long;
    wanted.splice(10..17, *b"changed");
    wanted.extend_from_slice(b"more");
    for storage in [&storage, &other] {
        let size = done(rule, storage.size(part))?;
        same(rule, Some(wanted.len() as u64), size)?;
        let read = read_all(&**storage, part)?;
        same(rule, true, read == wanted)?;
    }
    let mut buffer = [0; 4];
    let behind = storage.read_at(part, wanted.len() as u64 + 5, &mut buffer);
    same("behind the end there are no bytes", 0, done(rule, behind)?)?;
    let rule = "a part that exists can be synced, more than once";
    done(rule, storage.sync(part))?;
    done(rule, storage.sync(part))
}

fn parts_are_separate(storage: &dyn Storage) -> Result<(), Nonconforming> {
    let rule = "the parts do not touch each other";
    done(rule, storage.write_at(Part::Lines, 0, b"lines"))?;
    same(rule, None, done(rule, storage.size(Part::Head))?)?;
    done(rule, storage.write_at(Part::Head, 0, b"head"))?;
    done(rule, storage.truncate(0))?;
    same(rule, b"head".to_vec(), read_all(storage, Part::Head)?)
}

fn truncates(open: &dyn Fn() -> Box<dyn Storage>) -> Result<(), Nonconforming> {
    let rule = "what was cut off is gone, and what is before it is not";
    let (storage, other) = (open(), open());
    done(rule, storage.write_at(Part::Lines, 0, b"0123456789"))?;
    done(rule, storage.truncate(4))?;
    done(rule, storage.truncate(4))?;
    same(rule, b"0123".to_vec(), read_all(&*other, Part::Lines)?)?;
    done(rule, storage.write_at(Part::Lines, 4, b"x"))?;
    same(rule, b"0123x".to_vec(), read_all(&*other, Part::Lines)?)
}

fn locks(open: &dyn Fn() -> Box<dyn Storage>) -> Result<(), Nonconforming> {
    let rule = "while one handle has the lock, none gets it";
    let (holder, other) = (open(), open());
    for _ in 0..2 {
        done(rule, holder.lock(Duration::ZERO))?;
        for storage in [&holder, &other] {
            let locked = storage.lock(Duration::from_millis(2));
            let refused = matches!(locked, Err(StorageError::Locked { .. }));
            same(rule, true, refused)?;
        }
        holder.unlock();
    }
    let rule = "a lock that was given back can be taken";
    done(rule, other.lock(Duration::from_secs(1)))?;
    other.unlock();
    Ok(())
}

fn sets_aside(storage: &dyn Storage) -> Result<(), Nonconforming> {
    let rule = "bytes are set aside, the same ones again after a crash, and it is said where";
    done(rule, storage.write_at(Part::Lines, 0, b"lines"))?;
    for _ in 0..2 {
        let place = done(rule, storage.set_aside(5, b"torn"))?;
        same(rule, false, place.is_empty())?;
    }
    same(rule, b"lines".to_vec(), read_all(storage, Part::Lines)?)
}

fn index(open: &dyn Fn() -> Box<dyn Storage>) -> Result<(), Nonconforming> {
    let rule = "an index, if one is kept, is read as it was written";
    let (storage, other) = (open(), open());
    let (Some(index), Some(read)) = (storage.index(), other.index()) else {
        return Ok(());
    };
    let mut buffer = [0; 4];
    let count = index.read_index(0, &mut buffer).map_err(StorageError::from);
    same(
        "an index that was never written has no bytes",
        0,
        done(rule, count)?,
    )?;
    let written = index.write_index(8192, b"page").map_err(StorageError::from);
    done(rule, written)?;
    let count = read
        .read_index(8192, &mut buffer)
        .map_err(StorageError::from);
    same(rule, (4, *b"page"), (done(rule, count)?, buffer))
}

/// The whole at work: two handles that take turns, and a third one that reads.
fn ledger(open: &dyn Fn() -> Box<dyn Storage>) -> Result<(), Nonconforming> {
    let rule = "a ledger works on it";
    let config = || Config {
        index_every: 4096,
        ..Config::default()
    };
    let first = done(rule, Ledger::open(open(), SCHEMA, config()))?;
    let second = done(rule, Ledger::open(open(), SCHEMA, config()))?;
    for n in 0..200 {
        let writer = if n % 3 == 0 { &second } else { &first };
        let identity = Digest::of(format!("{n}").as_bytes());
        let body = format!(r#"{{"Id":"r-{n}","Identity":"{identity}"}}"#);
        let record = done(rule, Record::new(&SCHEMA, body.into_bytes()))?;
        done(rule, writer.append(record))?;
    }
    drop(second);
    done(rule, first.close())?;
    let again = done(rule, Ledger::open(open(), SCHEMA, config()))?;
    same(rule, 200, again.len())?;
    let reader = done(rule, Reader::open(open(), SCHEMA))?;
    let found = done(rule, reader.find("r-17"))?;
    same(rule, Some(17), found.map(|line| line.seq()))?;
    same(rule, Vec::new(), done(rule, reader.verify())?.findings)
}

fn read_all(storage: &dyn Storage, part: Part) -> Result<Vec<u8>, Nonconforming> {
    let rule = "reading ends at the end";
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = done(rule, storage.read_at(part, bytes.len() as u64, &mut buffer))?;
        if count == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
}

fn done<T, E: Debug>(rule: &'static str, result: Result<T, E>) -> Result<T, Nonconforming> {
    result.map_err(|error| Nonconforming {
        rule,
        found: format!("{error:?}"),
    })
}

fn same<T: Debug + PartialEq>(
    rule: &'static str,
    wanted: T,
    found: T,
) -> Result<(), Nonconforming> {
    if wanted == found {
        return Ok(());
    }
    Err(Nonconforming {
        rule,
        found: format!("{found:?} instead of {wanted:?}"),
    })
}
