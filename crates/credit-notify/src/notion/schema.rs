//! The properties that RUNS_LEDGER and CASES must have.

use std::collections::BTreeMap;

use crate::Reason;

/// The type of a property.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// The one that names the page.
    Title,
    /// Text.
    RichText,
    /// A number.
    Number,
    /// One of some words.
    Select,
    /// Several of some words.
    MultiSelect,
    /// An instant.
    Date,
    /// An address of the web.
    Url,
}

impl Kind {
    /// As Notion spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Title => "title",
            Kind::RichText => "rich_text",
            Kind::Number => "number",
            Kind::Select => "select",
            Kind::MultiSelect => "multi_select",
            Kind::Date => "date",
            Kind::Url => "url",
        }
    }
}

/// The properties of a data source, by name, with their types in Notion's words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Schema(BTreeMap<String, String>);

impl Schema {
    /// What a data source was found to have.
    pub fn found(properties: impl IntoIterator<Item = (String, String)>) -> Schema {
        Schema(properties.into_iter().collect())
    }

    /// What `expected` has and this one lacks or types otherwise, in order of the names; nothing
    /// means that rows can be written.
    pub fn lacks(&self, expected: &Schema) -> Vec<Lack> {
        let wanted = expected.0.iter();
        let lack = |(name, kind): (&String, &String)| {
            let found = self.0.get(name);
            if found == Some(kind) {
                return None;
            }
            let property = name.clone();
            let found = found.map(|found| shown(found));
            if kind == Kind::Title.as_str() {
                let title = self.title().map(shown);
                return Some(Lack::Title {
                    property,
                    found,
                    title,
                });
            }
            let kind = kind.clone();
            Some(match found {
                None => Lack::Missing { property, kind },
                Some(found) => Lack::Mistyped {
                    property,
                    found,
                    kind,
                },
            })
        };
        wanted.filter_map(lack).collect()
    }

    /// The part of `expected` that can be added to this one: what is missing, but no title, of
    /// which a data source has exactly one.
    ///
    /// ```
    /// use credit_notify::notion::{Schema, runs_schema};
    ///
    /// let found = Schema::found([("Name".to_owned(), "title".to_owned())]);
    /// let addable = found.addable(&runs_schema());
    /// assert!(addable.iter().all(|(name, _)| name != "Run_ID"));
    /// assert!(addable.iter().any(|(name, kind)| (name, kind) == ("Severity", "select")));
    /// ```
    #[must_use]
    pub fn addable(&self, expected: &Schema) -> Schema {
        let missing = expected.0.iter().filter(|(name, kind)| {
            !self.0.contains_key(*name) && kind.as_str() != Kind::Title.as_str()
        });
        Schema(missing.map(|(n, k)| (n.clone(), k.clone())).collect())
    }

    /// The properties with their types, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, k)| (n.as_str(), k.as_str()))
    }

    /// Whether there is no property at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the title property is called.
    fn title(&self) -> Option<&str> {
        let mut titles = self.iter().filter(|(_, k)| *k == Kind::Title.as_str());
        titles.next().map(|(name, _)| name)
    }

    pub(crate) fn with(mut self, other: Schema) -> Schema {
        self.0.extend(other.0);
        self
    }

    fn expected<'a>(properties: impl Iterator<Item = &'a (&'static str, Kind)>) -> Schema {
        Schema::found(properties.map(|(name, kind)| ((*name).to_owned(), kind.as_str().to_owned())))
    }
}

/// Somebody else's word, as it may be shown.
fn shown(word: &str) -> String {
    Reason::new(word).as_str().to_owned()
}

/// A property that is not as rows need it; its text says what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Lack {
    /// It is not there, and can be added.
    #[error("`{property}` is missing; add it as {kind}")]
    Missing {
        /// Its name.
        property: String,
        /// The type it must have.
        kind: String,
    },
    /// It has another type. Changing that can make what is in it unreadable, so a person decides.
    #[error("`{property}` is {found}; change its type to {kind}")]
    Mistyped {
        /// Its name.
        property: String,
        /// The type it has.
        found: String,
        /// The type it must have.
        kind: String,
    },
    /// It is not the title, and a data source has exactly one: the title must be renamed.
    #[error("{}", untitled(property, found.as_deref(), title.as_deref()))]
    Title {
        /// Its name.
        property: String,
        /// The type of what has that name now.
        found: Option<String>,
        /// What the title is called now.
        title: Option<String>,
    },
}

impl Lack {
    /// The name of the property.
    pub fn property(&self) -> &str {
        match self {
            Lack::Missing { property, .. }
            | Lack::Mistyped { property, .. }
            | Lack::Title { property, .. } => property,
        }
    }
}

fn untitled(property: &str, found: Option<&str>, title: Option<&str>) -> String {
    let title = title.map_or("the title property".to_owned(), |title| {
        format!("the title property `{title}`")
    });
    match found {
        None => format!("`{property}` is missing; rename {title} to it"),
        Some(found) => format!(
            "`{property}` is {found} and must be the title; rename it, then rename {title} to \
             `{property}`"
        ),
    }
}

/// What RUNS_LEDGER must have.
///
/// ```
/// use credit_notify::notion::{Schema, runs_schema};
///
/// let faults = Schema::default().lacks(&runs_schema());
/// assert!(faults.iter().any(|f| f.to_string() == "`owner` is missing; add it as rich_text"));
/// ```
pub fn runs_schema() -> Schema {
    Schema::expected(RUN_PROPERTIES.iter())
}

/// What CASES must have.
pub fn cases_schema() -> Schema {
    Schema::expected(CASE_PROPERTIES.iter())
}

pub(super) const RUN_TITLE: &str = "Run_ID";
pub(super) const CASE_TITLE: &str = "Case_ID";

pub(super) const RUN_PROPERTIES: &[(&str, Kind)] = &[
    (RUN_TITLE, Kind::Title),
    ("Timestamp", Kind::Date),
    ("Scenario_Name", Kind::RichText),
    ("Scenario_ID", Kind::RichText),
    ("Job_Type", Kind::Select),
    ("Status", Kind::Select),
    ("Credits_Total", Kind::Number),
    ("Credits_In", Kind::Number),
    ("Credits_Out", Kind::Number),
    ("Model", Kind::Select),
    ("Input_Tokens", Kind::Number),
    ("Output_Tokens", Kind::Number),
    ("Artifacts_Link", Kind::Url),
    ("Severity", Kind::Select),
    ("Risk_Flags", Kind::MultiSelect),
    ("Risk_Summary", Kind::RichText),
    ("Misconfig_Likelihood", Kind::Select),
    ("Baseline_Expected_Credits", Kind::Number),
    ("Variance_Multiplier", Kind::Number),
    ("owner", Kind::RichText),
];

pub(super) const CASE_PROPERTIES: &[(&str, Kind)] = &[
    (CASE_TITLE, Kind::Title),
    ("Title", Kind::RichText),
    ("Category", Kind::Select),
    ("Severity", Kind::Select),
    ("Exposure_Band", Kind::Select),
    ("Status", Kind::Select),
    ("Root_Cause", Kind::Select),
    ("Slack_Thread_URL", Kind::Url),
    ("Primary_Run_ID", Kind::RichText),
    ("Related_Run_IDs", Kind::RichText),
    ("Risk_Flags", Kind::MultiSelect),
    ("Notes", Kind::RichText),
    ("Created_At", Kind::Date),
    ("Updated_At", Kind::Date),
    ("Resolved_At", Kind::Date),
    ("owner", Kind::RichText),
];
