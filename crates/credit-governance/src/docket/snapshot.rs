//! A docket as text, so that opening need not fold the events from the first one.

use credit_core::Sha256;
use serde::{Deserialize, Serialize};

use super::Docket;

/// The last event that a docket knows: the number and hash of its line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The number of the line.
    pub seq: u64,
    /// The hash of the line.
    pub hash: Sha256,
}

/// The version of the form; another one is folded anew instead of guessed at.
const VERSION: u32 = 3;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    position: Position,
    docket: &'a Docket,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    position: Position,
    docket: Docket,
}

impl Docket {
    /// One JSON object: the docket and the last event it knows. The same docket has the same text.
    ///
    /// A snapshot proves nothing: whoever reads it must check that the events chain has this line,
    /// and folding all events must give the same docket.
    ///
    /// ```
    /// use credit_core::Sha256;
    /// use credit_governance::{Docket, Position};
    ///
    /// let position = Position { seq: 7, hash: Sha256::of(b"line 7") };
    /// let text = Docket::default().snapshot(position);
    /// assert_eq!(Docket::from_snapshot(&text)?, (Docket::default(), position));
    /// # Ok::<(), credit_governance::SnapshotError>(())
    /// ```
    pub fn snapshot(&self, position: Position) -> String {
        let written = Written {
            version: VERSION,
            position,
            docket: self,
        };
        // Strings, integers and finite floats under string keys always serialize.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// Anything but the text of [`Docket::snapshot`] of this version; the remedy is to fold the
    /// events.
    pub fn from_snapshot(text: &str) -> Result<(Docket, Position), SnapshotError> {
        let read: Read = serde_json::from_str(text)?;
        if read.version != VERSION {
            return Err(SnapshotError::Version {
                found: read.version,
            });
        }
        Ok((read.docket, read.position))
    }
}

/// Why a text is not a snapshot that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Not the form.
    #[error("docket snapshot: {0}; fold the events instead")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("docket snapshot has version {found}, not {VERSION}; fold the events instead")]
    Version {
        /// The version.
        found: u32,
    },
}
