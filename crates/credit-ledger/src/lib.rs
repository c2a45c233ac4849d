#![doc = include_str!("../README.md")]

mod after;
mod beginning;
mod beneath;
mod chain;
mod digest;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod finding;
mod group;
pub mod hashed_file;
mod head;
mod import;
mod index;
mod json;
pub mod layout;
mod ledger;
mod line;
mod look_up;
mod open;
mod parts;
mod reader;
mod record;
mod scan;
mod storage;
#[cfg(feature = "conformance")]
pub mod storage_conformance;
mod text;
mod verify;
mod window;
mod write_behind;
mod writer;

pub use self::beginning::Import;
pub use self::digest::{Digest, DigestError};
pub use self::error::{AppendError, OpenError, Refused};
pub use self::finding::{Finding, FindingKind, Verification};
pub use self::import::{ImportError, Importable};
pub use self::ledger::{
    Appended, Config, Durability, Head, Ledger, Pending, QueueMax, Receipt, Recovery, Stats,
};
pub use self::line::{Line, OwnedLine};
pub use self::parts::WindowPart;
pub use self::reader::{ImportedLines, ReadError, Reader};
pub use self::record::{LINE_BYTES_MAX, Record, RecordError, Schema};
pub use self::scan::Scan;
pub use self::storage::{FileStorage, IndexStorage, MemoryStorage, Part, Storage, StorageError};
pub use self::text::TextPart;
pub use self::window::{Window, WindowScan};
