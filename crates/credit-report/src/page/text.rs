//! How figures, days and foreign words are shown to people.
//!
//! A figure is shown rounded and in groups of three; its exact text, as in the report's JSON, goes
//! with it.

use std::fmt::Display;

use credit_core::{Day, Multiplier, Period, Severity, Timestamp, TotalCredits};

/// A figure as it is read, and as it is in the JSON.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) exact: String,
    pub(crate) shown: String,
}

impl Figure {
    /// A number of something.
    pub(crate) fn count(count: impl Display) -> Figure {
        let exact = count.to_string();
        Figure {
            shown: grouped(&exact),
            exact,
        }
    }

    /// An amount: two decimals from 100 on, all it has below.
    pub(crate) fn credits(credits: impl Display) -> Figure {
        let exact = credits.to_string();
        Figure {
            shown: grouped(&rounded(&exact)),
            exact,
        }
    }

    /// A multiple, two decimals cut off: what is shown as 2.00 is at least 2.
    pub(crate) fn multiplier(multiplier: Multiplier) -> Figure {
        let exact = multiplier.six_decimals().to_string();
        let shown = match exact.split_once('.') {
            Some((whole, decimals)) => {
                format!(
                    "{}.{}×",
                    grouped(whole),
                    decimals.get(..2).unwrap_or(decimals)
                )
            }
            None => format!("{}×", grouped(&exact)),
        };
        Figure { exact, shown }
    }

    /// What is not known.
    pub(crate) fn none() -> Figure {
        Figure {
            exact: String::new(),
            shown: "–".to_owned(),
        }
    }

    pub(crate) fn or_none(figure: Option<Figure>) -> Figure {
        figure.unwrap_or_else(Figure::none)
    }
}

/// A severity for its colour and shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sev(pub(crate) Severity);

impl Sev {
    /// 0 for the gravest.
    pub(crate) fn n(&self) -> u8 {
        match self.0 {
            Severity::Sev0 => 0,
            Severity::Sev1 => 1,
            Severity::Sev2 => 2,
            Severity::Sev3 => 3,
            Severity::Sev4 => 4,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.0.as_str()
    }
}

/// Two decimals, half up, for a decimal number of three digits or more before its point.
fn rounded(decimal: &str) -> String {
    let Some((whole, decimals)) = decimal.split_once('.') else {
        return decimal.to_owned();
    };
    let (Some(kept), Some(rest)) = (decimals.get(..2), decimals.get(2..)) else {
        return decimal.to_owned();
    };
    if whole.len() < 3 || rest.is_empty() {
        return decimal.to_owned();
    }
    let hundredths: Option<u128> = format!("{whole}{kept}").parse().ok();
    let up = u128::from(rest.starts_with(['5', '6', '7', '8', '9']));
    match hundredths {
        Some(hundredths) => {
            let hundredths = hundredths + up;
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        }
        None => decimal.to_owned(),
    }
}

/// `1234567.5` as `1,234,567.5`.
fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix(['-', '+']) {
        Some(rest) => (number.get(..1).unwrap_or_default(), rest),
        None => ("", number),
    };
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::from(if sign == "-" { "−" } else { sign });
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(rest);
    out
}

/// By how many per cent a total is above or below another, with one decimal; `None` from zero.
pub(crate) fn percent_off(total: TotalCredits, expected: TotalCredits) -> Option<String> {
    let (total, expected) = (total.micro(), expected.micro());
    if expected == 0 {
        return None;
    }
    // Half up, of tenths; totals are far below what 128 bits hold.
    let off = total.abs_diff(expected);
    let tenths = (off * 2_000 + expected) / (2 * expected);
    let sign = match tenths {
        0 => "±",
        _ if total > expected => "+",
        _ => "−",
    };
    Some(format!(
        "{sign}{}.{} %",
        grouped(&(tenths / 10).to_string()),
        tenths % 10
    ))
}

/// `22 January – 28 January 2024`, or one day.
pub(crate) fn period(period: Period) -> String {
    let last = period.end.days_before(1).day();
    let first = period.start.day();
    if first == last {
        return long_day(first);
    }
    let (first, last) = (long_day(first), long_day(last));
    let year = |day: &str| day.rsplit(' ').next().map(ToOwned::to_owned);
    let first = match year(&first) {
        Some(y) if Some(&y) == year(&last).as_ref() => {
            first.trim_end_matches(&y).trim_end().to_owned()
        }
        _ => first,
    };
    format!("{first} – {last}")
}

/// `22 January 2024`.
fn long_day(day: Day) -> String {
    let text = day.to_string();
    let mut parts = text.split('-');
    let (year, month, date) = (parts.next(), parts.next(), parts.next());
    let month = month
        .and_then(|month| month.parse::<usize>().ok())
        .and_then(|month| MONTHS.get(month - 1));
    match (year, month, date) {
        (Some(year), Some(month), Some(date)) => {
            format!("{} {month} {year}", date.trim_start_matches('0'))
        }
        _ => text,
    }
}

/// `22 Jan`.
pub(crate) fn day_of_month(at: Timestamp) -> String {
    let day = long_day(at.day());
    let mut words = day.split(' ');
    let (date, month) = (words.next().unwrap_or_default(), words.next());
    let month = month.and_then(|month| month.get(..3)).unwrap_or_default();
    format!("{date} {month}")
}

/// `Mon 22`.
pub(crate) fn short_day(at: Timestamp) -> String {
    let day = at.day().to_string();
    // The first of January 1970 was a Thursday.
    let since = at.unix().div_euclid(86_400) + 3;
    let weekday = usize::try_from(since.rem_euclid(7)).unwrap_or(0);
    let weekday = WEEKDAYS.get(weekday).copied().unwrap_or_default();
    let date = day.rsplit('-').next().unwrap_or_default();
    format!("{weekday} {}", date.trim_start_matches('0'))
}

/// `Tue 23 10:05`, in UTC like all else.
pub(crate) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    let time = text.get(11..16).unwrap_or_default();
    format!("{} {time}", short_day(at))
}

/// Foreign text without what a browser would obey or hide: control characters, and those that
/// change the direction of writing.
pub(crate) fn foreign(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{feff}'
            )
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}')
            || u32::from(c) & 0xfffe == 0xfffe
    };
    text.chars()
        .map(|c| if is_odd(c) { '\u{fffd}' } else { c })
        .collect()
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_in_groups_and_kept_exact() {
        let credits = |text: &str| Figure::credits(text).shown;
        assert_eq!(credits("1234567.891"), "1,234,567.89");
        assert_eq!(credits("999.995"), "1,000.00");
        assert_eq!(credits("99.123456"), "99.123456");
        assert_eq!(credits("0.000001"), "0.000001");
        assert_eq!(credits("100.5"), "100.5");
        assert_eq!(Figure::count(-1234).shown, "−1,234");
        let just_below = Figure::multiplier(Multiplier::from_micro(1_999_999));
        assert_eq!(
            (just_below.shown.as_str(), just_below.exact.as_str()),
            ("1.99×", "1.999999")
        );
    }

    #[test]
    fn days_are_read_by_people() {
        let week = Period::days_until(7, "2024-01-03T00:00:00Z".parse().unwrap());
        assert_eq!(period(week), "27 December 2023 – 2 January 2024");
        let day = Period::days_until(1, "2024-02-01T00:00:00Z".parse().unwrap());
        assert_eq!(period(day), "31 January 2024");
        let at: Timestamp = "2024-01-01T09:05:59Z".parse().unwrap();
        assert_eq!(instant(at), "Mon 1 09:05");
        assert_eq!(day_of_month(at), "1 Jan");
        let before: Timestamp = "1969-12-31T23:59:59Z".parse().unwrap();
        assert_eq!(instant(before), "Wed 31 23:59");
    }

    #[test]
    fn shares_are_exact() {
        let total = |micro: u64| -> TotalCredits {
            [credit_core::Credits::from_micro(micro).unwrap()]
                .into_iter()
                .sum()
        };
        assert_eq!(percent_off(total(1_124), total(1_000)).unwrap(), "+12.4 %");
        assert_eq!(percent_off(total(500), total(1_000)).unwrap(), "−50.0 %");
        assert_eq!(percent_off(total(7), total(7)).unwrap(), "±0.0 %");
        assert_eq!(percent_off(total(7), total(0)), None);
    }

    #[test]
    fn what_a_browser_would_obey_is_shown_as_odd() {
        assert_eq!(
            foreign("a\u{202e}b\u{0}c\n<"),
            "a\u{fffd}b\u{fffd}c\u{fffd}<"
        );
    }
}
