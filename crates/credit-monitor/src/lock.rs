//! Rights that one process has at a time: to decide, to move artifacts, to change `config/`, to send.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::{Error, files};

/// How long a right is waited for. Whoever has it decides or moves something meanwhile, which takes
/// long only if a whole artifact is copied to another file system.
const WAIT: Duration = Duration::from_secs(60);

/// How long one who waits sleeps between two looks at the lock.
const POLL: Duration = Duration::from_millis(1);

/// A right, until dropped. It is gone with the process that had it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for it, but not for ever: a process that is stopped may keep it.
    pub(crate) fn wait(path: &Path) -> Result<Lock, Error> {
        Lock::wait_for(path, WAIT)
    }

    fn wait_for(path: &Path, wait: Duration) -> Result<Lock, Error> {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(lock) = Lock::at_once(path)? {
                return Ok(lock);
            }
            if waited >= wait {
                let path = path.to_owned();
                return Err(Error::Locked { path });
            }
            // Sleeps are counted instead of time: libraries have no clock.
            thread::sleep(POLL);
            waited += POLL;
        }
    }

    /// `None` while another has it.
    pub(crate) fn at_once(path: &Path) -> Result<Option<Lock>, Error> {
        let file = files::touch(path).map_err(Error::io("opening", path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(Error::io("locking", path)(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_the_others_are_told_which() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions.lock");
        let held = Lock::wait(&path).unwrap();
        assert!(Lock::at_once(&path).unwrap().is_none());
        let error = Lock::wait_for(&path, Duration::from_millis(3)).unwrap_err();
        assert!(error.is_locked() && error.to_string().contains("decisions.lock"));
        drop(held);
        assert!(Lock::at_once(&path).unwrap().is_some());
    }
}
