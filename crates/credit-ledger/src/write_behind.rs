//! Writing a large batch's pieces on a second thread while the next ones are hashed.

use std::mem;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use crate::error::AppendError;
use crate::storage::{Part, Storage, StorageError};

/// How many pieces may wait: that bounds the memory.
const WAITING_MAX: usize = 4;

/// Lines for a place in the file.
struct Piece {
    at: u64,
    bytes: Vec<u8>,
}

/// The sending end.
pub(crate) struct WriteBehind<'p> {
    pieces: SyncSender<Piece>,
    written: Receiver<Vec<u8>>,
    pool: &'p mut Vec<Vec<u8>>,
}

impl WriteBehind<'_> {
    /// Takes the bytes out of `buffer` and has them written at this place, soon.
    pub(crate) fn write(&mut self, at: u64, buffer: &mut Vec<u8>) -> Result<(), StorageError> {
        self.pool.extend(self.written.try_iter());
        let empty = self.pool.pop().unwrap_or_default();
        let bytes = mem::replace(buffer, empty);
        // Who does not receive has failed, and `run` says why.
        let failed = |_| StorageError::Io(std::io::ErrorKind::BrokenPipe.into());
        self.pieces.send(Piece { at, bytes }).map_err(failed)
    }
}

/// Runs `lay_out`, and returns when everything it handed over is written or something failed.
/// Nothing is being written any more then.
///
/// `pool` keeps the buffers for the next batch.
pub(crate) fn run<T>(
    storage: &dyn Storage,
    pool: &mut Vec<Vec<u8>>,
    lay_out: impl FnOnce(&mut WriteBehind<'_>) -> Result<T, AppendError>,
) -> Result<T, AppendError> {
    thread::scope(|scope| {
        let (pieces, waiting) = sync_channel::<Piece>(WAITING_MAX);
        let (done, written) = channel();
        let writer = scope.spawn(move || {
            for Piece { at, mut bytes } in waiting {
                storage.write_at(Part::Lines, at, &bytes)?;
                bytes.clear();
                // Nobody takes the last ones back if laying out failed.
                let _ended = done.send(bytes);
            }
            Ok::<(), StorageError>(())
        });
        let mut behind = WriteBehind {
            pieces,
            written,
            pool,
        };
        let laid_out = lay_out(&mut behind);
        let WriteBehind {
            pieces, written, ..
        } = behind;
        drop(pieces);
        writer.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        pool.extend(written.try_iter());
        pool.truncate(WAITING_MAX);
        laid_out
    })
}
