//! What the ledger asks of a record, and records that were found to meet it.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Arc, LazyLock};
use std::thread;

use sha2::Sha256;

use crate::Digest;
use crate::index::{IdHash, Marks};
use crate::json::{JsonError, JsonProblem, Keys, Member, Prints, Sink, fingerprint, scan_with};
use crate::layout::Pretty;
use crate::line::{self, CHAIN_KEYS};

/// The longest line, chain fields included and the newline not.
pub const LINE_BYTES_MAX: usize = 65_535;

/// Fewer bytes of records are not worth a thread of their own.
const SHARE_BYTES_MIN: usize = 1024 * 1024;

/// Which keys of a record the ledger looks at.
///
/// The keys are plain words (`A-Z a-z 0-9 _`), all different, and none of the chain's own
/// (`Seq`, `Prev_Hash`, `Hash`, `Ledger_Import_Bytes`, `Ledger_Import_Sha256`); [`Ledger::open`](crate::Ledger::open) refuses others.
///
/// ```
/// const RUNS: credit_ledger::Schema = credit_ledger::Schema {
///     id: "Run_ID",
///     identity: "Input_Sha256",
///     file_hash: Some("Run_Sha256"),
///     origin: "Ledger_Origin",
///     time: Some("Timestamp"),
///     severity: None,
///     scenario: None,
/// };
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Schema {
    /// The record's unique name, a string that is safe in a path.
    pub id: &'static str,
    /// 64 lower-case hex digits that are equal exactly for records that mean the same.
    pub identity: &'static str,
    /// Where the ledger writes the SHA-256 of the record's pretty-printed file; `None` for
    /// records that have no file.
    pub file_hash: Option<&'static str>,
    /// Where the ledger writes its origin, in line 0 only.
    pub origin: &'static str,
    /// The record's time, `YYYY-MM-DDThh:mm:ss`, maybe a fraction, `Z`: lets
    /// [`Reader::window`](crate::Reader::window) skip what is of another time. This and the next
    /// two are for the index only; a record without them is kept as well.
    pub time: Option<&'static str>,
    /// A string of few values that windows may ask for.
    pub severity: Option<&'static str>,
    /// A string of many values that windows may ask for.
    pub scenario: Option<&'static str>,
}

/// A checked record, ready to be appended.
///
/// Making one is the costly part of an append that needs no ledger: it can be done on many
/// threads. Clones are cheap and share the bytes.
///
/// ```
/// # use credit_ledger::{Record, RecordError, Schema};
/// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
/// #     file_hash: Some("Run_Sha256"), origin: "Ledger_Origin", time: None,
/// #     severity: None, scenario: None };
/// let identity = "0".repeat(64);
/// let body = format!(r#"{{"Run_ID":"r-1","Input_Sha256":"{identity}"}}"#);
/// let record = Record::new(&RUNS, body.into_bytes())?;
/// assert_eq!(record.id(), "r-1");
/// assert!(record.file_bytes().is_some_and(|file| file.starts_with(b"{\n  \"Run_ID\"")));
/// # Ok::<(), RecordError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Record {
    // Shared: who appends a record usually still needs its file afterwards.
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    schema: Schema,
    body: Vec<u8>,
    names: Names,
    id_hash: IdHash,
    file: Option<(Vec<u8>, Digest)>,
    /// Has hashed everything of the line that does not depend on its place in the ledger: what
    /// is left to hash under the ledger's lock is three blocks, however long the record.
    hashed: Sha256,
}

/// Why a record is refused before anything is written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The id cannot be a file name: 1 to 128 of `A-Z a-z 0-9 . _ -`, the first a letter or
    /// digit, no `..`.
    #[error("`{key}` at byte {offset} is not safe as a file name: {value}")]
    BadId {
        /// The id's key.
        key: &'static str,
        /// Where its value starts.
        offset: usize,
        /// The value as it stands.
        value: String,
    },
    /// The identity is not 64 lower-case hex digits in quotes.
    #[error("`{key}` at byte {offset} is not a SHA-256 in lower-case hex")]
    BadIdentity {
        /// The identity's key.
        key: &'static str,
        /// Where its value starts.
        offset: usize,
    },
    /// The bytes are not one compact JSON object that every reader understands alike.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A key the ledger needs is absent.
    #[error("the record has no `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// The bytes are JSON, but no object.
    #[error("the record is not a JSON object")]
    NotAnObject,
    /// A key that only the ledger writes.
    #[error("`{key}`, whose value is at byte {offset}, is reserved for the ledger")]
    Reserved {
        /// The key.
        key: String,
        /// Where its value starts.
        offset: usize,
    },
    /// The line could become longer than [`LINE_BYTES_MAX`].
    #[error("the line would be {bytes} bytes long; at most {LINE_BYTES_MAX} are allowed")]
    TooLong {
        /// The most the line could need.
        bytes: usize,
    },
}

impl Record {
    /// Checks a record and prepares what its line needs.
    ///
    /// `body` is one compact JSON object without a newline; its bytes go into the line as
    /// they are. [`layout::compact`](crate::layout::compact) makes any JSON compact.
    ///
    /// # Errors
    /// The first reason not to accept the record. Nothing was written.
    pub fn new(schema: &Schema, body: Vec<u8>) -> Result<Self, RecordError> {
        Self::checked(&mut Checker::new(schema), body)
    }

    /// Does the same for many bodies, in their order, and on all cores if they are many enough
    /// for that to be faster.
    ///
    /// ```
    /// # use credit_ledger::{Record, RecordError, Schema};
    /// # const RUNS: Schema = Schema { id: "Run_ID", identity: "Input_Sha256",
    /// #     file_hash: Some("Run_Sha256"), origin: "Ledger_Origin", time: None,
    /// #     severity: None, scenario: None };
    /// let identity = "0".repeat(64);
    /// let good = format!(r#"{{"Run_ID":"r-1","Input_Sha256":"{identity}"}}"#);
    /// let records = Record::new_all(&RUNS, vec![good.into_bytes(), b"{}".to_vec()]);
    /// assert!(records[0].is_ok());
    /// assert_eq!(records[1].as_ref().unwrap_err(), &RecordError::Missing { key: "Run_ID" });
    /// ```
    #[must_use]
    pub fn new_all(schema: &Schema, bodies: Vec<Vec<u8>>) -> Vec<Result<Self, RecordError>> {
        let bytes: usize = bodies.iter().map(Vec::len).sum();
        let shares = cores().min(bytes / SHARE_BYTES_MIN).max(1);
        let share = bodies.len().div_ceil(shares);
        let check = |bodies: Vec<Vec<u8>>| {
            let mut checker = Checker::for_many(schema);
            let bodies = bodies.into_iter();
            bodies
                .map(|body| Self::checked(&mut checker, body))
                .collect::<Vec<_>>()
        };
        let mut first = bodies;
        thread::scope(|scope| {
            // The last share is split off first; what is left is this thread's own.
            let mut threads = Vec::new();
            while first.len() > share {
                let at = (first.len() - 1) / share * share;
                let share = first.split_off(at);
                threads.push(scope.spawn(move || check(share)));
            }
            let mut all = check(first);
            for thread in threads.into_iter().rev() {
                all.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            all
        })
    }

    fn checked(checker: &mut Checker, body: Vec<u8>) -> Result<Self, RecordError> {
        // Checked first, so that what follows is bounded.
        let bytes = body.len() + line::overhead_max(&checker.schema);
        if bytes > LINE_BYTES_MAX {
            return Err(RecordError::TooLong { bytes });
        }
        let (names, file_hash) = checker.check(&body)?;
        Ok(Self {
            inner: Arc::new(Inner {
                schema: checker.schema,
                id_hash: IdHash::of(names.id.of(&body)),
                hashed: line::hash_record(&body, checker.schema.file_hash.zip(file_hash)),
                file: file_hash.map(|hash| (checker.file().to_vec(), hash)),
                names,
                body,
            }),
        })
    }

    /// The record's unique name.
    #[must_use]
    pub fn id(&self) -> &str {
        std::str::from_utf8(self.id_bytes()).unwrap_or_default()
    }

    /// What makes two records the same.
    #[must_use]
    pub fn identity(&self) -> Digest {
        self.inner.names.identity
    }

    /// The compact JSON object as it was given.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.inner.body
    }

    /// The pretty-printed file, if the schema has a file hash.
    #[must_use]
    pub fn file_bytes(&self) -> Option<&[u8]> {
        self.inner.file.as_ref().map(|(bytes, _)| bytes.as_slice())
    }

    /// The SHA-256 of [`Record::file_bytes`].
    #[must_use]
    pub fn file_hash(&self) -> Option<Digest> {
        self.inner.file.as_ref().map(|(_, hash)| *hash)
    }

    pub(crate) fn names(&self) -> &Names {
        &self.inner.names
    }

    pub(crate) fn id_bytes(&self) -> &[u8] {
        self.inner.names.id.of(&self.inner.body)
    }

    pub(crate) fn id_hash(&self) -> IdHash {
        self.inner.id_hash
    }

    /// What has hashed all of the line that is known before its place is.
    pub(crate) fn hashed(&self) -> Sha256 {
        self.inner.hashed.clone()
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.inner.schema
    }
}

impl Schema {
    /// Whether lines with these keys can be told apart from everything else in them.
    pub(crate) fn is_sound(&self) -> bool {
        let keys = [
            self.id,
            self.identity,
            self.origin,
            self.file_hash.unwrap_or("-"),
        ];
        let plain = |key: &str| {
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let names = keys
            .iter()
            .take(if self.file_hash.is_some() { 4 } else { 3 });
        let marks = [self.time, self.severity, self.scenario];
        if marks
            .iter()
            .flatten()
            .any(|key| !plain(key) || keys.contains(key) || CHAIN_KEYS.contains(key))
        {
            return false;
        }
        names
            .clone()
            .all(|key| plain(key) && !CHAIN_KEYS.contains(key))
            && names
                .enumerate()
                .all(|(i, key)| !keys.iter().skip(i + 1).any(|k| k == key))
    }
}

/// How many threads can run at once. Asking the system takes as long as checking many records.
pub(crate) fn cores() -> usize {
    static CORES: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));
    *CORES
}

/// What the ledger reads out of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) id: Id,
    pub(crate) identity: Digest,
    pub(crate) marks: Marks,
}

/// Where in a body its id stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Id {
    start: usize,
    len: usize,
}

impl Id {
    pub(crate) fn of(self, body: &[u8]) -> &[u8] {
        body.get(self.start..self.start + self.len)
            .unwrap_or_default()
    }
}

/// What a good body holds, and the hash of its file if the schema has one.
pub(crate) type Checked = Result<(Names, Option<Digest>), RecordError>;

/// Checks bodies.
pub(crate) struct Checker {
    schema: Schema,
    /// The keys that are looked at: most others are passed without a comparison.
    watched: Prints,
    keys: Keys,
    layout: Pretty,
}

impl Checker {
    /// For one body after the other: the same memory is used again, and keys are remembered.
    pub(crate) fn for_many(schema: &Schema) -> Self {
        Self {
            keys: Keys::for_many(),
            ..Self::new(schema)
        }
    }

    pub(crate) fn new(schema: &Schema) -> Self {
        let keys = [Some(schema.id), Some(schema.identity), Some(schema.origin)];
        let marks = [schema.time, schema.severity, schema.scenario];
        let keys = keys.iter().chain(&marks).chain([&schema.file_hash]);
        let mut watched = Prints::default();
        for key in keys.flatten().chain(&CHAIN_KEYS) {
            watched.add(fingerprint(key.as_bytes()));
        }
        Self {
            schema: *schema,
            watched,
            keys: Keys::default(),
            layout: Pretty::default(),
        }
    }

    /// Checks a body and lays out its file, if the schema has one.
    ///
    /// Its length is the caller's to check: a body that stands in a line already may leave less
    /// room for what the ledger adds than a new one must.
    pub(crate) fn check(&mut self, body: &[u8]) -> Checked {
        if self.schema.file_hash.is_none() {
            return Ok((self.names(body)?, None));
        }
        self.layout.begin(body);
        let mut sink = Watched::new(&self.schema, &self.watched, &mut self.layout);
        let names = sink.names(body, &mut self.keys)?;
        self.layout.end();
        Ok((names, Some(Digest::of(self.layout.file()))))
    }

    /// Checks a body as [`Checker::check`] does, without laying it out.
    pub(crate) fn names(&mut self, body: &[u8]) -> Result<Names, RecordError> {
        Watched::new(&self.schema, &self.watched, &mut Nothing).names(body, &mut self.keys)
    }

    /// The file of the body that was checked last.
    fn file(&self) -> &[u8] {
        self.layout.file()
    }
}

struct Nothing;

impl Sink<'_> for Nothing {}

/// Passes everything on and looks at the members the schema names.
struct Watched<'s, S> {
    inner: &'s mut S,
    schema: &'s Schema,
    keys: &'s Prints,
    id: Option<Id>,
    identity: Option<Digest>,
    marks: Marks,
    error: Option<RecordError>,
}

impl<'s, S> Watched<'s, S> {
    fn new(schema: &'s Schema, keys: &'s Prints, inner: &'s mut S) -> Self {
        Self {
            inner,
            schema,
            keys,
            id: None,
            identity: None,
            marks: Marks::default(),
            error: None,
        }
    }

    fn names<'a>(&mut self, body: &'a [u8], keys: &mut Keys) -> Result<Names, RecordError>
    where
        S: Sink<'a>,
    {
        scan_with::<false, _>(body, self, keys)?;
        if body.first() != Some(&b'{') {
            return Err(RecordError::NotAnObject);
        }
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let missing = |key| RecordError::Missing { key };
        let id = self.id.ok_or(missing(self.schema.id))?;
        Ok(Names {
            id,
            identity: self.identity.ok_or(missing(self.schema.identity))?,
            marks: self.marks,
        })
    }

    #[cold]
    fn refuse(&mut self, error: RecordError) {
        self.error.get_or_insert(error);
    }
}

impl<'a, S: Sink<'a>> Sink<'a> for Watched<'_, S> {
    #[inline]
    fn open(&mut self, bracket: u8) {
        self.inner.open(bracket);
    }

    #[inline]
    fn close(&mut self, bracket: u8, depth: usize, empty: bool) {
        self.inner.close(bracket, depth, empty);
    }

    #[inline]
    fn item(&mut self, depth: usize, first: bool) {
        self.inner.item(depth, first);
    }

    #[inline]
    fn key(&mut self, token: &[u8], depth: usize, first: bool) {
        self.inner.key(token, depth, first);
    }

    #[inline]
    fn token(&mut self, token: &[u8]) {
        self.inner.token(token);
    }

    #[inline]
    fn member(&mut self, key: Member<'_>, value: &'a [u8], offset: usize) {
        if self.keys.may_have(key.print) {
            self.watch(key.key, value, offset);
        }
    }
}

impl<S> Watched<'_, S> {
    fn watch(&mut self, key: &[u8], value: &[u8], offset: usize) {
        self.marks.meet(self.schema, key, value);
        let inside = value
            .strip_prefix(b"\"")
            .and_then(|v| v.strip_suffix(b"\""));
        if key == self.schema.id.as_bytes() {
            match inside {
                Some(id) if is_safe_name(id) => {
                    self.id = Some(Id {
                        start: offset + 1,
                        len: id.len(),
                    });
                }
                _ => {
                    let value = String::from_utf8_lossy(value).into_owned();
                    self.refuse(RecordError::BadId {
                        key: self.schema.id,
                        offset,
                        value,
                    });
                }
            }
        } else if key == self.schema.identity.as_bytes() {
            self.identity = inside.and_then(Digest::from_hex_bytes);
            if self.identity.is_none() {
                self.refuse(RecordError::BadIdentity {
                    key: self.schema.identity,
                    offset,
                });
            }
        } else {
            let ours = [Some(self.schema.origin), self.schema.file_hash];
            let mut ours = ours.iter().flatten().chain(&CHAIN_KEYS);
            if let Some(reserved) = ours.find(|reserved| reserved.as_bytes() == key) {
                let key = (*reserved).to_owned();
                self.refuse(RecordError::Reserved { key, offset });
            }
        }
    }
}

/// `^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$` without `..`.
pub(crate) fn is_safe_name(name: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    name.len() <= 128
        && name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.iter().all(plain)
        && !name.windows(2).any(|pair| pair == b"..")
}

impl RecordError {
    /// The same in a few fixed words, for findings about lines.
    pub(crate) fn in_short(&self) -> &'static str {
        match self {
            Self::BadId { .. } => "its id is not safe as a file name",
            Self::BadIdentity { .. } => "its identity is not a SHA-256",
            Self::Json(JsonError {
                problem: JsonProblem::DuplicateKey(_),
                ..
            }) => "it has a key twice",
            Self::Json(_) => "it is not compact JSON",
            Self::Missing { .. } => "it has no id or no identity",
            Self::NotAnObject => "it is not a JSON object",
            Self::Reserved { .. } => "it has a reserved key where none belongs",
            Self::TooLong { .. } => "it is too long",
        }
    }
}
