//! Instants, days and periods, in UTC.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// An instant in UTC that remembers how many decimals of a second it was given with.
///
/// Read from any RFC 3339 text, whatever its offset; written in UTC with `Z` and the decimals it
/// was given with. Two are equal if they are the same instant, whatever their decimals.
///
/// ```
/// use credit_core::Timestamp;
///
/// let late: Timestamp = "2024-01-23T23:30:00.50-05:00".parse()?;
/// assert_eq!(late.to_string(), "2024-01-24T04:30:00.50Z");
/// assert_eq!(late.day().to_string(), "2024-01-24");
/// assert_eq!(late, "2024-01-24T04:30:00.5Z".parse()?);
/// # Ok::<(), credit_core::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
    decimals: u8,
}

impl Timestamp {
    /// The first instant that can be written: 0001-01-01T00:00:00Z.
    pub const FIRST: Timestamp = Timestamp {
        seconds: -62_135_596_800,
        nanos: 0,
        decimals: 0,
    };
    /// The last whole second that can be written: 9999-12-31T23:59:59Z.
    pub const LAST: Timestamp = Timestamp {
        seconds: 253_402_300_799,
        nanos: 0,
        decimals: 0,
    };

    /// The instant so many seconds after 1970-01-01T00:00:00Z; `None` outside the years 1 to 9999.
    pub fn from_unix(seconds: i64) -> Option<Timestamp> {
        let in_range = Timestamp::FIRST.seconds..=Timestamp::LAST.seconds;
        in_range.contains(&seconds).then_some(Timestamp {
            seconds,
            nanos: 0,
            decimals: 0,
        })
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> i64 {
        self.seconds
    }

    /// The decimals of its second that it was given with: how many there are, and their value in
    /// nanoseconds.
    ///
    /// ```
    /// # use credit_core::Timestamp;
    /// let at: Timestamp = "2024-03-01T10:00:00.250Z".parse()?;
    /// assert_eq!(at.decimals(), (3, 250_000_000));
    /// assert_eq!(Timestamp::from_unix(at.unix()).unwrap().with_decimals(3, 250_000_000), Some(at));
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub const fn decimals(self) -> (u8, u32) {
        (self.decimals, self.nanos)
    }

    /// The same second with other decimals, as [`Timestamp::decimals`] tells them; `None` if there
    /// are more than nine, or if so many do not give that value.
    pub fn with_decimals(self, decimals: u8, nanos: u32) -> Option<Timestamp> {
        let unit = 10_u32.pow(9_u32.checked_sub(u32::from(decimals))?);
        let fits = i64::from(nanos) < NANOS_PER_SECOND && nanos.is_multiple_of(unit);
        fits.then_some(Timestamp {
            nanos,
            decimals,
            ..self
        })
    }

    /// The UTC day it lies in.
    pub fn day(self) -> Day {
        Day(self.seconds.div_euclid(SECONDS_PER_DAY))
    }

    /// So many days of 24 hours earlier; stops at the first representable instant.
    ///
    /// ```
    /// # use credit_core::Timestamp;
    /// let now: Timestamp = "2024-03-01T10:00:00Z".parse()?;
    /// assert_eq!(now.days_before(1).to_string(), "2024-02-29T10:00:00Z");
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn days_before(self, days: u32) -> Timestamp {
        self.seconds_before(i64::from(days) * SECONDS_PER_DAY)
    }

    /// So many hours earlier; stops at the first representable instant.
    ///
    /// ```
    /// # use credit_core::Timestamp;
    /// let now: Timestamp = "2024-03-01T10:00:00Z".parse()?;
    /// assert_eq!(now.hours_before(24), now.days_before(1));
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn hours_before(self, hours: u32) -> Timestamp {
        self.seconds_before(i64::from(hours) * 3_600)
    }

    /// Whether it is `earlier` or at most so many hours later, to the nanosecond.
    ///
    /// ```
    /// # use credit_core::Timestamp;
    /// let deployed: Timestamp = "2024-03-01T10:00:00Z".parse()?;
    /// let run: Timestamp = "2024-03-02T10:00:00Z".parse()?;
    /// assert!(run.is_within_hours_after(24, deployed));
    /// assert!(!run.is_within_hours_after(23, deployed));
    /// assert!(!deployed.is_within_hours_after(24, run));
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    #[inline]
    pub const fn is_within_hours_after(self, hours: u16, earlier: Timestamp) -> bool {
        const NANOS: u64 = NANOS_PER_SECOND as u64;
        let span = hours as u64 * 3_600;
        // Without its sign, what lies before `earlier` is beyond any span: in seconds, or in
        // nanoseconds, which are few enough for 64 bits where the seconds are not beyond it.
        let seconds = self.seconds.wrapping_sub(earlier.seconds) as u64;
        let decimals = self.nanos as i64 - earlier.nanos as i64;
        let nanos = seconds.wrapping_mul(NANOS).wrapping_add_signed(decimals);
        (seconds <= span) & (nanos <= span * NANOS)
    }

    /// So many minutes later; stops at the last second that can be written.
    ///
    /// ```
    /// # use credit_core::Timestamp;
    /// let now: Timestamp = "2024-02-29T23:50:00Z".parse()?;
    /// assert_eq!(now.minutes_after(15).to_string(), "2024-03-01T00:05:00Z");
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn minutes_after(self, minutes: u32) -> Timestamp {
        self.seconds_after(i64::from(minutes) * 60)
    }

    /// So many days of 24 hours later; stops at the last second that can be written.
    pub fn days_after(self, days: u32) -> Timestamp {
        self.seconds_after(i64::from(days) * SECONDS_PER_DAY)
    }

    fn seconds_after(self, seconds: i64) -> Timestamp {
        let seconds = self.seconds + seconds;
        Timestamp { seconds, ..self }.min(Timestamp::LAST)
    }

    fn seconds_before(self, seconds: i64) -> Timestamp {
        let seconds = self.seconds - seconds;
        Timestamp { seconds, ..self }.max(Timestamp::FIRST)
    }

    /// Seconds from `earlier` to this instant; negative if it is later.
    pub fn seconds_since(self, earlier: Timestamp) -> f64 {
        (self.seconds - earlier.seconds) as f64
            + (f64::from(self.nanos) - f64::from(earlier.nanos)) / 1e9
    }

    /// Where on the line of time.
    const fn instant(self) -> (i64, u32) {
        (self.seconds, self.nanos)
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Timestamp) -> bool {
        self.instant() == other.instant()
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Timestamp) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Timestamp) -> Ordering {
        self.instant().cmp(&other.instant())
    }
}

impl Hash for Timestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.instant().hash(state);
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Timestamp, TimestampError> {
        // As almost all are written.
        if let Some(timestamp) = whole_second(text.as_bytes()) {
            return Ok(timestamp);
        }
        // chrono also takes a space or lower-case letters, which sort differently as text, and the
        // typographic minus sign.
        if text.as_bytes().get(10) != Some(&b'T') || text.contains('z') || !text.is_ascii() {
            return Err(TimestampError::NotRfc3339);
        }
        let fraction = text
            .get(19..)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or("");
        let decimals = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if decimals > 9 {
            return Err(TimestampError::TooPrecise);
        }
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| TimestampError::NotRfc3339)?;
        if parsed.nanosecond() >= 1_000_000_000 {
            return Err(TimestampError::LeapSecond);
        }
        let whole = Timestamp::from_unix(parsed.timestamp()).ok_or(TimestampError::OutOfRange)?;
        Ok(Timestamp {
            nanos: parsed.timestamp_subsec_nanos(),
            decimals: u8::try_from(decimals).unwrap_or(9),
            ..whole
        })
    }
}

/// `YYYY-MM-DDThh:mm:ssZ`; `None` for any other form, and for days that there are not.
fn whole_second(text: &[u8]) -> Option<Timestamp> {
    const FORM: &[u8; 20] = b"0000-00-00T00:00:00Z";
    let text: &[u8; 20] = text.try_into().ok()?;
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    if !text.iter().zip(FORM).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).unwrap_or_default().iter();
        digits.fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'))
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())?;
    let time = date.and_hms_opt(hour.into(), minute.into(), second.into())?;
    Timestamp::from_unix(time.and_utc().timestamp())
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second_of_day = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute) = (second_of_day / 3_600, second_of_day / 60 % 60);
        write!(
            f,
            "{}T{hour:02}:{minute:02}:{:02}",
            self.day(),
            second_of_day % 60
        )?;
        if self.decimals > 0 {
            let width = usize::from(self.decimals);
            let shown = self.nanos / 10_u32.pow(9 - u32::from(self.decimals));
            write!(f, ".{shown:0width$}")?;
        }
        f.write_str("Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// A calendar day in UTC, written `YYYY-MM-DD`.
///
/// ```
/// use credit_core::Day;
///
/// let day: Day = "2025-01-31".parse()?;
/// assert_eq!(day.start().to_string(), "2025-01-31T00:00:00Z");
/// # Ok::<(), credit_core::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Day(i64);

impl Day {
    /// Its first instant.
    pub fn start(self) -> Timestamp {
        Timestamp {
            seconds: self.0 * SECONDS_PER_DAY,
            nanos: 0,
            decimals: 0,
        }
    }

    /// The day so many days after 1970-01-01; `None` outside the years 1 to 9999.
    pub fn from_unix(days: i64) -> Option<Day> {
        let day = Day(days);
        (Timestamp::FIRST.day()..=Timestamp::LAST.day())
            .contains(&day)
            .then_some(day)
    }

    /// Whole days since 1970-01-01.
    ///
    /// ```
    /// # use credit_core::Day;
    /// let day: Day = "1970-02-01".parse()?;
    /// assert_eq!(Day::from_unix(31), Some(day));
    /// assert_eq!(day.unix(), 31);
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub const fn unix(self) -> i64 {
        self.0
    }

    fn date(self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(TimeDelta::try_days(self.0)?)
    }
}

impl FromStr for Day {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Day, TimestampError> {
        let date: NaiveDate = text.parse().map_err(|_| TimestampError::NotADay)?;
        let day = Day(date.and_time(NaiveTime::MIN).and_utc().timestamp() / SECONDS_PER_DAY);
        // chrono also reads `2025-1-31`; one day has one spelling here.
        if day >= Timestamp::FIRST.day() && day.to_string() == text {
            Ok(day)
        } else {
            Err(TimestampError::NotADay)
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date().ok_or(fmt::Error)?;
        write!(
            f,
            "{:04}-{:02}-{:02}",
            date.year(),
            date.month(),
            date.day()
        )
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A half-open span of time: from its start up to, but not including, its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Period {
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Period {
    /// The `days` days of 24 hours before `end`.
    ///
    /// ```
    /// # use credit_core::{Day, Period};
    /// let week = Period::days_until(7, "2025-01-31".parse::<Day>()?.start());
    /// assert!(week.contains("2025-01-24T00:00:00Z".parse()?));
    /// assert!(!week.contains("2025-01-31T00:00:00Z".parse()?));
    /// assert_eq!(week.before().end, week.start);
    /// # Ok::<(), credit_core::TimestampError>(())
    /// ```
    pub fn days_until(days: u32, end: Timestamp) -> Period {
        Period {
            start: end.days_before(days),
            end,
        }
    }

    /// Whether `instant` lies inside.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }

    /// The period of the same length that ends where this one starts.
    pub fn before(self) -> Period {
        let mut seconds = 2 * self.start.seconds - self.end.seconds;
        let mut nanos = 2 * i64::from(self.start.nanos) - i64::from(self.end.nanos);
        seconds += nanos.div_euclid(NANOS_PER_SECOND);
        nanos = nanos.rem_euclid(NANOS_PER_SECOND);
        let start = Timestamp {
            seconds,
            nanos: u32::try_from(nanos).unwrap_or(0),
            decimals: self.start.decimals.max(self.end.decimals),
        };
        Period {
            start: start.max(Timestamp::FIRST),
            end: self.start,
        }
    }
}

/// Why a text is not an instant or a day.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// Not of the form `2024-01-23T10:00:00Z`.
    #[error("not an RFC 3339 time with an offset, such as 2024-01-23T10:00:00Z")]
    NotRfc3339,
    /// More than nine decimals.
    #[error("more than nine decimals of a second")]
    TooPrecise,
    /// Second 60 has no place in a count of seconds.
    #[error("a leap second (:60) cannot be placed; write :59 with decimals")]
    LeapSecond,
    /// Before the year 1 or after 9999.
    #[error("outside the years 0001 to 9999 in UTC")]
    OutOfRange,
    /// Not of the form `2024-01-23`.
    #[error("not a day such as 2024-01-23")]
    NotADay,
}
