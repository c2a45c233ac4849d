//! Names that are safe in a path.

use std::fmt;
use std::str::FromStr;

use crate::{Day, Sha256};

/// The longest identifier, in bytes.
const LENGTH_MAX: usize = 128;

/// Why a text cannot name a run, scenario or case.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// More than 128 bytes.
    #[error("has {length} bytes; at most 128 are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Something other than an ASCII letter or digit first.
    #[error("begins with {found:?}; an ASCII letter or digit must come first")]
    BadStart {
        /// The first character.
        found: char,
    },
    /// A character that is not safe in a path.
    #[error("contains {found:?}; only ASCII letters, digits, `.`, `_` and `-` are allowed")]
    BadCharacter {
        /// The first such character.
        found: char,
    },
    /// Two dots in a row, which name the folder above.
    #[error("contains `..`")]
    Dots,
    /// An ending that the monitoring tree uses for a file of its own.
    #[error("ends in `.notion`, which names the sync marker of another run")]
    ReservedEnding,
    /// Not of the form of a case's name.
    #[error("is not a case; cases are named CASE-YYYYMMDD-XXXXXX with digits and capital letters")]
    NotACase,
}

fn check(text: &str) -> Result<(), IdError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match text.chars().next() {
        None => return Err(IdError::Empty),
        Some(first) if allowed(first) && !first.is_ascii_alphanumeric() => {
            return Err(IdError::BadStart { found: first });
        }
        Some(_) => {}
    }
    if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        return Err(IdError::BadCharacter { found });
    }
    if text.len() > LENGTH_MAX {
        return Err(IdError::TooLong { length: text.len() });
    }
    if text.contains("..") {
        return Err(IdError::Dots);
    }
    if text.ends_with(".notion") {
        return Err(IdError::ReservedEnding);
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<$name, IdError> {
                $check(text).map(|()| $name(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// The name of one run, unique in a ledger and safe in a path: 1 to 128 of
    /// `A-Z a-z 0-9 . _ -`, a letter or digit first, no `..`.
    ///
    /// ```
    /// use credit_core::RunId;
    ///
    /// assert!("RUN-20240123-ABC123".parse::<RunId>().is_ok());
    /// assert!("../../escape".parse::<RunId>().is_err());
    /// ```
    RunId, check
}

id! {
    /// The name of a scenario (a kind of job whose runs are compared with each other), safe in a
    /// path like a [`RunId`].
    ScenarioId, check
}

id! {
    /// The name of a case: `CASE-`, eight digits of a day, `-`, and six of `A-Z 0-9`.
    ///
    /// ```
    /// use credit_core::CaseId;
    ///
    /// assert!("CASE-20250131-7KQ2ZD".parse::<CaseId>().is_ok());
    /// assert!("CASE-20250131-7kq2zd".parse::<CaseId>().is_err());
    /// ```
    CaseId, check_case
}

/// `^CASE-[0-9]{8}-[A-Z0-9]{6}$`
fn check_case(text: &str) -> Result<(), IdError> {
    let named = text
        .strip_prefix("CASE-")
        .and_then(|rest| rest.split_once('-'));
    let well_formed = named.is_some_and(|(day, rest)| {
        day.len() == 8
            && day.bytes().all(|b| b.is_ascii_digit())
            && rest.len() == 6
            && rest
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    });
    if well_formed {
        Ok(())
    } else {
        Err(IdError::NotACase)
    }
}

impl CaseId {
    /// The name of a case that was opened for the run with this identity, the same at every call;
    /// a higher `attempt` gives another one, for the rare day on which the name is taken.
    ///
    /// ```
    /// use credit_core::{CaseId, Sha256};
    ///
    /// let day = "2025-01-31".parse()?;
    /// let identity = Sha256::of(b"a run");
    /// assert_eq!(CaseId::of(day, identity, 0).as_str(), "CASE-20250131-3JZ0Y0");
    /// assert_ne!(CaseId::of(day, identity, 0), CaseId::of(day, identity, 1));
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn of(day: Day, identity: Sha256, attempt: u32) -> CaseId {
        const LETTERS: [u8; 36] = *b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut seed = identity.as_bytes().to_vec();
        seed.extend(attempt.to_be_bytes());
        let hash = Sha256::of(&seed);
        let mut number = hash
            .as_bytes()
            .iter()
            .take(8)
            .fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let mut id = format!("CASE-{}-", day.to_string().replace('-', ""));
        for _ in 0..6 {
            let letter = LETTERS.get((number % 36) as usize).copied().unwrap_or(b'0');
            id.push(char::from(letter));
            number /= 36;
        }
        // INVARIANT: a day is written with eight digits, and the letters are `A-Z 0-9`.
        CaseId(id.into())
    }
}

impl ScenarioId {
    /// The id of a scenario that is known by its name only.
    ///
    /// A name that is a valid id is taken as it is. Otherwise unsafe characters become `_` and the
    /// first eight digits of the name's SHA-256 follow, so that names which differ only in what an
    /// id cannot hold get ids of their own. Two names share an id only if one of them is written
    /// as the other's id.
    ///
    /// ```
    /// use credit_core::ScenarioId;
    ///
    /// assert_eq!(ScenarioId::from_name("DOC_v1").as_str(), "DOC_v1");
    /// assert_eq!(ScenarioId::from_name("Email send").as_str(), "Email_send_4fc73ddb");
    /// ```
    pub fn from_name(name: &str) -> ScenarioId {
        if let Ok(id) = name.parse() {
            return id;
        }
        const STEM_MAX: usize = 100;
        let mut stem = String::with_capacity(STEM_MAX);
        for c in name.chars().take(STEM_MAX) {
            let keep = c.is_ascii_alphanumeric()
                || (!stem.is_empty() && (c == '-' || (c == '.' && !stem.ends_with('.'))));
            if keep {
                stem.push(c);
            } else if !stem.is_empty() {
                stem.push('_');
            }
        }
        if stem.is_empty() {
            stem.push_str("scenario");
        }
        // INVARIANT: `stem` starts with an ASCII letter or digit, has no `..` and at most 100
        // bytes, and the hash brings it to at most 109.
        ScenarioId(format!("{stem}_{:.8}", Sha256::of(name.as_bytes())).into())
    }
}
