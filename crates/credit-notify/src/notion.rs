//! Notion: rows and pages, and requests and answers as values, so that any client can send them.
//!
//! Bodies are of API version 2025-09-03 and valid under 2026-03-11. What reads and what writes are
//! different types: [`Connection<ReadAccess>`](Connection) makes no request that changes anything.

mod page;
mod property;
mod schema;
mod wire;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{BaseUrl, SettingError, Token};

pub use page::{CaseChange, CaseRow, Page, RunRow};
pub use property::{Choice, ChoiceError, Owner, Properties};
pub use schema::{Kind, Lack, Schema, cases_schema, runs_schema};
pub use wire::{
    Read, Write, add_properties, interpret_found, interpret_page, interpret_resolved,
    interpret_schema, read, write,
};

/// The version of the API that is asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ApiVersion {
    /// 2025-09-03, the default: the first with data sources and page locks for all.
    #[default]
    V2025_09_03,
    /// 2026-03-11, which takes the same bodies.
    V2026_03_11,
}

impl ApiVersion {
    /// As the header `Notion-Version` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ApiVersion::V2025_09_03 => "2025-09-03",
            ApiVersion::V2026_03_11 => "2026-03-11",
        }
    }
}

/// A token that is used for reading only, whatever Notion would let it do.
#[derive(Clone, Debug)]
pub struct ReadAccess(pub Token);

/// A token that may write.
#[derive(Clone, Debug)]
pub struct WriteAccess(pub Token);

/// Either kind of access; both may read.
pub trait Access: fmt::Debug + Send + Sync + sealed::Sealed {}

impl Access for ReadAccess {}
impl Access for WriteAccess {}

pub(crate) mod sealed {
    use super::{ReadAccess, Token, WriteAccess};

    /// Nobody else decides what may be written.
    pub trait Sealed {
        /// What authorises a request.
        fn token(&self) -> &Token;
    }

    impl Sealed for ReadAccess {
        fn token(&self) -> &Token {
            &self.0
        }
    }

    impl Sealed for WriteAccess {
        fn token(&self) -> &Token {
            &self.0
        }
    }
}

/// How Notion is reached.
///
/// A reader's connection makes no request that writes:
///
/// ```compile_fail,E0308
/// use credit_notify::notion::{Connection, PageId, Properties, ReadAccess, Write, write};
///
/// fn lock(reader: &Connection<ReadAccess>, page: &PageId) {
///     write(reader, &Write::Lock { page, locked: true });
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Connection<A> {
    access: A,
    base: BaseUrl,
    version: ApiVersion,
}

impl<A: Access> Connection<A> {
    /// Notion itself, or through `base`, where there is one.
    pub fn new(access: A, base: Option<BaseUrl>, version: ApiVersion) -> Connection<A> {
        let base = base.unwrap_or_else(|| BaseUrl::fixed("https://api.notion.com"));
        Connection {
            access,
            base,
            version,
        }
    }

    pub(crate) fn token(&self) -> &Token {
        self.access.token()
    }
}

macro_rules! uuid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id of this number, for doubles.
            #[allow(dead_code, reason = "not every kind has a double")]
            pub(crate) fn numbered(number: u64) -> $name {
                $name(format!("00000000-0000-4000-8000-{number:012x}"))
            }

            /// The id, with its hyphens.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = SettingError;

            fn from_str(text: &str) -> Result<$name, SettingError> {
                hyphenated(text).map($name).ok_or(SettingError::NotAnId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid! {
    /// A database's id, which is what operators copy: 32 hexadecimal digits, with or without
    /// hyphens.
    ///
    /// ```
    /// use credit_notify::notion::DatabaseId;
    ///
    /// let id: DatabaseId = "668d797c76fa49349b05ad288df2d136".parse()?;
    /// assert_eq!(id.to_string(), "668d797c-76fa-4934-9b05-ad288df2d136");
    /// # Ok::<(), credit_notify::SettingError>(())
    /// ```
    DatabaseId
}
uuid! {
    /// A data source's id: the table inside a database, where rows are.
    DataSourceId
}
uuid! {
    /// A page's id.
    PageId
}

fn hyphenated(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let parts: Option<Vec<&str>> = [0..8, 8..12, 12..16, 16..20, 20..32]
        .into_iter()
        .map(|part| digits.get(part))
        .collect();
    Some(parts?.join("-"))
}

/// A page that Notion answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageRef {
    /// Its id: what an update needs.
    pub id: PageId,
    /// Where people can open it, if Notion said so.
    pub url: Option<crate::Link>,
    /// Whether it is locked, if Notion said so. Any editor can unlock it, and a lock does not bind
    /// the API: it is a safety catch and no control.
    pub is_locked: Option<bool>,
}
