//! Instants are UTC, whatever their spelling; days and periods are cut in UTC.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use std::collections::HashSet;

use chrono::{DateTime, Datelike as _};
use credit_core::{Day, Period, Timestamp, TimestampError};
use proptest::prelude::*;

const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z.
const FIRST: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// The text of an instant as a clock `offset` minutes east of Greenwich shows it.
fn written(seconds: i64, fraction: &str, offset: i64) -> String {
    let local = DateTime::from_timestamp(seconds + offset * 60, 0).unwrap();
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
    let point = if fraction.is_empty() { "" } else { "." };
    format!(
        "{}{point}{fraction}{sign}{hours:02}:{minutes:02}",
        local.format("%Y-%m-%dT%H:%M:%S")
    )
}

fn seconds() -> impl Strategy<Value = i64> {
    // A day from each end, so that the local time is inside the years 1 to 9999 as well.
    prop_oneof![
        (FIRST + DAY)..(LAST - DAY),
        1_600_000_000..1_800_000_000_i64,
        (-20_i64..20_000).prop_map(|day| day * DAY),
        (-20_i64..20_000).prop_map(|day| day * DAY - 1),
    ]
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (seconds(), "[0-9]{0,9}").prop_map(|(s, fraction)| written(s, &fraction, 0).parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_day_of_the_week_is_the_calendars(seconds in seconds()) {
        let calendar = DateTime::from_timestamp(seconds, 0).unwrap().weekday();
        let ours = Timestamp::from_unix(seconds).unwrap().weekday();
        let ours = format!("{ours:?}");
        prop_assert!(ours.starts_with(&calendar.to_string()), "{} {}", ours, calendar);
    }

    #[test]
    fn any_offset_gives_the_same_instant(
        seconds in seconds(), fraction in "[0-9]{0,9}", offset in -1_439_i64..=1_439,
    ) {
        let text = written(seconds, &fraction, offset);
        let instant: Timestamp = text.parse().unwrap();
        prop_assert_eq!(instant.unix(), seconds, "{}", text);
        let utc = written(seconds, &fraction, 0).replace("+00:00", "Z");
        prop_assert_eq!(instant.to_string(), utc.clone());
        prop_assert_eq!(utc.parse::<Timestamp>(), Ok(instant));
        prop_assert_eq!(written(seconds, &fraction, 0).replace("+00", "-00").parse::<Timestamp>(), Ok(instant));
    }

    #[test]
    fn precision_is_kept_and_parsing_what_was_printed_gives_the_same(instant in timestamp()) {
        let text = instant.to_string();
        prop_assert_eq!(text.parse::<Timestamp>(), Ok(instant));
        let json = serde_json::to_string(&instant).unwrap();
        prop_assert_eq!(&json, &format!("\"{text}\""));
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), instant);
    }

    #[test]
    fn order_is_the_order_in_time(a in timestamp(), b in timestamp()) {
        let exact = |t: &Timestamp| {
            let parsed = DateTime::parse_from_rfc3339(&t.to_string()).unwrap();
            (parsed.timestamp(), parsed.timestamp_subsec_nanos())
        };
        if exact(&a) != exact(&b) {
            prop_assert_eq!(a < b, exact(&a) < exact(&b));
        }
    }

    #[test]
    fn the_day_is_the_one_printed(instant in timestamp()) {
        let day = instant.day();
        let printed = instant.to_string();
        prop_assert!(printed.starts_with(&day.to_string()));
        prop_assert_eq!(day.to_string().parse::<Day>(), Ok(day));
        prop_assert!(day.start().unix() <= instant.unix() && instant.unix() < day.start().unix() + DAY);
        prop_assert_eq!(day.start().day(), day);
        prop_assert_eq!(day.unix() * DAY, day.start().unix());
        prop_assert_eq!(Day::from_unix(day.unix()), Some(day));
    }

    #[test]
    fn days_before_counts_days_of_24_hours(instant in timestamp(), days in 0_u32..3_000) {
        let earlier = instant.days_before(days);
        prop_assert!(earlier <= instant);
        if instant.unix() - i64::from(days) * DAY >= FIRST {
            prop_assert_eq!(instant.unix() - earlier.unix(), i64::from(days) * DAY);
            prop_assert_eq!(instant.seconds_since(earlier), f64::from(days) * 86_400.0);
            let clock = |t: Timestamp| t.to_string().get(10..).unwrap().to_owned();
            prop_assert_eq!(clock(earlier), clock(instant));
        }
    }

    #[test]
    fn decimals_are_taken_apart_and_put_together_again(instant in timestamp(), decimals in any::<u8>(), nanos in any::<u32>()) {
        let (digits, value) = instant.decimals();
        let whole = Timestamp::from_unix(instant.unix()).unwrap();
        let again = whole.with_decimals(digits, value).unwrap();
        prop_assert_eq!((again, again.to_string()), (instant, instant.to_string()));
        for (decimals, nanos) in [(decimals, nanos), (decimals % 11, nanos % 1_000_000_001), (digits, nanos)] {
            let fits = decimals <= 9 && nanos < 1_000_000_000
                && nanos % 10_u32.pow(9 - u32::from(decimals)) == 0;
            let with = instant.with_decimals(decimals, nanos);
            prop_assert_eq!(with.map(|at| (at.unix(), at.decimals())), fits.then_some((instant.unix(), (decimals, nanos))));
        }
    }

    #[test]
    fn later_is_so_many_minutes_or_days_and_stops_at_the_end(
        instant in timestamp(), minutes in prop_oneof![0..100_000_u32, any::<u32>()], days in prop_oneof![0..1_000_u32, any::<u32>()],
    ) {
        let after = |seconds: i64| (instant.unix() + seconds).min(LAST);
        let in_minutes = instant.minutes_after(minutes);
        prop_assert_eq!(in_minutes.unix(), after(i64::from(minutes) * 60));
        let in_days = instant.days_after(days);
        prop_assert_eq!(in_days.unix(), after(i64::from(days) * DAY));
        // Both keep the decimals of the second.
        for later in [in_minutes, in_days] {
            prop_assert!(later.decimals() == instant.decimals() || later.unix() == LAST);
        }
    }

    #[test]
    fn within_hours_is_between_both_ends(
        instant in timestamp(), hours in any::<u16>(), away in -2_i64..3, fraction in "[0-9]{0,9}",
        from_start in any::<bool>(), anywhere in timestamp(),
    ) {
        let start = instant.hours_before(u32::from(hours));
        let end = if from_start { start } else { instant };
        let near = (end.unix() + away).clamp(FIRST, LAST);
        let near: Timestamp = written(near, &fraction, 0).parse().unwrap();
        for earlier in [near, anywhere, start, instant] {
            let within = start <= earlier && earlier <= instant;
            prop_assert_eq!(instant.is_within_hours_after(hours, earlier), within, "{}", earlier);
        }
    }

    #[test]
    fn a_period_and_the_one_before_share_their_border_only(
        end in timestamp(), days in 1_u32..400, at in seconds(), fraction in "[0-9]{0,9}",
    ) {
        let period = Period::days_until(days, end);
        let before = period.before();
        prop_assert_eq!(before.end, period.start);
        if before.start.unix() > FIRST {
            prop_assert_eq!(before.start, period.start.days_before(days));
        }
        prop_assert!(period.contains(period.start) && !period.contains(period.end));
        prop_assert!(!before.contains(period.start));
        let instant: Timestamp = written(at, &fraction, 0).parse().unwrap();
        prop_assert!(!(period.contains(instant) && before.contains(instant)));
        let spanned = before.start <= instant && instant < period.end;
        prop_assert_eq!(spanned, period.contains(instant) || before.contains(instant));
    }

    #[test]
    fn two_halves_hold_every_instant_of_the_whole_once(a in timestamp(), b in timestamp(), c in timestamp(), at in timestamp()) {
        let mut cuts = [a, b, c];
        cuts.sort();
        let [start, middle, end] = cuts;
        let (first, second) = (Period { start, end: middle }, Period { start: middle, end });
        let whole = Period { start, end };
        prop_assert_eq!(
            u8::from(whole.contains(at)),
            u8::from(first.contains(at)) + u8::from(second.contains(at))
        );
    }

    #[test]
    fn the_period_before_has_the_same_length(start in timestamp(), length in 0_i64..40 * DAY, fraction in "[0-9]{0,9}") {
        let end: Timestamp = written(start.unix() + length, &fraction, 0).parse().unwrap();
        prop_assume!(start <= end && start.unix() - length > FIRST + DAY);
        let exact = |t: Timestamp| {
            DateTime::parse_from_rfc3339(&t.to_string()).unwrap().to_utc()
        };
        let before = Period { start, end }.before();
        prop_assert_eq!(exact(before.end) - exact(before.start), exact(end) - exact(start));
    }

    #[test]
    fn reading_any_text_does_not_panic(text in any::<String>(), near in "[0-9TZ:+. -]{0,32}") {
        for text in [text, near] {
            if let Ok(instant) = text.parse::<Timestamp>() {
                prop_assert_eq!(instant.to_string().parse::<Timestamp>(), Ok(instant));
            }
            if let Ok(day) = text.parse::<Day>() {
                prop_assert_eq!(day.to_string(), text);
            }
        }
    }

    #[test]
    fn unix_seconds_are_the_same_instant(seconds in FIRST..=LAST) {
        let instant = Timestamp::from_unix(seconds).unwrap();
        prop_assert_eq!(instant.unix(), seconds);
        prop_assert_eq!(instant.to_string().parse::<Timestamp>(), Ok(instant));
        let year = DateTime::from_timestamp(seconds, 0).unwrap().year();
        let beginning = format!("{year:04}-");
        prop_assert!(instant.to_string().starts_with(&beginning));
    }
}

#[track_caller]
fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_day_is_cut_in_utc() {
    assert_eq!(
        instant("2024-01-23T23:30:00-05:00").day().to_string(),
        "2024-01-24"
    );
    assert_eq!(
        instant("2024-01-23T00:30:00+01:00").day().to_string(),
        "2024-01-22"
    );
    assert_eq!(
        instant("2024-12-31T23:59:59.999999999Z").day().to_string(),
        "2024-12-31"
    );
    assert_eq!(
        instant("2024-02-28T23:30:00-05:00").day().to_string(),
        "2024-02-29"
    );
    assert_eq!(
        instant("1969-12-31T23:59:59.5Z").day().to_string(),
        "1969-12-31"
    );
}

#[test]
fn the_ends_of_time() {
    assert_eq!(instant("0001-01-01T00:00:00Z").unix(), FIRST);
    assert_eq!(instant("9999-12-31T23:59:59Z").unix(), LAST);
    for outside in [
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:00-00:01",
        "0000-06-01T00:00:00Z",
    ] {
        assert_eq!(
            outside.parse::<Timestamp>(),
            Err(TimestampError::OutOfRange),
            "{outside}"
        );
    }
    assert_eq!(Timestamp::from_unix(FIRST - 1), None);
    assert_eq!(Timestamp::from_unix(LAST + 1), None);
    assert_eq!(Timestamp::from_unix(i64::MIN), None);
    assert_eq!(Timestamp::from_unix(i64::MAX), None);
    let first = instant("0001-01-01T00:00:00Z");
    assert_eq!(instant("0001-01-05T10:00:00.5Z").days_before(9), first);
    assert_eq!(instant("2024-01-01T00:00:00Z").days_before(u32::MAX), first);
    assert_eq!(
        Period::days_until(7, instant("0001-01-09T00:00:00Z"))
            .before()
            .start,
        first
    );
}

#[test]
fn seconds_between_two_instants_have_fractions_and_a_sign() {
    for (later, earlier, seconds) in [
        ("2024-01-23T10:00:01.5Z", "2024-01-23T09:59:59.25Z", 2.25),
        ("2024-01-23T10:00:01.25Z", "2024-01-23T10:00:00.5Z", 0.75),
        ("2024-01-23T10:00:00Z", "2024-01-23T10:00:00.125Z", -0.125),
    ] {
        let found = instant(later).seconds_since(instant(earlier));
        assert_eq!(found, seconds, "{later} after {earlier}");
    }
}

#[test]
fn precision_does_not_move_the_border_of_a_period() {
    let period = Period {
        start: instant("2024-01-01T00:00:00.000Z"),
        end: instant("2024-01-02T00:00:00.000Z"),
    };
    assert!(period.contains(instant("2024-01-01T00:00:00Z")));
    assert!(!period.contains(instant("2024-01-02T00:00:00Z")));
    assert!(period.contains(instant("2024-01-01T23:59:59.999999999Z")));
}

#[test]
fn other_spellings_are_refused() {
    for text in [
        "",
        "now",
        "2024-01-23",
        "2024-01-23T10:00:00",
        "2024-01-23 10:00:00Z",
        "2024-01-23t10:00:00Z",
        "2024-01-23T10:00:00z",
        "20240123T100000Z",
        "1706004000",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-23T24:00:00Z",
        "2024-01-23T25:00:00Z",
        "2024-01-23T10:60:00Z",
        "2024-01-23T10:00:61Z",
        "2024-01-23T10:00Z",
        "2024-01-23T10:00:00.Z",
        "2024-01-23T10:00:00,5Z",
        "2024-01-23T10:00:00+0500",
        "2024-01-23T10:00:00+05",
        "2024-01-23T10:00:00+25:00",
        "2024-01-23T10:00:00+05:60",
        "2024-01-23T10:00:00 Z",
        "2024-01-23T10:00:00Z ",
        " 2024-01-23T10:00:00Z",
        "2024-01-23T10:00:00\u{2212}05:00",
        "+2024-01-23T10:00:00Z",
        "24-01-23T10:00:00Z",
        "12024-01-23T10:00:00Z",
    ] {
        assert_eq!(
            text.parse::<Timestamp>(),
            Err(TimestampError::NotRfc3339),
            "{text:?}"
        );
    }
    let leap = "2016-12-31T23:59:60Z";
    assert_eq!(leap.parse::<Timestamp>(), Err(TimestampError::LeapSecond));
    let fine = "2024-01-23T10:00:00.1234567890Z";
    assert_eq!(fine.parse::<Timestamp>(), Err(TimestampError::TooPrecise));
}

#[test]
fn a_day_has_one_spelling() {
    for text in [
        "",
        "2024-1-1",
        "2024-01-1",
        "24-01-01",
        "2024/01/01",
        "2024-02-30",
        "2024-01-01T00:00:00Z",
        " 2024-01-01",
        "2024-01-01 ",
        "+2024-01-01",
        "-0001-01-01",
        "0000-01-01",
        "10000-01-01",
        "+262142-12-31",
        "today",
    ] {
        assert_eq!(
            text.parse::<Day>(),
            Err(TimestampError::NotADay),
            "{text:?}"
        );
    }
    assert_eq!("0001-01-01".parse::<Day>().unwrap().start().unix(), FIRST);
    let last: Day = "9999-12-31".parse().unwrap();
    assert_eq!(Day::from_unix(FIRST / DAY - 1), None);
    assert_eq!(Day::from_unix(last.unix() + 1), None);
    assert_eq!(serde_json::to_string(&last).unwrap(), "\"9999-12-31\"");
}

#[test]
fn equal_instants_are_one_key_however_they_were_spelled() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let spellings = [
        "2024-01-23T23:30:00-05:00",
        "2024-01-24T04:30:00Z",
        "2024-01-24T04:30:00.000Z",
    ];
    let keys: HashSet<Timestamp> = spellings.map(at).into_iter().collect();
    assert_eq!(keys.len(), 1);
    assert!(!keys.contains(&at("2024-01-24T04:30:00.001Z")));
}
