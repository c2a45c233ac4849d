//! When the weekly review is due: across changes of the clocks, year ends, and in every zone.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may panic, and shares helpers with others"
)]

mod common;

use chrono::{DateTime, Datelike, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use common::policy;
use credit_core::{Timestamp, Weekday};
use credit_policy::{Policy, PolicyError, STANDARD_JSON};
use proptest::prelude::*;

fn scheduled(weekday: &str, time: &str, zone: &str) -> Policy {
    policy([
        ("\"monday\"", format!("\"{weekday}\"").as_str()),
        ("\"10:00\"", format!("\"{time}\"").as_str()),
        ("\"UTC\"", format!("\"{zone}\"").as_str()),
    ])
}

#[test]
fn the_next_review_is_right_across_changes_of_the_clocks() {
    const VIENNA: &str = "Europe/Vienna";
    const NEW_YORK: &str = "America/New_York";
    const SAMOA: &str = "Pacific/Apia";
    for (schedule, now, next) in [
        // In UTC nothing ever changes; a review is after now, and not at it.
        (
            ("monday", "10:00", "UTC"),
            "2025-03-31T09:59:59Z",
            "2025-03-31T10:00:00Z",
        ),
        (
            ("monday", "10:00", "UTC"),
            "2025-03-31T09:59:59.999Z",
            "2025-03-31T10:00:00Z",
        ),
        (
            ("monday", "10:00", "UTC"),
            "2025-03-31T10:00:00Z",
            "2025-04-07T10:00:00Z",
        ),
        (
            ("monday", "10:00", "UTC"),
            "2025-03-31T10:00:00.001Z",
            "2025-04-07T10:00:00Z",
        ),
        // The end of a year, one into a leap year, and what is Monday here and Sunday there.
        (
            ("monday", "10:00", "UTC"),
            "2024-12-30T10:00:00Z",
            "2025-01-06T10:00:00Z",
        ),
        (
            ("thursday", "00:00", "UTC"),
            "2025-12-31T23:59:59Z",
            "2026-01-01T00:00:00Z",
        ),
        (
            ("thursday", "00:00", VIENNA),
            "2025-12-31T22:59:59Z",
            "2025-12-31T23:00:00Z",
        ),
        (
            ("monday", "10:00", "UTC"),
            "2024-02-26T10:00:00Z",
            "2024-03-04T10:00:00Z",
        ),
        (
            ("monday", "10:00", "Pacific/Kiritimati"),
            "2025-02-02T19:59:59Z",
            "2025-02-02T20:00:00Z",
        ),
        // The week in which summer time begins is an hour shorter, that in which it ends longer.
        (
            ("monday", "10:00", VIENNA),
            "2025-03-24T09:00:00Z",
            "2025-03-31T08:00:00Z",
        ),
        (
            ("monday", "10:00", VIENNA),
            "2025-10-20T08:00:00Z",
            "2025-10-27T09:00:00Z",
        ),
        (
            ("monday", "10:00", NEW_YORK),
            "2025-03-03T15:00:00Z",
            "2025-03-10T14:00:00Z",
        ),
        (
            ("monday", "10:00", NEW_YORK),
            "2025-10-27T14:00:00Z",
            "2025-11-03T15:00:00Z",
        ),
        // 02:30 is not there on the day of the change: 03:00 in summer time takes its place.
        (
            ("sunday", "02:30", VIENNA),
            "2025-03-29T12:00:00Z",
            "2025-03-30T01:00:00Z",
        ),
        (
            ("sunday", "02:30", VIENNA),
            "2025-03-30T00:59:59Z",
            "2025-03-30T01:00:00Z",
        ),
        (
            ("sunday", "02:30", VIENNA),
            "2025-03-30T01:00:00Z",
            "2025-04-06T00:30:00Z",
        ),
        (
            ("sunday", "02:30", NEW_YORK),
            "2025-03-09T06:59:59Z",
            "2025-03-09T07:00:00Z",
        ),
        (
            ("sunday", "02:30", NEW_YORK),
            "2025-03-09T07:00:00Z",
            "2025-03-16T06:30:00Z",
        ),
        // It is there twice in autumn, and the second one is no other review.
        (
            ("sunday", "02:30", VIENNA),
            "2025-10-25T12:00:00Z",
            "2025-10-26T00:30:00Z",
        ),
        (
            ("sunday", "02:30", VIENNA),
            "2025-10-26T00:30:00Z",
            "2025-11-02T01:30:00Z",
        ),
        (
            ("sunday", "02:30", VIENNA),
            "2025-10-26T01:10:00Z",
            "2025-11-02T01:30:00Z",
        ),
        (
            ("sunday", "01:30", NEW_YORK),
            "2025-11-02T05:29:59Z",
            "2025-11-02T05:30:00Z",
        ),
        (
            ("sunday", "01:30", NEW_YORK),
            "2025-11-02T05:30:00Z",
            "2025-11-09T06:30:00Z",
        ),
        // A Friday that was no day at all, when the date line moved.
        (
            ("friday", "10:00", SAMOA),
            "2011-12-29T20:00:00Z",
            "2011-12-30T10:00:00Z",
        ),
        (
            ("friday", "10:00", SAMOA),
            "2011-12-30T10:00:00Z",
            "2012-01-05T20:00:00Z",
        ),
        // The last one that can be written.
        (
            ("friday", "10:00", "UTC"),
            "9999-12-31T09:00:00Z",
            "9999-12-31T10:00:00Z",
        ),
        (
            ("friday", "10:00", "UTC"),
            "9999-12-31T10:00:00Z",
            "9999-12-31T23:59:59Z",
        ),
    ] {
        let (weekday, time, zone) = schedule;
        let policy = scheduled(weekday, time, zone);
        let found = policy.review().next_review(now.parse().unwrap());
        assert_eq!(found.to_string(), next, "{schedule:?} after {now}");
    }
}

#[test]
fn every_zone_of_the_database_is_one_of_the_policy() {
    for zone in TZ_VARIANTS {
        let review = scheduled("monday", "10:00", zone.name());
        assert_eq!(review.review().to_string(), format!("monday 10:00 {zone}"));
        assert_eq!(Policy::parse(&review.to_json()), Ok(review));
    }
    let elsewhere = STANDARD_JSON.replace("\"UTC\"", "\"europe/vienna\"");
    let PolicyError { line, path, .. } = Policy::parse(&elsewhere).unwrap_err();
    assert_eq!((line, path.as_str()), (130, "review.zone"));
}

proptest! {
    /// Between 1970 and 2100, where the database knows what the clocks did and will do.
    #[test]
    fn a_review_follows_within_eight_days_at_its_time(
        zone in proptest::sample::select(&TZ_VARIANTS[..]),
        weekday in proptest::sample::select(Weekday::ALL),
        minute in 0..24 * 60_u32,
        now in 0..4_102_444_800_i64,
    ) {
        let time = format!("{:02}:{:02}", minute / 60, minute % 60);
        let policy = scheduled(weekday.as_str(), &time, zone.name());
        let now = Timestamp::from_unix(now).unwrap();
        let next = policy.review().next_review(now);
        prop_assert!(next > now);
        prop_assert!(next <= now.days_after(8), "{now} {next}");

        let there = local(next, zone);
        let on_time = there.format("%H:%M").to_string() == time
            && there.weekday().num_days_from_monday() == weekday as u32;
        prop_assert!(on_time || follows_a_jump(next, zone), "{there}");
        // Nothing lies between: asked a second before, it is still the next.
        let before = Timestamp::from_unix(next.unix() - 1).unwrap();
        prop_assert_eq!(policy.review().next_review(before), next);
    }
}

fn local(at: Timestamp, zone: Tz) -> DateTime<Tz> {
    zone.timestamp_opt(at.unix(), 0).unwrap()
}

/// Whether the clocks jumped ahead just then.
fn follows_a_jump(at: Timestamp, zone: Tz) -> bool {
    let before = Timestamp::from_unix(at.unix() - 1).unwrap();
    let jumped = local(at, zone).naive_local() - local(before, zone).naive_local();
    jumped.num_seconds() > 1
}
