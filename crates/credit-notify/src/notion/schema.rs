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

    /// What `expected` has and this one lacks or types otherwise, a line each; none means that
    /// rows can be written.
    pub fn lacks(&self, expected: &Schema) -> Vec<Reason> {
        let wanted = expected.0.iter();
        let fault = |(name, kind): (&String, &String)| match self.0.get(name) {
            None => Some(format!("`{name}` is missing; add it as {kind}")),
            Some(found) if found != kind => {
                Some(format!("`{name}` is {found}; change its type to {kind}"))
            }
            Some(_) => None,
        };
        wanted
            .filter_map(fault)
            .map(|fault| Reason::new(&fault))
            .collect()
    }

    pub(crate) fn with(mut self, other: Schema) -> Schema {
        self.0.extend(other.0);
        self
    }

    fn expected<'a>(properties: impl Iterator<Item = &'a (&'static str, Kind)>) -> Schema {
        Schema::found(properties.map(|(name, kind)| ((*name).to_owned(), kind.as_str().to_owned())))
    }
}

/// What RUNS_LEDGER must have.
///
/// ```
/// use credit_notify::notion::{Schema, runs_schema};
///
/// let faults = Schema::default().lacks(&runs_schema());
/// assert!(faults.iter().any(|f| f.as_str() == "`Run_ID` is missing; add it as title"));
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
