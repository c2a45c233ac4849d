//! The policy in force, written out as a file.

use credit_core::{
    Actions, Credits, Deadlines, Likelihood, Multiplier, RiskFlag, Severity, Status, Weekday,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::Policy;
use crate::ladder::Rung;
use crate::review::{self, ReviewSchedule};

pub(crate) fn json(policy: &Policy) -> String {
    text(&file(policy))
}

/// The same with the threshold of one severity elsewhere.
pub(crate) fn json_with(policy: &Policy, severity: Severity, threshold: Multiplier) -> String {
    let mut file = file(policy);
    let rungs = &mut file.severity_policy;
    let rung = match severity {
        Severity::Sev0 => &mut rungs.sev0,
        Severity::Sev1 => &mut rungs.sev1,
        Severity::Sev2 => &mut rungs.sev2,
        Severity::Sev3 => &mut rungs.sev3,
        Severity::Sev4 => &mut rungs.sev4,
    };
    rung.multiplier = threshold;
    text(&file)
}

fn text(file: &File<'_>) -> String {
    // Plain structs of numbers and strings cannot fail to serialise.
    serde_json::to_string_pretty(file).unwrap_or_default()
}

/// The file, key by key in its order.
#[derive(Serialize)]
struct File<'a> {
    version: &'a str,
    severity_policy: SeverityPolicy,
    risk_flags: Weights<'a>,
    likelihood: CutOffs,
    max_retries: u64,
    signals: Signals,
    missing_baseline: MissingBaseline,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive_floor: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impact_floor: Option<ImpactFloor>,
    backfill: Backfill,
    review_windows: ReviewWindows<'a>,
    healthy: Healthy,
    update_gate: UpdateGate,
    candidate_gate: CandidateGate,
    rerun_gate: RerunGate,
    sla: Sla,
    review: Review,
    #[serde(skip_serializing_if = "Option::is_none")]
    slack: Option<Slack<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notion: Option<Notion<'a>>,
}

#[derive(Serialize)]
struct SeverityPolicy {
    sev0: RungFile,
    sev1: RungFile,
    sev2: RungFile,
    sev3: RungFile,
    sev4: RungFile,
}

#[derive(Serialize)]
struct RungFile {
    multiplier: Multiplier,
    #[serde(skip_serializing_if = "Option::is_none")]
    pii_or_regulatory: Option<bool>,
    action: Actions,
}

#[derive(Serialize)]
struct CutOffs {
    high: i32,
    medium: i32,
}

#[derive(Serialize)]
struct Signals {
    prompt_growth_factor: Multiplier,
    deployment_window_hours: u32,
    item_cost_tolerance: Multiplier,
}

#[derive(Serialize)]
struct ImpactFloor {
    credits: Credits,
    at_most: Severity,
}

#[derive(Serialize)]
struct RerunGate {
    sev2_min_misconfig: Likelihood,
}

#[derive(Serialize)]
struct Sla {
    sev0_ack_minutes: u32,
    sev1_ack_minutes: u32,
    sev0_assess_minutes: u32,
    stale_days: u32,
    archive_days: u32,
    sync_lag_minutes: u32,
    silence_hours: u32,
}

#[derive(Serialize)]
struct Review {
    weekday: Weekday,
    time: String,
    zone: &'static str,
}

#[derive(Serialize)]
struct MissingBaseline {
    severity: Severity,
}

#[derive(Serialize)]
struct Backfill {
    threshold_scale: Multiplier,
    max_days: u32,
}

/// The statuses stand where the original's files have them, so that it can read ours.
#[derive(Serialize)]
struct ReviewWindows<'a> {
    credit_review_days: u32,
    baseline_window_days: u32,
    healthy_run_statuses: &'a [Status],
}

#[derive(Serialize)]
struct Healthy {
    max_retries: u64,
}

#[derive(Serialize)]
struct UpdateGate {
    quiet_days: u32,
    span_days: u32,
    min_healthy_runs: u64,
    cv_below: f64,
    max_change_percent: u32,
}

#[derive(Serialize)]
struct CandidateGate {
    min_runs: u64,
    cv_below: f64,
    variance_below: Multiplier,
}

#[derive(Serialize)]
struct Slack<'a> {
    channels: Channels<'a>,
}

#[derive(Serialize)]
struct Notion<'a> {
    databases: Databases<'a>,
}

#[derive(Serialize)]
struct Databases<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    runs_ledger_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cases_id: Option<&'a str>,
}

fn file(policy: &Policy) -> File<'_> {
    let (ladder, update, candidate) = (&policy.ladder, policy.update_gate, policy.candidate_gate);
    File {
        version: &policy.version,
        severity_policy: SeverityPolicy {
            sev0: rung(&ladder.sev0, Some(ladder.sev0_needs_critical_flag)),
            sev1: rung(&ladder.sev1, None),
            sev2: rung(&ladder.sev2, None),
            sev3: rung(&ladder.sev3, None),
            sev4: rung(&ladder.sev4, None),
        },
        risk_flags: Weights(policy),
        likelihood: CutOffs {
            high: policy.weights.cut_offs.high,
            medium: policy.weights.cut_offs.medium,
        },
        max_retries: policy.signals.retries_max,
        signals: Signals {
            prompt_growth_factor: policy.signals.prompt_growth,
            deployment_window_hours: policy.deployment_window_hours(),
            item_cost_tolerance: policy.signals.item_cost_tolerance,
        },
        missing_baseline: MissingBaseline {
            severity: policy.missing_baseline,
        },
        sensitive_floor: policy.sensitive_floor,
        impact_floor: policy.impact_floor.map(|floor| ImpactFloor {
            credits: floor.credits,
            at_most: floor.at_most,
        }),
        backfill: Backfill {
            threshold_scale: policy.backfill_scale,
            max_days: policy.backfill_days_max,
        },
        review_windows: ReviewWindows {
            credit_review_days: policy.review_days,
            baseline_window_days: policy.baseline_window_days,
            healthy_run_statuses: &policy.healthy.statuses,
        },
        healthy: Healthy {
            max_retries: policy.healthy.retries_max,
        },
        update_gate: UpdateGate {
            quiet_days: update.quiet_days,
            span_days: update.span_days,
            min_healthy_runs: update.healthy_runs_min,
            cv_below: update.cv_below,
            max_change_percent: update.change_percent_max,
        },
        candidate_gate: CandidateGate {
            min_runs: candidate.runs_min,
            cv_below: candidate.cv_below,
            variance_below: candidate.variance_below,
        },
        rerun_gate: RerunGate {
            sev2_min_misconfig: policy.rerun_gate.sev2_likelihood_min,
        },
        sla: sla(&policy.deadlines),
        review: review(&policy.review),
        slack: (policy.channel_default.is_some() || !policy.channels.is_empty()).then_some(Slack {
            channels: Channels(policy),
        }),
        notion: (policy.runs_database.is_some() || policy.cases_database.is_some()).then_some(
            Notion {
                databases: Databases {
                    runs_ledger_id: policy.notion_runs_database(),
                    cases_id: policy.notion_cases_database(),
                },
            },
        ),
    }
}

fn sla(deadlines: &Deadlines) -> Sla {
    Sla {
        sev0_ack_minutes: deadlines.sev0_ack_minutes,
        sev1_ack_minutes: deadlines.sev1_ack_minutes,
        sev0_assess_minutes: deadlines.sev0_assess_minutes,
        stale_days: deadlines.stale_days,
        archive_days: deadlines.archive_days,
        sync_lag_minutes: deadlines.sync_lag_minutes,
        silence_hours: deadlines.silence_hours,
    }
}

fn review(schedule: &ReviewSchedule) -> Review {
    Review {
        weekday: schedule.weekday,
        time: schedule.time.format(review::TIME).to_string(),
        zone: schedule.zone.name(),
    }
}

fn rung(rung: &Rung, pii_or_regulatory: Option<bool>) -> RungFile {
    RungFile {
        multiplier: rung.threshold,
        pii_or_regulatory,
        action: rung.actions,
    }
}

/// Every flag with its weight, 0 where the policy gives none.
struct Weights<'a>(&'a Policy);

impl Serialize for Weights<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(RiskFlag::ALL.iter().map(|flag| (flag, self.weight(*flag))))
    }
}

impl Weights<'_> {
    fn weight(&self, flag: RiskFlag) -> Weight {
        // On which side a weight of 0 stands changes nothing but what the reader expects.
        let speaks_for_load = matches!(
            flag,
            RiskFlag::BatchJob | RiskFlag::BackfillMode | RiskFlag::LinearScaling
        );
        match self.0.weight(flag) {
            0 if speaks_for_load => Weight::LegitWeight(0),
            weight if weight < 0 => Weight::LegitWeight(weight.unsigned_abs()),
            weight => Weight::MisconfigWeight(weight.unsigned_abs()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Weight {
    MisconfigWeight(u32),
    LegitWeight(u32),
}

struct Channels<'a>(&'a Policy);

impl Serialize for Channels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (severity, channel) in &self.0.channels {
            map.serialize_entry(&severity.as_str().to_lowercase(), channel)?;
        }
        if let Some(channel) = &self.0.channel_default {
            map.serialize_entry("default", channel)?;
        }
        map.end()
    }
}
