//! Values of properties, in the form and within the limits that Notion takes.

use std::fmt;

use credit_core::{Credits, Multiplier, RiskFlags, Timestamp};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

#[cfg(test)]
use super::Kind;
use crate::Link;
use crate::text::{self, parts};

/// Values of properties, in a fixed order; what a request to create or to update says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties(pub(super) Vec<(&'static str, Value)>);

impl Properties {
    /// Whether there is nothing to be set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        self.0.push((name, value));
    }

    pub(super) fn set_some(&mut self, name: &'static str, value: Option<Value>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// One value, with exactly the one key that says its type.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Value {
    Title(Vec<RichText>),
    RichText(Vec<RichText>),
    Number(Option<Number>),
    Select(Named),
    MultiSelect(Vec<Named>),
    Date(Date),
    Url(Link),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct RichText {
    #[serde(rename = "type")]
    kind: &'static str,
    text: Content,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Content {
    content: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Named {
    name: Choice,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Date {
    start: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Credits(Credits),
    Times(Multiplier),
    Count(u64),
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Number::Credits(credits) => credits.serialize(serializer),
            Number::Times(times) => times.serialize(serializer),
            Number::Count(count) => count.serialize(serializer),
        }
    }
}

impl Value {
    pub(super) fn title(text: &str) -> Value {
        Value::Title(rich(text))
    }

    pub(super) fn text(text: &str) -> Value {
        Value::RichText(rich(text))
    }

    pub(super) fn credits(credits: Option<Credits>) -> Value {
        Value::Number(credits.map(Number::Credits))
    }

    pub(super) fn select(choice: &Choice) -> Value {
        Value::Select(Named {
            name: choice.clone(),
        })
    }

    pub(super) fn word(word: &'static str) -> Value {
        Value::Select(Named {
            name: Choice::word(word),
        })
    }

    pub(super) fn flags(flags: RiskFlags) -> Value {
        let named = |word| Named {
            name: Choice::word(word),
        };
        Value::MultiSelect(flags.iter().map(|f| named(f.as_str())).collect())
    }

    pub(super) fn date(at: Timestamp) -> Value {
        Value::Date(Date { start: at })
    }

    #[cfg(test)]
    pub(super) fn kind(&self) -> Kind {
        match self {
            Value::Title(_) => Kind::Title,
            Value::RichText(_) => Kind::RichText,
            Value::Number(_) => Kind::Number,
            Value::Select(_) => Kind::Select,
            Value::MultiSelect(_) => Kind::MultiSelect,
            Value::Date(_) => Kind::Date,
            Value::Url(_) => Kind::Url,
        }
    }
}

/// A text as Notion takes it: in objects of at most 2,000 units each, cut with an ellipsis where
/// there are more than a property is for. Notion does not parse what is in it.
fn rich(text: &str) -> Vec<RichText> {
    let text = text::lines(text, TEXT_MAX);
    let parts = parts(&text, OBJECT_MAX).into_iter();
    let object = |part: &str| RichText {
        kind: "text",
        text: Content {
            content: part.to_owned(),
        },
    };
    parts.map(object).collect()
}

/// The name of an option of a select: 1 to 100 characters, no commas.
///
/// ```
/// use credit_notify::notion::Choice;
///
/// assert_eq!(Choice::new("Investigating")?.as_str(), "Investigating");
/// assert!(Choice::new("Data, PII").is_err());
/// # Ok::<(), credit_notify::notion::ChoiceError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Choice(String);

impl Choice {
    /// An option with this name.
    ///
    /// # Errors
    /// What Notion would refuse it for.
    pub fn new(name: &str) -> Result<Choice, ChoiceError> {
        if name.trim().is_empty() {
            return Err(ChoiceError::Empty);
        }
        if name.contains(',') {
            return Err(ChoiceError::Comma);
        }
        if name.chars().any(char::is_control) {
            return Err(ChoiceError::Control);
        }
        if text::units(name) > CHOICE_MAX {
            return Err(ChoiceError::TooLong);
        }
        Ok(Choice(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A word of ours, which has no commas and is short.
    fn word(word: &'static str) -> Choice {
        Choice(word.to_owned())
    }

    /// Somebody's name for something, as near as an option can hold it.
    pub(super) fn nearest(name: &str) -> Option<Choice> {
        let name = text::line(name, CHOICE_MAX).replace(',', ";");
        Choice::new(name.trim()).ok()
    }
}

/// Why a text is not the name of an option.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// Nothing to see.
    #[error("is empty; an option has a name")]
    Empty,
    /// Notion separates options by commas.
    #[error("contains a comma, which Notion allows in no option")]
    Comma,
    /// A line end or the like.
    #[error("contains a control character")]
    Control,
    /// Longer than Notion takes.
    #[error("is longer than 100 characters")]
    TooLong,
}

/// Who is responsible for a row; every row has one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner(pub(super) String);

impl Owner {
    /// A person, a team or a service; `None` if there is nothing to see.
    pub fn new(name: &str) -> Option<Owner> {
        let name = text::line(name, OBJECT_MAX);
        (!name.trim().is_empty()).then_some(Owner(name))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Notion takes at most 2,000 characters in one object.
const OBJECT_MAX: usize = 2_000;
/// The runbook's longest text. Notion would take 100 objects, in a request of at most 500 KB.
const TEXT_MAX: usize = 4_000;
/// Notion's longest name of an option.
const CHOICE_MAX: usize = 100;
