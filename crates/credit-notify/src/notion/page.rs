//! RUNS_LEDGER rows and CASES pages.

use credit_core::{
    CaseId, Credits, JobType, Likelihood, Multiplier, RiskFlags, Run, RunId, RunRecord, ScenarioId,
    Severity, Status, StoredRecord, StoredVerdict, Timestamp,
};

use super::property::{Choice, Number, Owner, Properties, Value};
use super::schema::{CASE_TITLE, RUN_TITLE};
use crate::Link;

/// A page to be created: its title, by which it is found again, and its properties.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    title_property: &'static str,
    title: String,
    properties: Properties,
}

impl Page {
    /// The name of the title property.
    pub fn title_property(&self) -> &'static str {
        self.title_property
    }

    /// The title, unique in its data source.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The properties, the title among them. Sent to an existing page, they make it this one.
    pub fn properties(&self) -> &Properties {
        &self.properties
    }
}

/// What RUNS_LEDGER shows of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Which run: the row's title, unique in the database.
    pub run_id: RunId,
    /// When it finished.
    pub timestamp: Timestamp,
    /// The scenario as people call it.
    pub scenario_name: Option<String>,
    /// The scenario's id.
    pub scenario_id: ScenarioId,
    /// What kind of job.
    pub job_type: JobType,
    /// How it ended.
    pub status: Status,
    /// What it cost.
    pub credits: Credits,
    /// Of that, for input.
    pub credits_in: Option<Credits>,
    /// Of that, for output.
    pub credits_out: Option<Credits>,
    /// The language model used.
    pub model: Option<String>,
    /// How many tokens went in.
    pub input_tokens: Option<u64>,
    /// How many came out.
    pub output_tokens: Option<u64>,
    /// Where its output lies. Shown if it is an address of the web; the record keeps it anyway.
    pub artifacts_link: Option<String>,
    /// How serious.
    pub severity: Severity,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// The verdict in words.
    pub summary: String,
    /// How likely a misconfiguration.
    pub likelihood: Likelihood,
    /// What was expected.
    pub baseline: Option<Credits>,
    /// How many times the baseline.
    pub variance: Option<Multiplier>,
    /// Who is responsible.
    pub owner: Owner,
}

impl RunRow {
    /// The row of a record.
    pub fn of(record: &RunRecord, owner: Owner) -> RunRow {
        let verdict = StoredVerdict::from(&record.assessment);
        RunRow::made(&record.run, &verdict, &record.summary, owner)
    }

    /// The same of a record that was read back.
    pub fn of_stored(record: &StoredRecord, owner: Owner) -> RunRow {
        RunRow::made(&record.run, &record.verdict, &record.summary, owner)
    }

    fn made(run: &Run, verdict: &StoredVerdict, summary: &str, owner: Owner) -> RunRow {
        RunRow {
            run_id: run.run_id.clone(),
            timestamp: run.timestamp,
            scenario_name: run.scenario_name.clone(),
            scenario_id: run.scenario_id.clone(),
            job_type: run.job_type,
            status: run.status,
            credits: run.credits,
            credits_in: run.credits_in,
            credits_out: run.credits_out,
            model: run.model.clone(),
            input_tokens: run.input_tokens,
            output_tokens: run.output_tokens,
            artifacts_link: run.artifacts_link.clone(),
            severity: verdict.severity,
            risk_flags: verdict.risk_flags,
            summary: summary.to_owned(),
            likelihood: verdict.likelihood,
            baseline: verdict.baseline,
            variance: verdict.variance,
            owner,
        }
    }

    /// The page that shows it.
    pub fn page(&self) -> Page {
        let count = |n: Option<u64>| Value::Number(n.map(Number::Count));
        let artifacts = self.artifacts_link.as_deref().and_then(|l| l.parse().ok());
        let name = self.scenario_name.as_deref();
        let model = self.model.as_deref().and_then(Choice::nearest);

        let mut properties = Properties::default();
        properties.set(RUN_TITLE, Value::title(self.run_id.as_str()));
        properties.set("Timestamp", Value::date(self.timestamp));
        properties.set_some("Scenario_Name", name.map(Value::text));
        properties.set("Scenario_ID", Value::text(self.scenario_id.as_str()));
        properties.set("Job_Type", Value::word(self.job_type.as_str()));
        properties.set("Status", Value::word(self.status.as_str()));
        properties.set("Credits_Total", Value::credits(Some(self.credits)));
        properties.set("Credits_In", Value::credits(self.credits_in));
        properties.set("Credits_Out", Value::credits(self.credits_out));
        properties.set_some("Model", model.as_ref().map(Value::select));
        properties.set("Input_Tokens", count(self.input_tokens));
        properties.set("Output_Tokens", count(self.output_tokens));
        properties.set_some("Artifacts_Link", artifacts.map(Value::Url));
        properties.set("Severity", Value::word(self.severity.as_str()));
        properties.set("Risk_Flags", Value::flags(self.risk_flags));
        properties.set("Risk_Summary", Value::text(&self.summary));
        properties.set(
            "Misconfig_Likelihood",
            Value::word(self.likelihood.as_str()),
        );
        properties.set("Baseline_Expected_Credits", Value::credits(self.baseline));
        properties.set(
            "Variance_Multiplier",
            Value::Number(self.variance.map(Number::Times)),
        );
        properties.set("owner", Value::text(&self.owner.0));
        Page {
            title_property: RUN_TITLE,
            title: self.run_id.as_str().to_owned(),
            properties,
        }
    }
}

/// What CASES shows of one case. Which words are allowed is governance's business.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseRow {
    /// Which case: the page's title, unique in the database.
    pub case_id: CaseId,
    /// What it is about.
    pub title: String,
    /// What kind of trouble.
    pub category: Choice,
    /// How serious.
    pub severity: Severity,
    /// What is at stake.
    pub exposure_band: Choice,
    /// How far it is.
    pub status: Choice,
    /// What it was, once that is known.
    pub root_cause: Option<Choice>,
    /// The run it was opened for.
    pub primary_run_id: RunId,
    /// The runs that joined it.
    pub related_run_ids: Vec<RunId>,
    /// The flags of its runs.
    pub risk_flags: RiskFlags,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Who is responsible.
    pub owner: Owner,
}

impl CaseRow {
    /// The page that shows it.
    pub fn page(&self) -> Page {
        let mut properties = Properties::default();
        properties.set(CASE_TITLE, Value::title(self.case_id.as_str()));
        properties.set("Title", Value::text(&self.title));
        properties.set("Category", Value::select(&self.category));
        properties.set("Severity", Value::word(self.severity.as_str()));
        properties.set("Exposure_Band", Value::select(&self.exposure_band));
        properties.set("Status", Value::select(&self.status));
        properties.set_some("Root_Cause", self.root_cause.as_ref().map(Value::select));
        properties.set("Primary_Run_ID", Value::text(self.primary_run_id.as_str()));
        properties.set("Related_Run_IDs", related(&self.related_run_ids));
        properties.set("Risk_Flags", Value::flags(self.risk_flags));
        properties.set("Created_At", Value::date(self.created_at));
        properties.set("Updated_At", Value::date(self.created_at));
        properties.set("owner", Value::text(&self.owner.0));
        Page {
            title_property: CASE_TITLE,
            title: self.case_id.as_str().to_owned(),
            properties,
        }
    }
}

/// What changed in a case. What is `None` stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseChange {
    /// When.
    pub updated_at: Timestamp,
    /// How far it is.
    pub status: Option<Choice>,
    /// How serious.
    pub severity: Option<Severity>,
    /// What it was.
    pub root_cause: Option<Choice>,
    /// Where it is talked about.
    pub slack_thread_url: Option<Link>,
    /// All the runs that joined it.
    pub related_run_ids: Option<Vec<RunId>>,
    /// The flags of its runs.
    pub risk_flags: Option<RiskFlags>,
    /// What was done, or what is to be remembered.
    pub notes: Option<String>,
    /// When it was closed.
    pub resolved_at: Option<Timestamp>,
}

impl CaseChange {
    /// A change at this time of nothing yet.
    ///
    /// ```
    /// use credit_notify::notion::{CaseChange, Choice};
    ///
    /// let change = CaseChange {
    ///     status: Some(Choice::new("Investigating")?),
    ///     ..CaseChange::at("2025-01-31T10:00:00Z".parse()?)
    /// };
    /// assert_eq!(
    ///     serde_json::to_string(&change.properties())?,
    ///     r#"{"Status":{"select":{"name":"Investigating"}},"Updated_At":{"date":{"start":"2025-01-31T10:00:00Z"}}}"#
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(updated_at: Timestamp) -> CaseChange {
        CaseChange {
            updated_at,
            status: None,
            severity: None,
            root_cause: None,
            slack_thread_url: None,
            related_run_ids: None,
            risk_flags: None,
            notes: None,
            resolved_at: None,
        }
    }

    /// The values to set.
    pub fn properties(&self) -> Properties {
        let mut properties = Properties::default();
        let severity = self.severity.map(|s| Value::word(s.as_str()));
        properties.set_some("Severity", severity);
        properties.set_some("Status", self.status.as_ref().map(Value::select));
        properties.set_some("Root_Cause", self.root_cause.as_ref().map(Value::select));
        let thread = self.slack_thread_url.clone();
        properties.set_some("Slack_Thread_URL", thread.map(Value::Url));
        let related_runs = self.related_run_ids.as_deref().map(related);
        properties.set_some("Related_Run_IDs", related_runs);
        properties.set_some("Risk_Flags", self.risk_flags.map(Value::flags));
        properties.set_some("Notes", self.notes.as_deref().map(Value::text));
        properties.set("Updated_At", Value::date(self.updated_at));
        properties.set_some("Resolved_At", self.resolved_at.map(Value::date));
        properties
    }
}

/// As text: a relation would need the ids of the runs' pages, which may not exist yet.
fn related(runs: &[RunId]) -> Value {
    let ids: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    Value::text(&ids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notion::Kind;
    use crate::notion::schema::{CASE_PROPERTIES, RUN_PROPERTIES};

    /// What is written and what the schema says of it come from two tables.
    #[track_caller]
    fn assert_in_schema(properties: &Properties, schema: &[(&str, Kind)]) {
        for (name, value) in &properties.0 {
            assert!(
                schema.contains(&(*name, value.kind())),
                "{name} is {:?}",
                value.kind()
            );
        }
    }

    #[test]
    fn every_written_property_is_in_the_schema() {
        let at = Timestamp::FIRST;
        let words = || Choice::new("x").unwrap();
        let run: RunId = "R".parse().unwrap();
        let owner = Owner::new("o").unwrap();
        let row = RunRow {
            run_id: run.clone(),
            timestamp: at,
            scenario_name: Some("n".to_owned()),
            scenario_id: "S".parse().unwrap(),
            job_type: JobType::Other,
            status: Status::Success,
            credits: Credits::ZERO,
            credits_in: None,
            credits_out: None,
            model: Some("m".to_owned()),
            input_tokens: None,
            output_tokens: None,
            artifacts_link: Some("https://example.org/a".to_owned()),
            severity: Severity::Sev4,
            risk_flags: RiskFlags::NONE,
            summary: String::new(),
            likelihood: Likelihood::Low,
            baseline: None,
            variance: None,
            owner: owner.clone(),
        };
        let written = row.page();
        assert_in_schema(written.properties(), RUN_PROPERTIES);
        assert_eq!(written.properties().0.len(), RUN_PROPERTIES.len());

        let case = CaseRow {
            case_id: "CASE-20250131-ABC123".parse().unwrap(),
            title: String::new(),
            category: words(),
            severity: Severity::Sev4,
            exposure_band: words(),
            status: words(),
            root_cause: Some(words()),
            primary_run_id: run.clone(),
            related_run_ids: Vec::new(),
            risk_flags: RiskFlags::NONE,
            created_at: at,
            owner,
        };
        assert_in_schema(case.page().properties(), CASE_PROPERTIES);
        let change = CaseChange {
            updated_at: at,
            status: Some(words()),
            severity: Some(Severity::Sev0),
            root_cause: Some(words()),
            slack_thread_url: Some("https://example.org".parse().unwrap()),
            related_run_ids: Some(vec![run]),
            risk_flags: Some(RiskFlags::NONE),
            notes: Some(String::new()),
            resolved_at: Some(at),
        };
        assert_in_schema(&change.properties(), CASE_PROPERTIES);
    }
}
