//! One object of a policy file, read one key at a time, with the place of every value.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use credit_core::json::{self, Excerpt, Object};
use credit_core::{Multiplier, UnknownWord};
use serde_json::value::RawValue;

use crate::error::{self, PolicyError, Problem};

/// An object of the file and where it lies; an absent one has no keys.
pub(crate) struct Section<'a> {
    text: &'a str,
    path: String,
    line: usize,
    object: Object<'a>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(crate) fn root(
        text: &'a str,
        known: &'static [&'static str],
    ) -> Result<Section<'a>, PolicyError> {
        if text.starts_with('\u{feff}') {
            return Err(PolicyError {
                line: 1,
                path: String::new(),
                problem: Problem::ByteOrderMark,
            });
        }
        let mut root = Section::open(text, String::new(), text)?;
        root.line = json::line_of(text, text.trim_start());
        root.only(known)
    }

    /// Each object of the list that the whole file is, or the one object that it is.
    pub(crate) fn one_or_more(
        text: &'a str,
        known: &'static [&'static str],
    ) -> Result<Vec<Section<'a>>, PolicyError> {
        if !text.trim_start().starts_with('[') {
            return Ok(vec![Section::root(text, known)?]);
        }
        let entries: Vec<&'a RawValue> = serde_json::from_str(text).map_err(|e| PolicyError {
            line: e.line().max(1),
            path: String::new(),
            problem: Problem::List {
                reason: reason(&e),
                column: e.column().max(1),
            },
        })?;
        let section = |(i, entry): (usize, &'a RawValue)| {
            Section::open(text, format!("[{i}]"), entry.get())?.only(known)
        };
        entries.into_iter().enumerate().map(section).collect()
    }

    /// The object under `key`, or one without keys.
    pub(crate) fn child(
        &self,
        key: &str,
        known: &'static [&'static str],
    ) -> Result<Section<'a>, PolicyError> {
        self.any_child(key)?.only(known)
    }

    /// The object under `key`, whose keys the caller checks.
    pub(crate) fn any_child(&self, key: &str) -> Result<Section<'a>, PolicyError> {
        match self.object.get(key) {
            Some(value) if value.get().starts_with('{') => {
                Section::open(self.text, self.path_of(key), value.get())
            }
            Some(value) => Err(self.unwanted(key, value, "an object".to_owned())),
            None => Ok(Section {
                text: self.text,
                path: self.path_of(key),
                line: self.line,
                object: Object::default(),
            }),
        }
    }

    /// Its keys in their order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.object.iter().map(|(key, _)| key)
    }

    /// The line in which it starts.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The text of the value of `key`.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.object.get(key).map(RawValue::get)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.object.get(key).is_some()
    }

    /// Refuses an absent key.
    pub(crate) fn require(&self, key: &str, example: &'static str) -> Result<(), PolicyError> {
        if self.has(key) {
            Ok(())
        } else {
            Err(self.missing(key, example))
        }
    }

    pub(crate) fn required<T>(
        &self,
        key: &str,
        value: Option<T>,
        example: &'static str,
    ) -> Result<T, PolicyError> {
        value.ok_or_else(|| self.missing(key, example))
    }

    pub(crate) fn whole<T: FromStr + PartialOrd + fmt::Display>(
        &self,
        key: &str,
        range: &RangeInclusive<T>,
    ) -> Result<Option<T>, PolicyError> {
        self.read(
            key,
            || format!("a whole number from {} to {}", range.start(), range.end()),
            |token| token.parse().ok().filter(|n| range.contains(n)),
        )
    }

    pub(crate) fn multiplier(
        &self,
        key: &str,
        min: Multiplier,
        max: Multiplier,
    ) -> Result<Option<Multiplier>, PolicyError> {
        self.read(
            key,
            || format!("a number from {min} to {max} with at most six decimals"),
            |token| token.parse().ok().filter(|m| (min..=max).contains(m)),
        )
    }

    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, PolicyError> {
        self.read(
            key,
            || "true or false".to_owned(),
            |token| token.parse().ok(),
        )
    }

    pub(crate) fn string(&self, key: &str) -> Result<Option<String>, PolicyError> {
        const LENGTH_MAX: usize = 128;
        self.read(
            key,
            || format!("a string of 1 to {LENGTH_MAX} characters without control characters"),
            |token| {
                serde_json::from_str(token).ok().filter(|s: &String| {
                    (1..=LENGTH_MAX).contains(&s.chars().count()) && !s.contains(char::is_control)
                })
            },
        )
    }

    pub(crate) fn word<W: FromStr<Err = UnknownWord>>(
        &self,
        key: &str,
    ) -> Result<Option<W>, PolicyError> {
        let Some(value) = self.object.get(key) else {
            return Ok(None);
        };
        self.to_word(key, value).map(Some)
    }

    /// A list of words of which none comes twice, and at least one.
    pub(crate) fn words<W: FromStr<Err = UnknownWord> + PartialEq>(
        &self,
        key: &str,
    ) -> Result<Option<Vec<W>>, PolicyError> {
        self.list_of_words(key, 1, "a list of at least one word")
    }

    /// A list of words of which none comes twice; it may be empty.
    pub(crate) fn words_or_none<W: FromStr<Err = UnknownWord> + PartialEq>(
        &self,
        key: &str,
    ) -> Result<Option<Vec<W>>, PolicyError> {
        self.list_of_words(key, 0, "a list of words")
    }

    fn list_of_words<W: FromStr<Err = UnknownWord> + PartialEq>(
        &self,
        key: &str,
        words_min: usize,
        wanted: &'static str,
    ) -> Result<Option<Vec<W>>, PolicyError> {
        let Some(value) = self.object.get(key) else {
            return Ok(None);
        };
        let entries: Vec<&'a RawValue> = serde_json::from_str(value.get())
            .ok()
            .filter(|entries: &Vec<_>| entries.len() >= words_min)
            .ok_or_else(|| self.unwanted(key, value, wanted.to_owned()))?;
        let mut words = Vec::with_capacity(entries.len());
        for (i, entry) in entries.into_iter().enumerate() {
            let key = format!("{key}[{i}]");
            let word = self.to_word(&key, entry)?;
            if words.contains(&word) {
                return Err(self.error(&key, entry.get(), Problem::Twice));
            }
            words.push(word);
        }
        Ok(Some(words))
    }

    /// The value of `key` as `parse` reads its token.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        wanted: impl FnOnce() -> String,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, PolicyError> {
        let Some(value) = self.object.get(key) else {
            return Ok(None);
        };
        parse(value.get())
            .map(Some)
            .ok_or_else(|| self.unwanted(key, value, wanted()))
    }

    /// A problem of the whole object.
    pub(crate) fn problem(&self, problem: Problem) -> PolicyError {
        PolicyError {
            line: self.line,
            path: self.path.clone(),
            problem,
        }
    }

    /// A problem of the value of `key`, or of its absence.
    pub(crate) fn problem_at(&self, key: &str, problem: Problem) -> PolicyError {
        PolicyError {
            line: self
                .object
                .get(key)
                .map_or(self.line, |value| json::line_of(self.text, value.get())),
            path: self.path_of(key),
            problem,
        }
    }

    /// What is wrong with the run that the object is.
    pub(crate) fn problem_of_run(&self, error: credit_core::RunError) -> PolicyError {
        PolicyError {
            line: self.line + error.line - 1,
            path: self.path_of(&error.field),
            problem: match error.problem {
                credit_core::Problem::Word(word) => unknown_word(word),
                problem => Problem::Run(problem),
            },
        }
    }

    /// A problem of `key` itself.
    pub(crate) fn problem_of_key(&self, key: &str, problem: Problem) -> PolicyError {
        let stored = self.object.iter().find(|(k, _)| *k == key);
        let line = stored.map_or(self.line, |(key, value)| {
            // A key that was written with escapes is a copy and has no place of its own.
            let file = self.text.as_bytes().as_ptr_range();
            let in_file = file.contains(&key.as_ptr());
            json::line_of(self.text, if in_file { key } else { value.get() })
        });
        PolicyError {
            line,
            path: self.path_of(key),
            problem,
        }
    }

    fn open(text: &'a str, path: String, part: &'a str) -> Result<Section<'a>, PolicyError> {
        let line = json::line_of(text, part);
        let object = Object::parse(part).map_err(|e| not_an_object(&path, line, &e))?;
        Ok(Section {
            text,
            path,
            line,
            object,
        })
    }

    /// Refuses keys that nobody reads.
    fn only(self, known: &'static [&'static str]) -> Result<Section<'a>, PolicyError> {
        self.only_where(known, |key| known.contains(&key))?;
        Ok(self)
    }

    /// Refuses keys that are none of the known ones, however their letters are cased.
    pub(crate) fn only_in_any_case(
        &self,
        known: &'static [&'static str],
    ) -> Result<(), PolicyError> {
        self.only_where(known, |key| {
            known.iter().any(|k| k.eq_ignore_ascii_case(key))
        })
    }

    fn only_where(
        &self,
        known: &'static [&'static str],
        is_known: impl Fn(&str) -> bool,
    ) -> Result<(), PolicyError> {
        match self.keys().find(|key| !is_known(key)) {
            Some(key) => {
                let suggestion = error::nearest(key, known);
                Err(self.problem_of_key(key, Problem::UnknownKey { suggestion, known }))
            }
            None => Ok(()),
        }
    }

    fn to_word<W: FromStr<Err = UnknownWord>>(
        &self,
        key: &str,
        value: &'a RawValue,
    ) -> Result<W, PolicyError> {
        let text: String = serde_json::from_str(value.get())
            .map_err(|_| self.unwanted(key, value, "a word in quotes".to_owned()))?;
        text.parse()
            .map_err(|word| self.error(key, value.get(), unknown_word(word)))
    }

    fn missing(&self, key: &str, example: &'static str) -> PolicyError {
        self.problem_at(key, Problem::Missing { example })
    }

    fn unwanted(&self, key: &str, value: &RawValue, wanted: String) -> PolicyError {
        let found = match value.get().as_bytes() {
            [b'{', ..] => "an object".to_owned(),
            [b'[', rest @ ..] if rest.trim_ascii_start() == b"]" => "an empty list".to_owned(),
            [b'[', ..] => "a list".to_owned(),
            _ => format!("`{}`", Excerpt(value.get())),
        };
        self.error(key, value.get(), Problem::Value { wanted, found })
    }

    fn error(&self, key: &str, place: &str, problem: Problem) -> PolicyError {
        PolicyError {
            line: json::line_of(self.text, place),
            path: self.path_of(key),
            problem,
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// The word with the allowed one that was probably meant.
pub(crate) fn unknown_word(word: UnknownWord) -> Problem {
    let suggestion = error::nearest(&word.value, word.allowed);
    Problem::Word { word, suggestion }
}

/// What the parser says of an object that starts in `line`.
fn not_an_object(path: &str, line: usize, error: &serde_json::Error) -> PolicyError {
    let reason = reason(error);
    let (path, problem) = match reason
        .strip_prefix("duplicate key \"")
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(key) if path.is_empty() => (key.to_owned(), Problem::Twice),
        Some(key) => (format!("{path}.{key}"), Problem::Twice),
        None => {
            let problem = Problem::Json {
                reason,
                column: error.column().max(1),
            };
            (path.to_owned(), problem)
        }
    };
    PolicyError {
        line: line + error.line().max(1) - 1,
        path,
        problem,
    }
}

/// What the parser says, without the place that serde_json ends its messages with: the error
/// carries it by itself.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => message,
    }
}
