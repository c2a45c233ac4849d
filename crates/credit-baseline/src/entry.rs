//! One entry of the baselines file.

use std::fmt;
use std::str::FromStr;

use credit_core::json::{self, Object};
use credit_core::{Bounds, Credits, CreditsError, ScenarioId, Timestamp, Usual, Weekday, Weekdays};
use serde_json::value::RawValue;

use crate::BaselinesError;

/// What one scenario usually costs, as the baselines file says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Baseline {
    /// `scenario_id`.
    pub scenario_id: ScenarioId,
    /// `median_credits`.
    pub credits: Credits,
    /// `calculated_at`: the end of the window it comes from.
    pub calculated_at: Timestamp,
    /// `sample_size`: how many healthy runs it comes from.
    pub sample_size: u64,
    /// `last_updated`: since when it is in force; the version that a record names.
    pub last_updated: Timestamp,
    /// `median_lower` and `median_upper`, `usual_input_tokens` and `usual_credits_per_item`: between
    /// which amounts the true median lies, and what its runs usually take in and cost by the item;
    /// an entry without them is as good a baseline.
    pub usual: Usual,
    /// `weekdays`: the days of the week that differ. A scenario is judged by its weekdays if and
    /// only if its entry has this key, be it without any day.
    pub weekdays: Option<Weekdays>,
}

impl Baseline {
    /// Whether somebody entered it by hand, which a sample size of 0 says.
    ///
    /// ```
    /// # use credit_baseline::Baselines;
    /// let (baselines, _) = Baselines::parse(r#"{"version":"1.0.0","updated_at":"2024-01-23T10:00:00+00:00",
    ///     "baselines":[{"scenario_id":"EXPORT","median_credits":1250,"sample_size":0,
    ///     "calculated_at":"2024-01-23T10:00:00+00:00","last_updated":"2024-01-23T10:00:00+00:00"}]}"#)?;
    /// assert!(baselines.get(&"EXPORT".parse().unwrap()).unwrap().is_manual());
    /// # Ok::<(), credit_baseline::BaselinesError>(())
    /// ```
    pub fn is_manual(&self) -> bool {
        self.sample_size == 0
    }

    /// What a run on this day of the week is expected to cost, and between which amounts the true
    /// median lies.
    ///
    /// ```
    /// # use credit_baseline::Baselines;
    /// use credit_core::{Credits, Weekday};
    ///
    /// let (baselines, _) = Baselines::parse(r#"{"version":"1.0.0","updated_at":"2024-01-23T10:00:00Z",
    ///     "baselines":[{"scenario_id":"EXPORT","median_credits":1250,"sample_size":28,
    ///     "calculated_at":"2024-01-23T10:00:00Z","last_updated":"2024-01-23T10:00:00Z",
    ///     "weekdays":{"sunday":{"median_credits":200,"sample_size":8}}}]}"#)?;
    /// let export = baselines.get(&"EXPORT".parse().unwrap()).unwrap();
    /// assert_eq!(export.on(Weekday::Sunday).0, Credits::whole(200).unwrap());
    /// assert_eq!(export.on(Weekday::Monday).0, export.credits);
    /// # Ok::<(), credit_baseline::BaselinesError>(())
    /// ```
    pub fn on(&self, day: Weekday) -> (Credits, Option<Bounds>) {
        match self.weekdays.as_ref().and_then(|days| days.get(day)) {
            Some(usual) => (usual.credits, usual.bounds),
            None => (self.credits, self.usual.bounds),
        }
    }

    /// Its keys in their usual order, each with its JSON text; `None` for what it does not have.
    fn members(&self) -> [(&'static str, Option<String>); 10] {
        let quoted = |value: &dyn fmt::Display| Some(format!("\"{value}\""));
        let Usual {
            input_tokens,
            credits_per_item,
            bounds,
        } = self.usual;
        // Numbers under words: cannot fail.
        let weekdays = |days: &Weekdays| serde_json::to_string(days).ok();
        [
            ("scenario_id", quoted(&self.scenario_id)),
            ("median_credits", Some(self.credits.to_string())),
            ("calculated_at", quoted(&self.calculated_at)),
            ("sample_size", Some(self.sample_size.to_string())),
            ("last_updated", quoted(&self.last_updated)),
            (MEDIAN_LOWER, bounds.map(|b| b.lower().to_string())),
            (MEDIAN_UPPER, bounds.map(|b| b.upper().to_string())),
            (USUAL_INPUT_TOKENS, input_tokens.map(|t| t.to_string())),
            (
                USUAL_CREDITS_PER_ITEM,
                credits_per_item.map(|r| r.to_string()),
            ),
            (WEEKDAYS, self.weekdays.as_ref().and_then(weekdays)),
        ]
    }
}

const MEDIAN_LOWER: &str = "median_lower";
const MEDIAN_UPPER: &str = "median_upper";
const WEEKDAYS: &str = "weekdays";
const USUAL_INPUT_TOKENS: &str = "usual_input_tokens";
const USUAL_CREDITS_PER_ITEM: &str = "usual_credits_per_item";

/// A baseline with the entry's own text: key order, number tokens and fields of others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) baseline: Baseline,
    members: Members,
}

impl Entry {
    pub(crate) fn new(baseline: Baseline) -> Entry {
        let mut members = Members::default();
        members.update(&baseline);
        Entry { baseline, members }
    }

    /// Another baseline in the same entry; fields that are not ours stay.
    pub(crate) fn replace(&mut self, baseline: Baseline) {
        self.members.update(&baseline);
        self.baseline = baseline;
    }

    pub(crate) fn parse(
        text: &str,
        value: &RawValue,
        position: usize,
    ) -> Result<Entry, BaselinesError> {
        let fields = Fields::parse(text, value.get(), format!("baselines[{position}]"))?;
        Ok(Entry {
            baseline: Baseline {
                scenario_id: fields.id("scenario_id")?,
                credits: fields.credits("median_credits")?,
                calculated_at: fields.time("calculated_at")?,
                sample_size: fields.count("sample_size")?,
                last_updated: fields.time("last_updated")?,
                usual: Usual {
                    input_tokens: fields.tokens(USUAL_INPUT_TOKENS)?,
                    credits_per_item: fields.number(USUAL_CREDITS_PER_ITEM)?,
                    bounds: fields.bounds()?,
                },
                weekdays: fields.weekdays()?,
            },
            members: fields.members()?,
        })
    }

    pub(crate) fn write(&self, out: &mut String) {
        self.members.write(out, |_, _| false);
    }
}

/// An object's members with their values' own text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Members(Vec<(String, String)>);

impl Members {
    /// Replaces the value of `key` where it stands, or adds it at the end.
    pub(crate) fn set(&mut self, key: &str, value: String) {
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Replaces what the baseline has, and takes out what it no longer has.
    fn update(&mut self, baseline: &Baseline) {
        for (key, value) in baseline.members() {
            match value {
                Some(value) => self.set(key, value),
                None => self.0.retain(|(k, _)| k != key),
            }
        }
    }

    /// Appends the object; `write_value` may write the value of a key itself and say so.
    pub(crate) fn write(&self, out: &mut String, write_value: impl Fn(&mut String, &str) -> bool) {
        out.push('{');
        for (i, (key, value)) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            // Serializing a str cannot fail.
            out.push_str(&serde_json::to_string(key).unwrap_or_default());
            out.push(':');
            if !write_value(out, key) {
                out.push_str(value);
            }
        }
        out.push('}');
    }
}

/// An object of the file, read one field at a time.
pub(crate) struct Fields<'a> {
    text: &'a str,
    object_text: &'a str,
    object: Object<'a>,
    path: String,
}

impl<'a> Fields<'a> {
    /// `object_text` must be a slice of `text`.
    pub(crate) fn parse(
        text: &'a str,
        object_text: &'a str,
        path: String,
    ) -> Result<Fields<'a>, BaselinesError> {
        match Object::parse(object_text) {
            Ok(object) => Ok(Fields {
                text,
                object_text,
                object,
                path,
            }),
            Err(error) => Err(BaselinesError {
                line: json::line_of(text, object_text) + error.line().max(1) - 1,
                path,
                reason: reason_of(&error),
            }),
        }
    }

    pub(crate) fn required(&self, key: &str) -> Result<&'a RawValue, BaselinesError> {
        self.object.get(key).ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &str) -> BaselinesError {
        BaselinesError {
            line: json::line_of(self.text, self.object_text),
            path: self.path_to(key),
            reason: "is missing".to_owned(),
        }
    }

    fn id(&self, key: &str) -> Result<ScenarioId, BaselinesError> {
        let value = self.required(key)?;
        let text: String = self.read(key, value, "a string")?;
        text.parse()
            .map_err(|e| self.error(key, value, format!("{} {e}", excerpt(value.get()))))
    }

    pub(crate) fn time(&self, key: &str) -> Result<Timestamp, BaselinesError> {
        let value = self.required(key)?;
        let text: String = self.read(key, value, "a string")?;
        text.parse()
            .map_err(|e| self.error(key, value, format!("{} is {e}", excerpt(value.get()))))
    }

    fn credits(&self, key: &str) -> Result<Credits, BaselinesError> {
        self.number(key)?.ok_or_else(|| self.missing(key))
    }

    /// A number that is read from its own text, if it is there.
    fn number<N: FromStr<Err = CreditsError>>(
        &self,
        key: &str,
    ) -> Result<Option<N>, BaselinesError> {
        let parse = |value: &'a RawValue| {
            let text = value.get();
            text.parse()
                .map_err(|e| self.error(key, value, format!("{}: {e}", excerpt(text))))
        };
        self.object.get(key).map(parse).transpose()
    }

    fn tokens(&self, key: &str) -> Result<Option<u64>, BaselinesError> {
        let read = |value| self.read(key, value, "a whole number of tokens");
        self.object.get(key).map(read).transpose()
    }

    fn bounds(&self) -> Result<Option<Bounds>, BaselinesError> {
        let bounds = Bounds::of(self.number(MEDIAN_LOWER)?, self.number(MEDIAN_UPPER)?);
        bounds.map_err(|e| {
            let at = [MEDIAN_LOWER, MEDIAN_UPPER].into_iter();
            let found = at
                .filter_map(|key| Some((key, self.object.get(key)?)))
                .next();
            match found {
                Some((key, value)) => self.error(key, value, e.to_string()),
                None => self.missing(MEDIAN_LOWER),
            }
        })
    }

    fn weekdays(&self) -> Result<Option<Weekdays>, BaselinesError> {
        let parse = |value: &'a RawValue| {
            serde_json::from_str(value.get())
                .map_err(|e| self.error(WEEKDAYS, value, reason_of(&e)))
        };
        self.object.get(WEEKDAYS).map(parse).transpose()
    }

    fn count(&self, key: &str) -> Result<u64, BaselinesError> {
        self.read(key, self.required(key)?, "a whole number of runs")
    }

    pub(crate) fn read<T: serde::Deserialize<'a>>(
        &self,
        key: &str,
        value: &'a RawValue,
        wanted: &str,
    ) -> Result<T, BaselinesError> {
        serde_json::from_str(value.get()).map_err(|_| {
            let reason = format!("must be {wanted}, not {}", excerpt(value.get()));
            self.error(key, value, reason)
        })
    }

    pub(crate) fn error(&self, key: &str, value: &RawValue, reason: String) -> BaselinesError {
        BaselinesError {
            line: json::line_of(self.text, value.get()),
            path: self.path_to(key),
            reason,
        }
    }

    /// Everything the object holds, to be written again as it was.
    pub(crate) fn members(&self) -> Result<Members, BaselinesError> {
        let mut members = Vec::new();
        for (key, value) in self.object.iter() {
            let kept = json::compact(value.get(), json::DEPTH_MAX).ok_or_else(|| {
                let reason = format!("nests deeper than {} levels", json::DEPTH_MAX);
                self.error(key, value, reason)
            })?;
            members.push((key.to_owned(), kept));
        }
        Ok(Members(members))
    }

    fn path_to(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// serde_json's words without the place, which the error's own fields carry.
fn reason_of(error: &serde_json::Error) -> String {
    let reason = error.to_string();
    reason
        .rsplit_once(" at line ")
        .map_or(reason.as_str(), |(reason, _)| reason)
        .to_owned()
}

/// The first characters of a value, with control characters made visible.
fn excerpt(value: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut shown = String::new();
    for c in value.chars().take(SHOWN_MAX) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    if value.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}
