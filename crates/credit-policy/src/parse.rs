//! From the text of a policy file to a [`Policy`].

use std::collections::BTreeMap;

use chrono::NaiveTime;
use credit_core::{
    Action, CandidateGate, Credits, Deadlines, HealthyRule, Multiplier, RerunGate, RiskFlag,
    Severity, Status, UnknownWord, UpdateGate,
};

use crate::defaults as default;
use crate::error::{PolicyError, Problem};
use crate::ladder::{Ladder, Rung};
use crate::policy::{ImpactFloor, Policy};
use crate::quick::Quick;
use crate::review::{self, ReviewSchedule};
use crate::section::{Section, unknown_word};
use crate::signals::Signals;
use crate::weights::{CutOffs, Weights};

const ROOT: &[&str] = &[
    "version",
    "severity_policy",
    "risk_flags",
    "likelihood",
    "max_retries",
    "signals",
    "missing_baseline",
    "sensitive_floor",
    "impact_floor",
    "backfill",
    "review_windows",
    "healthy",
    "update_gate",
    "candidate_gate",
    "rerun_gate",
    "sla",
    "review",
    "slack",
    "notion",
];

pub(crate) fn policy(text: &str) -> Result<Policy, PolicyError> {
    let root = Section::root(text, ROOT)?;
    let version = root.required("version", root.string("version")?, "\"1.0.0\"")?;
    let backfill = root.child("backfill", &["threshold_scale", "max_days"])?;
    let backfill_scale = backfill
        .multiplier("threshold_scale", default::SCALE_MIN, default::SCALE_MAX)?
        .unwrap_or(default::BACKFILL_SCALE);
    let ladder = severities(&root, backfill_scale)?;
    let signals = signals(&root)?;
    let sensitive_floor = root.word("sensitive_floor")?;
    let impact_floor = impact_floor(&root)?;
    let has_floors = sensitive_floor.is_some() || impact_floor.is_some();
    let cut_offs = likelihood(&root)?;
    let missing = root.child("missing_baseline", &["severity"])?;
    let windows = root.child(
        "review_windows",
        &[
            "credit_review_days",
            "baseline_window_days",
            "healthy_run_statuses",
        ],
    )?;
    let slack = root.child("slack", &["channels"])?;
    let channels = slack.child("channels", CHANNELS)?;
    let notion = root.child("notion", &["databases"])?;
    let databases = notion.child("databases", &["runs_ledger_id", "cases_id"])?;
    Ok(Policy {
        version,
        ladder,
        weights: weights(&root, cut_offs)?,
        signals,
        quick: Quick::of(&ladder, &signals, has_floors),
        missing_baseline: missing
            .word("severity")?
            .unwrap_or(default::MISSING_BASELINE),
        sensitive_floor,
        impact_floor,
        backfill_scale,
        backfill_days_max: days(&backfill, "max_days", default::BACKFILL_DAYS_MAX)?,
        review_days: days(&windows, "credit_review_days", default::REVIEW_DAYS)?,
        baseline_window_days: days(
            &windows,
            "baseline_window_days",
            default::BASELINE_WINDOW_DAYS,
        )?,
        healthy: healthy(&root, &windows)?,
        update_gate: update_gate(&root)?,
        candidate_gate: candidate_gate(&root)?,
        rerun_gate: rerun_gate(&root)?,
        deadlines: deadlines(&root)?,
        review: review_schedule(&root)?,
        channels: severity_channels(&channels)?,
        channel_default: channels.string("default")?,
        runs_database: databases.string("runs_ledger_id")?,
        cases_database: databases.string("cases_id")?,
    })
}

const SEVERITIES: &[&str] = &["sev0", "sev1", "sev2", "sev3", "sev4"];
const CHANNELS: &[&str] = &["sev0", "sev1", "sev2", "sev3", "sev4", "default"];

fn severities(root: &Section<'_>, scale: Multiplier) -> Result<Ladder, PolicyError> {
    root.require("severity_policy", "that of the standard policy")?;
    let all = root.child("severity_policy", SEVERITIES)?;
    let one = Multiplier::from_micro(1_000_000);

    let sev0_keys = &["multiplier", "pii_or_regulatory", "action"];
    let section0 = severity_section(&all, "sev0", sev0_keys)?;
    // Never scaled: sensitive data is not relaxed for a backfill.
    let sev0 = rung(&section0, one, None)?;
    let sev0_needs_critical_flag = section0
        .boolean("pii_or_regulatory")?
        .unwrap_or(default::SEV0_NEEDS_CRITICAL_FLAG);

    let keys = &["multiplier", "action"];
    let section1 = severity_section(&all, "sev1", keys)?;
    let above = (sev0.threshold, "severity_policy.sev0.multiplier");
    let sev1 = rung(&section1, scale, Some(above))?;
    let section2 = severity_section(&all, "sev2", keys)?;
    let above = (sev1.threshold, "severity_policy.sev1.multiplier");
    let sev2 = rung(&section2, scale, Some(above))?;
    let section3 = severity_section(&all, "sev3", keys)?;
    let above = (sev2.threshold, "severity_policy.sev2.multiplier");
    let sev3 = rung(&section3, scale, Some(above))?;
    let sev4 = last_rung(&severity_section(&all, "sev4", keys)?)?;

    Ok(Ladder {
        sev0,
        sev1,
        sev2,
        sev3,
        sev4,
        sev0_needs_critical_flag,
    })
}

fn severity_section<'a>(
    all: &Section<'a>,
    key: &str,
    known: &'static [&'static str],
) -> Result<Section<'a>, PolicyError> {
    all.require(key, r#"{"multiplier": 5, "action": ["create_case"]}"#)?;
    all.child(key, known)
}

/// One severity, whose threshold must lie below the one `above` with its path.
fn rung(
    section: &Section<'_>,
    scale: Multiplier,
    above: Option<(Multiplier, &'static str)>,
) -> Result<Rung, PolicyError> {
    const KEY: &str = "multiplier";
    let found = section.multiplier(KEY, default::MULTIPLIER_MIN, default::MULTIPLIER_MAX)?;
    let threshold = section.required(KEY, found, "5")?;
    if let Some((limit, graver)) = above.filter(|(limit, _)| threshold >= *limit) {
        let problem = Problem::NotBelow {
            value: threshold,
            limit,
            graver,
        };
        return Err(section.problem_at(KEY, problem));
    }
    // INVARIANT: both have at most six decimals and lie within their bounds, so that the product is
    // exact and fits. If it did not, the stricter of the two would stand.
    let backfill_threshold = threshold.scaled_by(scale).unwrap_or(threshold);
    Ok(Rung {
        threshold,
        backfill_threshold,
        actions: actions(section)?,
    })
}

/// SEV4, which every other run is: another threshold than 0 would promise what nothing keeps.
fn last_rung(section: &Section<'_>) -> Result<Rung, PolicyError> {
    let zero = Multiplier::from_micro(0);
    let threshold = section.read(
        "multiplier",
        || "0, because SEV4 is every run below SEV3".to_owned(),
        |token| token.parse().ok().filter(|found| *found == zero),
    )?;
    Ok(Rung {
        threshold: section.required("multiplier", threshold, "0")?,
        backfill_threshold: zero,
        actions: actions(section)?,
    })
}

fn actions(section: &Section<'_>) -> Result<credit_core::Actions, PolicyError> {
    let found = section.words::<Action>("action")?;
    let actions = section.required("action", found, r#"["ledger_only"]"#)?;
    Ok(actions.into_iter().collect())
}

fn weights(root: &Section<'_>, cut_offs: CutOffs) -> Result<Weights, PolicyError> {
    const MISCONFIG: &str = "misconfig_weight";
    const LEGIT: &str = "legit_weight";
    root.require("risk_flags", r#"{"retry_loop": {"misconfig_weight": 3}}"#)?;
    let all = root.any_child("risk_flags")?;
    let mut weights = [0; RiskFlag::ALL.len()];
    for key in all.keys() {
        let flag: RiskFlag = key
            .parse()
            .map_err(|word: UnknownWord| all.problem_of_key(key, unknown_word(word)))?;
        let section = all.child(key, &[MISCONFIG, LEGIT])?;
        let misconfig = section.whole(MISCONFIG, &default::WEIGHT)?;
        let weight = match (misconfig, section.whole(LEGIT, &default::WEIGHT)?) {
            (Some(_), Some(_)) => return Err(section.problem(Problem::BothWeights)),
            (Some(weight), None) => weight,
            (None, Some(weight)) => -weight,
            (None, None) => section.required(MISCONFIG, None, "3, or a `legit_weight`")?,
        };
        if let Some(slot) = weights.get_mut(flag as usize) {
            *slot = weight;
        }
    }
    Ok(Weights::new(weights, cut_offs))
}

fn signals(root: &Section<'_>) -> Result<Signals, PolicyError> {
    let keys = &[
        "prompt_growth_factor",
        "deployment_window_hours",
        "item_cost_tolerance",
    ];
    let section = root.child("signals", keys)?;
    Ok(Signals {
        retries_max: root
            .whole("max_retries", &default::RETRIES)?
            .unwrap_or(default::RETRIES_MAX),
        prompt_growth: section
            .multiplier(
                "prompt_growth_factor",
                default::GROWTH_MIN,
                default::GROWTH_MAX,
            )?
            .unwrap_or(default::PROMPT_GROWTH),
        deployment_hours: section
            .whole("deployment_window_hours", &default::WINDOW_HOURS)?
            .unwrap_or(default::DEPLOYMENT_HOURS),
        item_cost_tolerance: section
            .multiplier(
                "item_cost_tolerance",
                default::TOLERANCE_MIN,
                default::TOLERANCE_MAX,
            )?
            .unwrap_or(default::ITEM_COST_TOLERANCE),
    })
}

/// Off unless the file has it; then it takes both of its keys.
fn impact_floor(root: &Section<'_>) -> Result<Option<ImpactFloor>, PolicyError> {
    let section = root.child("impact_floor", &["credits", "at_most"])?;
    if !root.has("impact_floor") {
        return Ok(None);
    }
    let credits = section.read(
        "credits",
        || {
            let max = Credits::MAX;
            format!("an amount from 0.000001 to {max} credits with at most six decimals")
        },
        |token| {
            // A multiplier refuses the seventh decimal, which an amount would round away.
            token.parse::<Multiplier>().ok()?;
            token.parse().ok().filter(|found| *found > Credits::ZERO)
        },
    )?;
    Ok(Some(ImpactFloor {
        credits: section.required("credits", credits, "1")?,
        at_most: section.required("at_most", section.word("at_most")?, "\"SEV3\"")?,
    }))
}

fn likelihood(root: &Section<'_>) -> Result<CutOffs, PolicyError> {
    let section = root.child("likelihood", &["high", "medium"])?;
    let high = section.whole("high", &default::CUT_OFF)?;
    let medium = section.whole("medium", &default::CUT_OFF)?;
    let high = high.unwrap_or(default::LIKELIHOOD_HIGH);
    let medium = medium.unwrap_or(default::LIKELIHOOD_MEDIUM);
    if medium >= high {
        // The place of whichever of the two the file gives.
        let key = if section.has("medium") {
            "medium"
        } else {
            "high"
        };
        return Err(section.problem_at(key, Problem::CutOffs { medium, high }));
    }
    Ok(CutOffs { high, medium })
}

fn days(section: &Section<'_>, key: &str, otherwise: u32) -> Result<u32, PolicyError> {
    Ok(section.whole(key, &default::DAYS)?.unwrap_or(otherwise))
}

/// The statuses may stand in either place, or in both if they agree.
fn healthy(root: &Section<'_>, windows: &Section<'_>) -> Result<HealthyRule, PolicyError> {
    let section = root.child("healthy", &["statuses", "max_retries"])?;
    let sorted = |statuses: Option<Vec<Status>>| {
        statuses.map(|mut statuses| {
            statuses.sort_unstable();
            statuses
        })
    };
    let newer = sorted(section.words("statuses")?);
    let older = sorted(windows.words("healthy_run_statuses")?);
    if let (Some(newer), Some(older)) = (&newer, &older)
        && newer != older
    {
        let other = "review_windows.healthy_run_statuses";
        return Err(section.problem_at("statuses", Problem::Differs { other }));
    }
    Ok(HealthyRule {
        statuses: newer
            .or(older)
            .unwrap_or_else(|| default::HEALTHY_STATUSES.to_vec()),
        retries_max: section
            .whole("max_retries", &default::RETRIES)?
            .unwrap_or(default::HEALTHY_RETRIES_MAX),
    })
}

fn update_gate(root: &Section<'_>) -> Result<UpdateGate, PolicyError> {
    let keys = &[
        "quiet_days",
        "span_days",
        "min_healthy_runs",
        "cv_below",
        "max_change_percent",
    ];
    let section = root.child("update_gate", keys)?;
    let otherwise = default::UPDATE_GATE;
    Ok(UpdateGate {
        quiet_days: days(&section, "quiet_days", otherwise.quiet_days)?,
        span_days: days(&section, "span_days", otherwise.span_days)?,
        healthy_runs_min: section
            .whole("min_healthy_runs", &default::HEALTHY_RUNS)?
            .unwrap_or(otherwise.healthy_runs_min),
        cv_below: cv_below(&section)?.unwrap_or(otherwise.cv_below),
        change_percent_max: section
            .whole("max_change_percent", &default::CHANGE_PERCENT)?
            .unwrap_or(otherwise.change_percent_max),
    })
}

fn candidate_gate(root: &Section<'_>) -> Result<CandidateGate, PolicyError> {
    let section = root.child(
        "candidate_gate",
        &["min_runs", "cv_below", "variance_below"],
    )?;
    let otherwise = default::CANDIDATE_GATE;
    Ok(CandidateGate {
        runs_min: section
            .whole("min_runs", &default::CANDIDATE_RUNS)?
            .unwrap_or(otherwise.runs_min),
        cv_below: cv_below(&section)?.unwrap_or(otherwise.cv_below),
        variance_below: section
            .multiplier(
                "variance_below",
                default::VARIANCE_MIN,
                default::VARIANCE_MAX,
            )?
            .unwrap_or(otherwise.variance_below),
    })
}

fn rerun_gate(root: &Section<'_>) -> Result<RerunGate, PolicyError> {
    let section = root.child("rerun_gate", &["sev2_min_misconfig"])?;
    Ok(RerunGate {
        sev2_likelihood_min: section
            .word("sev2_min_misconfig")?
            .unwrap_or(default::RERUN_GATE.sev2_likelihood_min),
    })
}

fn deadlines(root: &Section<'_>) -> Result<Deadlines, PolicyError> {
    let keys = &[
        "sev0_ack_minutes",
        "sev1_ack_minutes",
        "sev0_assess_minutes",
        "stale_days",
        "archive_days",
        "sync_lag_minutes",
        "silence_hours",
    ];
    let section = root.child("sla", keys)?;
    let otherwise = default::DEADLINES;
    let whole = |key, range, otherwise| Ok(section.whole(key, range)?.unwrap_or(otherwise));
    let minutes = |key, otherwise| whole(key, &default::MINUTES, otherwise);
    Ok(Deadlines {
        sev0_ack_minutes: minutes("sev0_ack_minutes", otherwise.sev0_ack_minutes)?,
        sev1_ack_minutes: minutes("sev1_ack_minutes", otherwise.sev1_ack_minutes)?,
        sev0_assess_minutes: minutes("sev0_assess_minutes", otherwise.sev0_assess_minutes)?,
        stale_days: days(&section, "stale_days", otherwise.stale_days)?,
        archive_days: days(&section, "archive_days", otherwise.archive_days)?,
        sync_lag_minutes: minutes("sync_lag_minutes", otherwise.sync_lag_minutes)?,
        silence_hours: whole("silence_hours", &default::HOURS, otherwise.silence_hours)?,
    })
}

fn review_schedule(root: &Section<'_>) -> Result<ReviewSchedule, PolicyError> {
    let section = root.child("review", &["weekday", "time", "zone"])?;
    let otherwise = default::REVIEW;
    let time = section.read(
        "time",
        || "a time of day from \"00:00\" to \"23:59\"".to_owned(),
        |token| {
            let text: String = serde_json::from_str(token).ok()?;
            let time = NaiveTime::parse_from_str(&text, review::TIME).ok()?;
            // chrono also reads `9:5`; one time has one spelling here.
            (time.format(review::TIME).to_string() == text).then_some(time)
        },
    )?;
    let zone = section.read(
        "zone",
        || "a time zone by its name in the IANA database, such as \"Europe/London\"".to_owned(),
        |token| serde_json::from_str::<String>(token).ok()?.parse().ok(),
    )?;
    Ok(ReviewSchedule {
        weekday: section.word("weekday")?.unwrap_or(otherwise.weekday),
        time: time.unwrap_or(otherwise.time),
        zone: zone.unwrap_or(otherwise.zone),
    })
}

/// A statistic is a float; its limit is the float nearest to what the file says.
fn cv_below(section: &Section<'_>) -> Result<Option<f64>, PolicyError> {
    let limit = section.multiplier("cv_below", default::MULTIPLIER_MIN, default::CV_MAX)?;
    Ok(limit.map(Multiplier::as_f64))
}

fn severity_channels(section: &Section<'_>) -> Result<BTreeMap<Severity, String>, PolicyError> {
    let mut channels = BTreeMap::new();
    for (severity, key) in Severity::ALL.iter().zip(SEVERITIES) {
        if let Some(channel) = section.string(key)? {
            channels.insert(*severity, channel);
        }
    }
    Ok(channels)
}
