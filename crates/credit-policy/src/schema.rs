//! The policy file as a JSON Schema, for editors that complete and underline.
//!
//! The structs say which keys there are and the bounds come from where the parser has them; a test
//! asks the parser for its own keys and compares.

#![expect(dead_code, reason = "the structs are never made, only described")]

use std::borrow::Cow;

use credit_core::{Action, Credits, RiskFlag, Severity, Status, Weekday};
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::defaults as default;

/// The JSON Schema (draft 2020-12) of a policy file.
///
/// It knows keys, types, words and bounds. What holds between two keys, such as that thresholds
/// descend, is known to [`Policy::parse`](crate::Policy::parse) alone: what the schema refuses the
/// parser refuses, and not the other way round.
///
/// ```
/// let schema: serde_json::Value = serde_json::from_str(&credit_policy::schema()).unwrap();
/// assert_eq!(schema["required"], serde_json::json!(["version", "severity_policy", "risk_flags"]));
/// ```
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(Absence);
    let schema = settings
        .into_generator()
        .into_root_schema_for::<PolicyFile>();
    // Plain JSON cannot fail to serialise.
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// How credit runs are judged, and with what consequences.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "Credit policy")]
struct PolicyFile {
    /// The version that the policy's author gives it.
    version: Name,
    severity_policy: SeverityPolicy,
    /// A weight for each flag; one that is not listed weighs 0.
    risk_flags: RiskFlagWeights,
    likelihood: Option<Likelihood>,
    /// The most retries that are not yet a retry loop.
    max_retries: Option<Retries>,
    signals: Option<Signals>,
    missing_baseline: Option<MissingBaseline>,
    /// The least severity of a run with the flag pii_exposure or regulatory_data; absent for none.
    sensitive_floor: Option<SeverityWord>,
    impact_floor: Option<ImpactFloor>,
    backfill: Option<Backfill>,
    review_windows: Option<ReviewWindows>,
    healthy: Option<Healthy>,
    update_gate: Option<UpdateGate>,
    candidate_gate: Option<CandidateGate>,
    rerun_gate: Option<RerunGate>,
    sla: Option<Sla>,
    review: Option<Review>,
    slack: Option<Slack>,
    notion: Option<Notion>,
}

/// From how many times its baseline a run has each severity, and what is done about it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SeverityPolicy {
    sev0: Sev0,
    sev1: Rung,
    sev2: Rung,
    sev3: Rung,
    sev4: LastRung,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Sev0 {
    multiplier: Times,
    /// Whether SEV0 takes the flag pii_exposure or regulatory_data besides the cost.
    pii_or_regulatory: Option<bool>,
    action: Actions,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Rung {
    multiplier: Times,
    action: Actions,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct LastRung {
    /// SEV4 is every run below SEV3.
    #[schemars(range(min = 0, max = 0))]
    multiplier: f64,
    action: Actions,
}

/// How much a flag speaks for a misconfiguration, or for real load.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Weight {
    MisconfigWeight(Points),
    LegitWeight(Points),
}

/// From which score a misconfiguration is likely.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Likelihood {
    high: Option<CutOff>,
    medium: Option<CutOff>,
}

/// The limits of the signals that follow from a run's own facts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Signals {
    /// From how many times the usual input a prompt has grown.
    #[schemars(range(min = default::GROWTH_MIN.as_f64(), max = default::GROWTH_MAX.as_f64()))]
    prompt_growth_factor: Option<f64>,
    /// For how long after a deployment a run is connected with it.
    deployment_window_hours: Option<Hours>,
    /// How far from the usual cost of an item a cost may lie that grew with its items.
    #[schemars(range(min = default::TOLERANCE_MIN.as_f64(), max = default::TOLERANCE_MAX.as_f64()))]
    item_cost_tolerance: Option<f64>,
}

/// How a run is judged that has nothing to be compared with.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct MissingBaseline {
    severity: Option<SeverityWord>,
}

/// The gravest severity of a run whose cost above its baseline hardly matters; absent for none.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ImpactFloor {
    /// Less than so many credits above the baseline hardly matter.
    credits: Amount,
    at_most: SeverityWord,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Backfill {
    /// By what the thresholds of SEV1 to SEV3 are multiplied for a backfill.
    #[schemars(range(min = default::SCALE_MIN.as_f64(), max = default::SCALE_MAX.as_f64()))]
    threshold_scale: Option<f64>,
    /// The longest a scenario may be in backfill mode.
    max_days: Option<Days>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ReviewWindows {
    credit_review_days: Option<Days>,
    baseline_window_days: Option<Days>,
    healthy_run_statuses: Option<Statuses>,
}

/// Which runs count towards a baseline.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Healthy {
    statuses: Option<Statuses>,
    max_retries: Option<Retries>,
}

/// What a scenario must show before its baseline may be changed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct UpdateGate {
    quiet_days: Option<Days>,
    span_days: Option<Days>,
    #[schemars(range(min = *default::HEALTHY_RUNS.start(), max = *default::HEALTHY_RUNS.end()))]
    min_healthy_runs: Option<u64>,
    cv_below: Option<Variation>,
    #[schemars(range(min = *default::CHANGE_PERCENT.start(), max = *default::CHANGE_PERCENT.end()))]
    max_change_percent: Option<u64>,
}

/// What a scenario must show to be listed as a baseline candidate.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CandidateGate {
    #[schemars(range(min = *default::CANDIDATE_RUNS.start(), max = *default::CANDIDATE_RUNS.end()))]
    min_runs: Option<u64>,
    cv_below: Option<Variation>,
    #[schemars(range(min = default::VARIANCE_MIN.as_f64(), max = default::VARIANCE_MAX.as_f64()))]
    variance_below: Option<f64>,
}

/// When a rerun needs an approval beyond what its severity's actions ask for.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct RerunGate {
    /// A SEV2 run that is at least so likely a misconfiguration needs one.
    sev2_min_misconfig: Option<LikelihoodWord>,
}

/// By when people must have acted, and after how long quiet is suspicious.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Sla {
    /// From the alert of a SEV0 to its acknowledgment.
    sev0_ack_minutes: Option<Minutes>,
    /// From the alert of a SEV1 to its acknowledgment.
    sev1_ack_minutes: Option<Minutes>,
    /// From the alert of a SEV0 to the assessment of what was exposed.
    sev0_assess_minutes: Option<Minutes>,
    /// After how long a baseline, a proposal or an open case without anything new is stale.
    stale_days: Option<Days>,
    /// From the resolution of a case to its archival.
    archive_days: Option<Days>,
    /// How far what is shown elsewhere may lag behind the ledger.
    sync_lag_minutes: Option<Minutes>,
    /// After how long without any run the reporting itself is suspected.
    silence_hours: Option<Hours>,
}

/// When the weekly review is due.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Review {
    weekday: Option<WeekdayWord>,
    /// The time of day there.
    time: Option<TimeOfDay>,
    /// A time zone by its name in the IANA database, such as Europe/London.
    zone: Option<Name>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Slack {
    channels: Option<Channels>,
}

/// Where alerts are posted; the severities' actions decide whether.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Channels {
    sev0: Option<Name>,
    sev1: Option<Name>,
    sev2: Option<Name>,
    sev3: Option<Name>,
    sev4: Option<Name>,
    default: Option<Name>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Notion {
    databases: Option<Databases>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Databases {
    runs_ledger_id: Option<Name>,
    cases_id: Option<Name>,
}

/// A type of the schema that is written where it is used, by its JSON.
macro_rules! described {
    ($($name:ident = $schema:expr;)+) => {
        $(
            struct $name;

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            }
        )+
    };
}

described! {
    Name = json_schema!({"type": "string", "minLength": 1, "maxLength": 128});
    Times = number(default::MULTIPLIER_MIN.as_f64(), default::MULTIPLIER_MAX.as_f64());
    Amount = number(default::MULTIPLIER_MIN.as_f64(), Credits::MAX.micro() as f64 / 1e6);
    Variation = number(default::MULTIPLIER_MIN.as_f64(), default::CV_MAX.as_f64());
    Points = whole(*default::WEIGHT.start(), *default::WEIGHT.end());
    CutOff = whole(*default::CUT_OFF.start(), *default::CUT_OFF.end());
    Retries = whole(*default::RETRIES.start(), *default::RETRIES.end());
    Days = whole(*default::DAYS.start(), *default::DAYS.end());
    Hours = whole(*default::HOURS.start(), *default::HOURS.end());
    Minutes = whole(*default::MINUTES.start(), *default::MINUTES.end());
    LikelihoodWord = json_schema!({"enum": credit_core::Likelihood::ALL});
    SeverityWord = json_schema!({"enum": Severity::ALL});
    WeekdayWord = json_schema!({"enum": Weekday::ALL});
    TimeOfDay = json_schema!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"});
    Actions = list(Action::ALL.iter().map(|w| w.as_str()));
    Statuses = list(Status::ALL.iter().map(|w| w.as_str()));
}

struct RiskFlagWeights;

impl JsonSchema for RiskFlagWeights {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RiskFlagWeights".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let weight = generator.subschema_for::<Weight>();
        let flags = RiskFlag::ALL
            .iter()
            .map(|flag| (flag.to_string(), json!(weight)));
        let flags: serde_json::Map<String, Value> = flags.collect();
        json_schema!({"type": "object", "properties": flags, "additionalProperties": false})
    }
}

fn number(min: f64, max: f64) -> Schema {
    json_schema!({"type": "number", "minimum": min, "maximum": max})
}

fn whole<T: Into<Value>>(min: T, max: T) -> Schema {
    json_schema!({"type": "integer", "minimum": min.into(), "maximum": max.into()})
}

fn list(allowed: impl Iterator<Item = &'static str>) -> Schema {
    let word = json!({"enum": allowed.collect::<Vec<_>>()});
    json_schema!({"type": "array", "items": word, "minItems": 1, "uniqueItems": true})
}

/// An optional key may be absent; JSON null is not absence.
#[derive(Clone)]
struct Absence;

impl Transform for Absence {
    fn transform(&mut self, schema: &mut Schema) {
        let null_type = json!({"type": "null"});
        for key in ["type", "enum", "anyOf"] {
            if let Some(Value::Array(values)) = schema.get_mut(key) {
                values.retain(|v| !v.is_null() && *v != json!("null") && *v != null_type);
            }
        }
        // What is left of a choice between something and nothing is that something.
        if let Some([only]) = schema.get("type").and_then(list_of) {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
        if let Some([Value::Object(only)]) = schema.get("anyOf").and_then(list_of) {
            let only = only.clone();
            schema.remove("anyOf");
            schema.ensure_object().extend(only);
        }
        transform_subschemas(self, schema);
    }
}

fn list_of(value: &Value) -> Option<&[Value]> {
    value.as_array().map(Vec::as_slice)
}
