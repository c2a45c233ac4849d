//! Where bars and dots go: whole numbers only, so that every machine draws the same.

use credit_core::{Credits, Severity, TotalCredits};

use super::text::{Figure, Sev, day_of_month, foreign, short_day};
use crate::{Band, Dot, Slice, WeeklyReport};

/// The timeline: a row a severity, a column a slice, each row on a scale of its own.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub(crate) days: Vec<String>,
    pub(crate) rows: Vec<TimelineRow>,
    pub(crate) credits: Vec<Figure>,
    /// Too many columns for numbers.
    pub(crate) is_dense: bool,
}

#[derive(Debug)]
pub(crate) struct TimelineRow {
    pub(crate) severity: Sev,
    pub(crate) cells: Vec<Cell>,
    pub(crate) total: u64,
}

#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) count: u64,
    /// The bar's upper end and height, of [`CELL`] units.
    pub(crate) y: u64,
    pub(crate) height: u64,
}

pub(crate) fn timeline(report: &WeeklyReport) -> Timeline {
    let slices = &report.timeline;
    let is_one_day = |slice: &Slice| slice.period.start.days_after(1) >= slice.period.end;
    let by_days = slices.iter().all(is_one_day);
    let is_dense = slices.len() > COLUMNS_WITH_NUMBERS_MAX;
    let label = |slice: &Slice| match (by_days, is_dense) {
        (true, false) => short_day(slice.period.start),
        (true, true) => day_of_month(slice.period.start),
        (false, _) => slice.period.start.day().to_string(),
    };
    let row = |severity: &Severity| {
        let count = |slice: &Slice| of_severity(slice.sums.severity_counts, *severity);
        let most = slices.iter().map(count).max().unwrap_or(0).max(1);
        let cell = |slice: &Slice| {
            let count = count(slice);
            // A single run among thousands is still seen.
            let height = (count * CELL).div_ceil(most);
            Cell {
                count,
                y: CELL - height,
                height,
            }
        };
        TimelineRow {
            severity: Sev(*severity),
            total: slices.iter().map(count).sum(),
            cells: slices.iter().map(cell).collect(),
        }
    };
    Timeline {
        days: slices.iter().map(label).collect(),
        rows: Severity::ALL.iter().map(row).collect(),
        credits: slices
            .iter()
            .map(|slice| Figure::credits(slice.sums.total_credits))
            .collect(),
        is_dense,
    }
}

fn of_severity(counts: [u64; 5], severity: Severity) -> u64 {
    let at = Severity::ALL.iter().position(|s| *s == severity);
    at.and_then(|at| counts.get(at).copied()).unwrap_or(0)
}

/// What a scenario spent against what its baseline expects: a bar and a mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpendBar {
    /// As far as the baseline expects, in [`BAR`]ths of the longest.
    pub(crate) within: u128,
    /// Beyond it.
    pub(crate) over: u128,
    /// Where the mark stands.
    pub(crate) expected: Option<u128>,
}

pub(crate) fn spend_bar(
    total: TotalCredits,
    expected: Option<TotalCredits>,
    longest: TotalCredits,
) -> SpendBar {
    // Totals are far below what 128 bits hold.
    let part = |credits: TotalCredits| credits.micro() * BAR / longest.micro().max(1);
    let (total, expected) = (part(total), expected.map(part));
    let within = total.min(expected.unwrap_or(total));
    SpendBar {
        within,
        over: total - within,
        expected,
    }
}

/// Runs of a scenario against its baseline, on a stepped scale.
#[derive(Debug)]
pub(crate) struct BandChart {
    pub(crate) scenario: String,
    pub(crate) baseline: Figure,
    /// The edges of the band.
    pub(crate) low: u64,
    pub(crate) high: u64,
    pub(crate) run_count: Figure,
    pub(crate) shown: usize,
    pub(crate) above: usize,
    pub(crate) dots: Vec<Mark>,
}

#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) x: i64,
    pub(crate) y: u64,
    pub(crate) severity: Sev,
}

pub(crate) fn bands(report: &WeeklyReport) -> Vec<BandChart> {
    report
        .bands
        .iter()
        .map(|band| chart(report, band))
        .collect()
}

fn chart(report: &WeeklyReport, band: &Band) -> BandChart {
    let (start, end) = (report.period.start.unix(), report.period.end.unix());
    let length = (end - start).max(1);
    let mark = |dot: &Dot| Mark {
        x: LEFT + (dot.at.unix() - start) * WIDTH / length,
        y: height_of(dot.credits, band.baseline),
        severity: Sev(dot.severity),
    };
    let is_above = |dot: &&Dot| dot.credits.micro() >= 2 * band.baseline.micro();
    BandChart {
        scenario: foreign(band.scenario_id.as_str()),
        baseline: Figure::credits(band.baseline),
        low: height_of(band.low, band.baseline),
        high: height_of(band.high, band.baseline),
        run_count: Figure::count(band.run_count),
        shown: band.dots.len(),
        above: band.dots.iter().filter(is_above).count(),
        dots: band.dots.iter().map(mark).collect(),
    }
}

/// From the top: between two steps in proportion, everything beyond the last one at the upper edge.
fn height_of(credits: Credits, baseline: Credits) -> u64 {
    // Of the baseline, in thousandths; amounts are at most 10^18.
    let ratio = u128::from(credits.micro()) * 1_000 / u128::from(baseline.micro().max(1));
    let mut steps = STEPS.iter().zip(STEPS.iter().skip(1)).zip(0_u64..);
    let found = steps.find(|((_, above), _)| ratio < **above);
    let up = match found {
        Some(((below, above), step)) => {
            let part = (ratio - below) * u128::from(STEP) / (above - below);
            step * STEP + u64::try_from(part).unwrap_or(0)
        }
        None => (STEPS.len() as u64 - 1) * STEP + STEP / 2,
    };
    BOTTOM.saturating_sub(up)
}

/// The steps of the scale, in thousandths of the baseline; the severities' thresholds of the
/// standard policy are among them.
const STEPS: [u128; 7] = [0, 500, 1_000, 1_500, 2_000, 5_000, 10_000];

/// From one step to the next.
const STEP: u64 = 16;

/// Where zero is; the template draws the same lines.
const BOTTOM: u64 = 112;
const LEFT: i64 = 34;
const WIDTH: i64 = 262;

/// The height of a cell of the timeline.
const CELL: u64 = 20;

/// The length of the longest bar.
pub(crate) const BAR: u128 = 1_000;

const COLUMNS_WITH_NUMBERS_MAX: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_has_steps() {
        let height = |credits: &str| {
            let (credits, baseline) = (credits.parse().unwrap(), "100".parse().unwrap());
            BOTTOM - height_of(credits, baseline)
        };
        let steps: Vec<u64> = ["0", "50", "100", "150", "200", "500", "1000"]
            .iter()
            .map(|credits| height(credits))
            .collect();
        assert_eq!(steps, [0, 16, 32, 48, 64, 80, 104]);
        assert_eq!(height("25"), 8);
        assert_eq!(height("199.999999"), 63);
        assert_eq!(height("999.99"), 95);
        assert_eq!(height("1000000000000"), 104);
        assert_eq!(height_of(Credits::MAX, Credits::from_micro(1).unwrap()), 8);
    }

    #[test]
    fn a_bar_is_never_longer_than_the_longest() {
        let total = |micro: u64| -> TotalCredits {
            [Credits::from_micro(micro).unwrap()].into_iter().sum()
        };
        let bar = spend_bar(total(750), Some(total(500)), total(1_000));
        assert_eq!((bar.within, bar.over, bar.expected), (500, 250, Some(500)));
        let bar = spend_bar(total(250), Some(total(1_000)), total(1_000));
        assert_eq!((bar.within, bar.over, bar.expected), (250, 0, Some(1_000)));
        let bar = spend_bar(total(0), None, total(0));
        assert_eq!((bar.within, bar.over, bar.expected), (0, 0, None));
    }
}
