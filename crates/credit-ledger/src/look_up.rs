//! Finding one line, by its id or its number.

use std::cmp::Ordering;

use crate::Digest;
use crate::index;
use crate::line::OwnedLine;
use crate::reader::{ReadError, Reader, broken_at, checked, line_at, not_a_line};
use crate::record::Checker;
use crate::scan::{Scan, first_line};

impl Reader {
    /// Finds a record's line. The line's hash is checked.
    ///
    /// With an index only the lines it does not know yet are read, without one all lines up to
    /// the wanted one. The index is believed about lines that are *not* there; after somebody
    /// tampered with it, [`Reader::verify`] still looks at everything.
    ///
    /// # Errors
    /// [`ReadError::Broken`] if the line was edited or something before it is not a line, and
    /// if it was not found and the line HEAD knows is not there either.
    pub fn find(&self, id: &str) -> Result<Option<OwnedLine>, ReadError> {
        let found = self.find_line(id)?;
        if found.is_none() {
            self.size_past_head()?;
        }
        Ok(found)
    }

    /// Whether the ledger still contains a line noted elsewhere, unchanged.
    ///
    /// Together with an intact [`Reader::verify`] this proves that everything up to that line
    /// is as it was. A yes takes a few reads, because the lines are in the order of their
    /// numbers; before a no, and wherever that order is broken, all lines are looked at.
    ///
    /// # Errors
    /// The ledger could not be read; or the line is not where it should be, and something before
    /// it is not a line.
    pub fn contains(&self, seq: u64, hash: Digest) -> Result<bool, ReadError> {
        if self.hash_at(seq)? == Some(hash) {
            return Ok(true);
        }
        let mut scan = self.scan()?;
        while let Some(line) = scan.next_line()? {
            if line.seq() == seq && line.hash() == hash && line.actual_hash() == hash {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn find_line(&self, id: &str) -> Result<Option<OwnedLine>, ReadError> {
        let size = self.size()?;
        if let Some(manifest) = self.manifest(size)
            && let Ok(offsets) = manifest.find(&*self.storage, id.as_bytes())
        {
            for offset in offsets {
                if index::check(&*self.storage, &self.schema, offset, id.as_bytes())?.is_some() {
                    return line_at(&*self.storage, &self.schema, offset).map(Some);
                }
            }
            return self.find_from(manifest.end, id);
        }
        self.find_from(self.beginning()?.start, id)
    }

    pub(crate) fn find_from(&self, offset: u64, id: &str) -> Result<Option<OwnedLine>, ReadError> {
        let mut scan = Scan::new(&*self.storage, self.schema, offset, None);
        let finder = memchr::memmem::Finder::new(id);
        let (mut body, mut checker) = (Vec::new(), Checker::for_many(&self.schema));
        while let Some(line) = scan.next_line()? {
            if finder.find(line.raw()).is_none() {
                continue;
            }
            line.body_into(&mut body);
            let offset = line.offset();
            let names = checker
                .names(&body)
                .map_err(|error| broken_at(offset, not_a_line(error.in_short())))?;
            if names.id.of(&body) == id.as_bytes() {
                return checked(Ok(line), offset).map(|line| Some(line.to_owned()));
            }
        }
        Ok(None)
    }

    /// The hash of the intact line with this number, if halving the file leads to it.
    fn hash_at(&self, seq: u64) -> Result<Option<Digest>, ReadError> {
        let (mut low, mut high) = (self.beginning()?.start, self.size()?);
        while low < high {
            // `low` is where a line starts, and the wanted one starts before `high`.
            let middle = low + (high - low) / 2;
            let start = match middle == low {
                true => Some(low),
                false => first_line(&*self.storage, &(middle..high))?,
            };
            let Some(start) = start else {
                high = middle;
                continue;
            };
            let line = match line_at(&*self.storage, &self.schema, start) {
                Ok(line) => line,
                Err(ReadError::Broken { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            match line.seq().cmp(&seq) {
                Ordering::Equal => return Ok(Some(line.hash())),
                Ordering::Less => low = start + line.raw().len() as u64 + 1,
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}
