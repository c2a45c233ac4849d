//! The days of the week, and what a scenario's runs usually cost on each.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words::words;
use crate::{Bounds, Credits, Timestamp};

words! {
    /// A day of the week; in UTC, unless it is said in which zone.
    Weekday, "day of the week" {
        /// The first one.
        Monday = "monday",
        /// The second.
        Tuesday = "tuesday",
        /// The third.
        Wednesday = "wednesday",
        /// The fourth.
        Thursday = "thursday",
        /// The fifth.
        Friday = "friday",
        /// The first of the weekend.
        Saturday = "saturday",
        /// The second of the weekend.
        Sunday = "sunday",
    }
}

impl Weekday {
    /// Whether it is Saturday or Sunday.
    pub const fn is_weekend(self) -> bool {
        matches!(self, Weekday::Saturday | Weekday::Sunday)
    }
}

impl Timestamp {
    /// The day of the week it lies in, in UTC.
    ///
    /// ```
    /// # use credit_core::{Timestamp, Weekday};
    /// let friday: Timestamp = "2025-01-31T23:59:59Z".parse()?;
    /// assert_eq!(friday.weekday(), Weekday::Friday);
    /// let earlier: Timestamp = "1969-12-31T00:00:00Z".parse()?;
    /// assert_eq!(earlier.weekday(), Weekday::Wednesday);
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn weekday(self) -> Weekday {
        // 1970-01-01, the day 0, was a Thursday.
        match self.unix().div_euclid(86_400).rem_euclid(7) {
            0 => Weekday::Thursday,
            1 => Weekday::Friday,
            2 => Weekday::Saturday,
            3 => Weekday::Sunday,
            4 => Weekday::Monday,
            5 => Weekday::Tuesday,
            _ => Weekday::Wednesday,
        }
    }
}

/// What a scenario's runs usually cost on some day of the week.
///
/// As JSON: `{"median_credits":12,"sample_size":9,"median_lower":11,"median_upper":13}`, the last
/// two only together, and only where there were enough runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DayUsual {
    /// The median.
    pub credits: Credits,
    /// How many healthy runs it is of; 0 if it was entered by hand.
    pub sample_size: u64,
    /// Between which amounts the true median lies.
    pub bounds: Option<Bounds>,
}

/// The days of the week on which a scenario's runs usually cost something else than overall. On
/// those that are not named, what they cost overall holds.
///
/// ```
/// use credit_core::{Weekday, Weekdays};
///
/// let weekdays: Weekdays =
///     serde_json::from_str(r#"{"sunday":{"median_credits":12,"sample_size":9}}"#)?;
/// assert_eq!(weekdays.get(Weekday::Sunday).unwrap().sample_size, 9);
/// assert!(weekdays.get(Weekday::Monday).is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Weekdays(BTreeMap<Weekday, DayUsual>);

impl Weekdays {
    /// What is usual on a day; `None` where it is what is usual overall.
    pub fn get(&self, day: Weekday) -> Option<&DayUsual> {
        self.0.get(&day)
    }

    /// The days that differ, Monday first.
    pub fn iter(&self) -> impl Iterator<Item = (Weekday, &DayUsual)> {
        self.0.iter().map(|(day, usual)| (*day, usual))
    }

    /// Whether no day differs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Weekday, DayUsual)> for Weekdays {
    fn from_iter<I: IntoIterator<Item = (Weekday, DayUsual)>>(days: I) -> Weekdays {
        Weekdays(days.into_iter().collect())
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    median_credits: Credits,
    sample_size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    median_lower: Option<Credits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    median_upper: Option<Credits>,
}

impl Serialize for DayUsual {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            median_credits: self.credits,
            sample_size: self.sample_size,
            median_lower: self.bounds.map(Bounds::lower),
            median_upper: self.bounds.map(Bounds::upper),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DayUsual {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DayUsual, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Ok(DayUsual {
            credits: written.median_credits,
            sample_size: written.sample_size,
            bounds: Bounds::of(written.median_lower, written.median_upper)
                .map_err(D::Error::custom)?,
        })
    }
}
