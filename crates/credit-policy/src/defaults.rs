//! What holds where a policy file does not say, and the bounds of what it may say. Line numbers are
//! those of the operator runbook.

use std::ops::RangeInclusive;

use chrono::NaiveTime;
use chrono_tz::Tz;
use credit_core::{
    CandidateGate, Deadlines, Likelihood, Multiplier, RerunGate, Severity, Status, UpdateGate,
    Weekday,
};

use crate::review::ReviewSchedule;

/// The runbook's SEV0 is a conjunction, "PII/regulatory exposure + credit spike ≥10×" (line 29).
pub(crate) const SEV0_NEEDS_CRITICAL_FLAG: bool = true;

/// High from 6: two strong signs (weights of 3 and 4) make a misconfiguration likely, one does not.
/// The runbook shows the operator High, Medium or Low (line 118) without cut-offs; these are the
/// ones that the original applied.
pub(crate) const LIKELIHOOD_HIGH: i32 = 6;

/// Medium from 3: one strong sign is enough to look, a weak one of 2 is not.
pub(crate) const LIKELIHOOD_MEDIUM: i32 = 3;

/// A few retries happen on any network; the runbook has operators look at `retry_count` (line 129),
/// and the original calls more than 5 a loop.
pub(crate) const RETRIES_MAX: u64 = 5;

/// Twice the usual input, from where the runbook finds a cost notable, too (line 249). Healthy runs
/// that vary by less than 30 per cent, as a baseline asks for, stay below it.
pub(crate) const PROMPT_GROWTH: Multiplier = Multiplier::from_micro(2_000_000);

/// A day, so that a daily scenario's first run after a deployment is connected with it and its
/// second is not. The runbook says "recent deployment" (line 145) without a number.
pub(crate) const DEPLOYMENT_HOURS: u16 = 24;

/// A fifth, so that a run from SEV3 on needs at least a quarter more items than usual to have grown
/// with them: 1.5 times the cost over 1.2 times the cost of an item. A wider one would let an item
/// grow dearer unnoticed, a narrower one be missed for the ordinary scatter of a healthy scenario.
pub(crate) const ITEM_COST_TOLERANCE: Multiplier = Multiplier::from_micro(200_000);

/// What cannot be compared is not thereby fine: the runbook lists a SEV1 as the symptom of a
/// missing baseline (lines 451 to 455).
pub(crate) const MISSING_BASELINE: Severity = Severity::Sev1;

/// The runbook relaxes SEV1 for a backfill without saying how far (line 636). Sample records of the
/// original label 2.125 and 2.30 times the baseline SEV3, which any scale in (1.15, 1.417]
/// explains; 1.4 gives round thresholds: 7, 2.8 and 2.1.
pub(crate) const BACKFILL_SCALE: Multiplier = Multiplier::from_micro(1_400_000);

/// Two weeks are enough for a bulk rerun; a scenario left in backfill mode for good would be
/// watched less for good (lines 638 and 639 ask for the flag's removal).
pub(crate) const BACKFILL_DAYS_MAX: u32 = 14;

/// The credit review is weekly (line 229).
pub(crate) const REVIEW_DAYS: u32 = 7;

/// Baselines are calculated over 30 days (line 311).
pub(crate) const BASELINE_WINDOW_DAYS: u32 = 30;

/// Only a run that succeeded shows what success costs.
pub(crate) const HEALTHY_STATUSES: &[Status] = &[Status::Success];

/// One retry may be chance; from the second on a run cost more than its work.
pub(crate) const HEALTHY_RETRIES_MAX: u64 = 1;

/// The gate of a baseline update:
/// - 14 quiet days: "no SEV0/SEV1 in last 2 weeks" (line 304);
/// - 30 days of observation: "at least 30 days of healthy runs" (line 305), read as a span and not
///   as a count, because the runbook's own example has 28 runs (line 347);
/// - 10 healthy runs, as for a candidate (line 279);
/// - a coefficient of variation below 0.3 (line 306);
/// - a change of at most 50 per cent: "if >50% change, investigate further" (line 325).
pub(crate) const UPDATE_GATE: UpdateGate = UpdateGate {
    quiet_days: 14,
    span_days: 30,
    healthy_runs_min: 10,
    cv_below: 0.3,
    change_percent_max: 50,
};

/// The gate of a baseline candidate in the review: at least 10 runs in the period (line 279), a
/// coefficient of variation below 0.3 (line 281) and a median less than 1.2 times from the current
/// baseline (line 278).
pub(crate) const CANDIDATE_GATE: CandidateGate = CandidateGate {
    runs_min: 10,
    cv_below: 0.3,
    variance_below: Multiplier::from_micro(1_200_000),
};

/// "If flagged as misconfig" (line 412) names no degree; a SEV2 is common, and only a likely
/// misconfiguration is worth a lead's time.
pub(crate) const RERUN_GATE: RerunGate = RerunGate {
    sev2_likelihood_min: Likelihood::High,
};

/// The deadlines that the runbook and its sources name:
/// - 15 minutes to acknowledge a SEV0 (line 40), and as many to assess it (line 565);
/// - an hour to acknowledge a SEV1 (line 111);
/// - 14 days until a baseline is stale, and 5 minutes of lag, as the original's health checks;
/// - 30 days until a resolved case is archived, where an older document says 90;
/// - 24 hours without a run until the reporting itself is suspected, as the original's automations.
pub(crate) const DEADLINES: Deadlines = Deadlines {
    sev0_ack_minutes: 15,
    sev1_ack_minutes: 60,
    sev0_assess_minutes: 15,
    stale_days: 14,
    archive_days: 30,
    sync_lag_minutes: 5,
    silence_hours: 24,
};

/// "Monday 10:00" (line 229) has no zone; everything else here is in UTC.
pub(crate) const REVIEW: ReviewSchedule = ReviewSchedule {
    weekday: Weekday::Monday,
    time: NaiveTime::from_hms_opt(10, 0, 0).expect("a time of day"),
    zone: Tz::UTC,
};

/// The smallest positive multiplier: one millionth.
pub(crate) const MULTIPLIER_MIN: Multiplier = Multiplier::from_micro(1);

/// A threshold beyond a million times the baseline is a slip of the keyboard, and below it no
/// comparison can overflow.
pub(crate) const MULTIPLIER_MAX: Multiplier = Multiplier::from_micro(1_000_000_000_000);

/// No scale below 1: a backfill is never judged more strictly than other runs.
pub(crate) const SCALE_MIN: Multiplier = Multiplier::from_micro(1_000_000);

/// A scale of more than 1000 would in effect switch the judgement off.
pub(crate) const SCALE_MAX: Multiplier = Multiplier::from_micro(1_000_000_000);

/// At 1 every input would have grown.
pub(crate) const GROWTH_MIN: Multiplier = Multiplier::from_micro(1_000_001);

/// A prompt that grows a thousandfold is noticed otherwise.
pub(crate) const GROWTH_MAX: Multiplier = Multiplier::from_micro(1_000_000_000);

/// No tolerance: an item costs exactly what it usually does.
pub(crate) const TOLERANCE_MIN: Multiplier = Multiplier::from_micro(0);

/// Half the usual cost either way: from 1.5 times on a cost is SEV3 without any more items.
pub(crate) const TOLERANCE_MAX: Multiplier = Multiplier::from_micro(500_000);

/// A year.
pub(crate) const HOURS: RangeInclusive<u32> = 1..=HOURS_MAX as u32;
pub(crate) const WINDOW_HOURS: RangeInclusive<u16> = 1..=HOURS_MAX;
/// A year.
const HOURS_MAX: u16 = 8_760;

/// A week; a deadline of no time would be missed by everybody.
pub(crate) const MINUTES: RangeInclusive<u32> = 1..=10_080;

/// Ten flags of the greatest weight stay within the 16 bits of a set's score.
pub(crate) const WEIGHT: RangeInclusive<i16> = 0..=1_000;

/// At 0 every run without a flag would be a likely misconfiguration.
pub(crate) const CUT_OFF: RangeInclusive<i32> = 1..=10_000;

/// Ten years. A window of no days at all would be empty.
pub(crate) const DAYS: RangeInclusive<u32> = 1..=3_650;

/// 0 makes every retry one too many.
pub(crate) const RETRIES: RangeInclusive<u64> = 0..=1_000_000;

/// 6 is the smallest sample whose range covers the true median with 95 per cent certainty, whatever
/// the distribution.
pub(crate) const HEALTHY_RUNS: RangeInclusive<u64> = 6..=1_000_000;

/// One run has no variation.
pub(crate) const CANDIDATE_RUNS: RangeInclusive<u64> = 2..=1_000_000;

/// Below a coefficient of variation of one millionth nothing ever is; above 10 everything is.
pub(crate) const CV_MAX: Multiplier = Multiplier::from_micro(10_000_000);

/// A median is never strictly between its baseline divided by 1 and times 1.
pub(crate) const VARIANCE_MIN: Multiplier = Multiplier::from_micro(1_000_001);

/// From a thousandth to a thousand times the baseline everything is a candidate.
pub(crate) const VARIANCE_MAX: Multiplier = Multiplier::from_micro(1_000_000_000);

/// 0 would refuse every change.
pub(crate) const CHANGE_PERCENT: RangeInclusive<u32> = 1..=1_000_000;
