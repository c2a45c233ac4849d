//! What is usual on each day of the week.

use credit_core::{Bounds, Credits, DayUsual, Timestamp, Weekday, Weekdays};

use crate::{coefficient_of_variation, median, median_bounds};

/// The days of the week on which a scenario usually costs something else than overall.
///
/// A day has a median of its own only where its difference is certain: the 95 % interval of its
/// median does not hold the median that it would have otherwise. That takes at least six runs, so
/// thin days are pooled, first into working days or weekend, and where those do not differ for
/// certain, into all runs. So noise makes no baselines, and seven days rest on the runs of one only
/// where there are enough of them.
///
/// ```
/// use credit_baseline::weekday_medians;
/// use credit_core::{Credits, Weekday};
///
/// // Four weeks: a run a day, and half as dear on Saturdays and Sundays.
/// let runs: Vec<_> = (1..=28)
///     .map(|day| {
///         let at = format!("2025-02-{day:02}T10:00:00Z").parse().unwrap();
///         let weekend = matches!(at, at if credit_core::Timestamp::weekday(at).is_weekend());
///         let credits = if weekend { 50 } else { 100 };
///         (at, Credits::whole(credits + day % 3).unwrap())
///     })
///     .collect();
/// let weekdays = weekday_medians(&runs);
/// // Four Sundays are too few, the eight days of the weekends are not.
/// assert_eq!(weekdays.get(Weekday::Sunday).unwrap().sample_size, 8);
/// assert_eq!(weekdays.get(Weekday::Sunday).unwrap().credits.to_string(), "51");
/// assert!(weekdays.get(Weekday::Monday).is_none());
/// ```
pub fn weekday_medians(runs: &[(Timestamp, Credits)]) -> Weekdays {
    let Some(overall) = median(&mut amounts(runs, |_| true)) else {
        return Weekdays::default();
    };
    let days = Weekday::ALL.iter().filter_map(|day| {
        let class = differing(
            runs,
            |other| other.is_weekend() == day.is_weekend(),
            overall,
        );
        let otherwise = class.map_or(overall, |class| class.credits);
        let own = differing(runs, |other| other == *day, otherwise);
        Some((*day, own.or(class)?))
    });
    days.collect()
}

/// How much the runs scatter around what is usual on their days: the greatest coefficient of
/// variation of the groups that share a median; `None` where none of them costs anything.
pub(crate) fn variation_within(runs: &[(Timestamp, Credits)], weekdays: &Weekdays) -> Option<f64> {
    let mut groups: Vec<Option<&DayUsual>> = Vec::new();
    for day in Weekday::ALL {
        let usual = weekdays.get(*day);
        if !groups.contains(&usual) {
            groups.push(usual);
        }
    }
    let of = |usual| coefficient_of_variation(&amounts(runs, |day| weekdays.get(day) == usual));
    groups.into_iter().filter_map(of).max_by(f64::total_cmp)
}

/// What is usual on some days, if it is certain to differ from what would be used otherwise.
fn differing(
    runs: &[(Timestamp, Credits)],
    of: impl Fn(Weekday) -> bool,
    otherwise: Credits,
) -> Option<DayUsual> {
    let mut credits = amounts(runs, of);
    let bounds: Bounds = median_bounds(&mut credits)?;
    (!bounds.contains(otherwise)).then_some(DayUsual {
        credits: median(&mut credits)?,
        sample_size: credits.len() as u64,
        bounds: Some(bounds),
    })
}

fn amounts(runs: &[(Timestamp, Credits)], of: impl Fn(Weekday) -> bool) -> Vec<Credits> {
    let of = runs.iter().filter(|(at, _)| of(at.weekday()));
    of.map(|(_, credits)| *credits).collect()
}
