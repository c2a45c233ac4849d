//! When the weekly review is due.

use std::fmt;

use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::{GapInfo, Tz};
use credit_core::{Timestamp, Weekday};

/// How a time of day is written.
pub(crate) const TIME: &str = "%H:%M";

/// On which day of the week and at what time the review is due, in whose time zone.
///
/// The zone is resolved when the policy is read, so that one that nobody knows is an error of the
/// policy at once and not of the first review. Its rules are those of the IANA database that the
/// program was built with, which looks ahead to the year 2100.
///
/// ```
/// use credit_policy::Policy;
///
/// let policy = Policy::standard();
/// let review = policy.review();
/// assert_eq!(review.to_string(), "monday 10:00 UTC");
/// let friday = "2025-01-31T12:00:00Z".parse()?;
/// assert_eq!(review.next_review(friday).to_string(), "2025-02-03T10:00:00Z");
/// # Ok::<(), credit_core::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReviewSchedule {
    pub(crate) weekday: Weekday,
    pub(crate) time: NaiveTime,
    pub(crate) zone: Tz,
}

impl ReviewSchedule {
    /// The first review after `now`; stops at the last second that can be written.
    ///
    /// A time of day that the clocks jump over is the first instant after the jump, and one that
    /// they show twice is the first of the two.
    ///
    /// ```
    /// use credit_policy::{Policy, STANDARD_JSON};
    ///
    /// let policy = Policy::parse(&STANDARD_JSON.replace("\"UTC\"", "\"Europe/Vienna\""))?;
    /// let next = |now: &str| policy.review().next_review(now.parse().unwrap()).to_string();
    /// assert_eq!(next("2025-03-24T09:00:00Z"), "2025-03-31T08:00:00Z", "summer time has begun");
    /// assert_eq!(next("2025-10-20T08:00:00Z"), "2025-10-27T09:00:00Z", "and has ended");
    /// # Ok::<(), credit_policy::PolicyError>(())
    /// ```
    pub fn next_review(&self, now: Timestamp) -> Timestamp {
        // This week's review may be over already; the next one's is not.
        [0, 7]
            .into_iter()
            .filter_map(|days| self.on(self.day_from(now)?.checked_add_days(Days::new(days))?))
            .find(|review| *review > now)
            .unwrap_or(Timestamp::LAST)
    }

    /// The first day of the review that is not over at `now`, in the zone.
    fn day_from(&self, now: Timestamp) -> Option<NaiveDate> {
        let today = DateTime::from_timestamp(now.unix(), 0)?
            .with_timezone(&self.zone)
            .date_naive();
        let passed = today.weekday().num_days_from_monday();
        let ahead = (self.weekday as u32 + 7 - passed) % 7;
        today.checked_add_days(Days::new(u64::from(ahead)))
    }

    /// The review of a day.
    fn on(&self, day: NaiveDate) -> Option<Timestamp> {
        let local = day.and_time(self.time);
        let instant = match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(only) => only,
            MappedLocalTime::Ambiguous(first, _) => first,
            MappedLocalTime::None => GapInfo::new(&local, &self.zone)?.end?,
        };
        Timestamp::from_unix(instant.timestamp())
    }
}

impl fmt::Display for ReviewSchedule {
    /// Such as `monday 10:00 Europe/Vienna`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (weekday, time, zone) = (self.weekday, self.time.format(TIME), self.zone);
        write!(f, "{weekday} {time} {zone}")
    }
}
