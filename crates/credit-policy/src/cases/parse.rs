//! From the text of a file to its cases.

use std::fmt::Write as _;

use credit_core::{Credits, Run, Usual};

use super::Case;
use super::verdict::Wanted;
use crate::section::Section;
use crate::{Context, Expected, PolicyError, Problem};

const CASE: &[&str] = &["description", "run", "context", "expect"];

const CONTEXT: &[&str] = &[
    "baseline",
    "manual",
    "usual_input_tokens",
    "usual_credits_per_item",
];

/// What stands in for what a case may leave out of its run: nothing of it changes a verdict.
const STAND_INS: &[(&str, &str)] = &[
    ("Run_ID", "CASE"),
    ("Timestamp", "2024-01-01T00:00:00Z"),
    ("Scenario_ID", "SCENARIO"),
    ("Job_Type", "OTHER"),
    ("Status", "Success"),
];

pub(super) fn cases(text: &str) -> Result<Vec<Case>, PolicyError> {
    let sections = Section::one_or_more(text, CASE)?;
    if sections.is_empty() {
        return Err(PolicyError {
            line: 1,
            path: String::new(),
            problem: Problem::NoCases,
        });
    }
    sections.iter().map(case).collect()
}

fn case(section: &Section<'_>) -> Result<Case, PolicyError> {
    let description = section.string("description")?;
    let description = section.required("description", description, "\"5 retries are no loop\"")?;
    section.require("run", r#"{"Credits_Total": 100}"#)?;
    section.require("context", r#"{"baseline": 500}"#)?;
    section.require("expect", r#"{"Severity": "SEV4"}"#)?;
    Ok(Case {
        line: section.line(),
        description,
        run: run(section)?,
        context: context(&section.child("context", CONTEXT)?)?,
        wanted: Wanted::parse(section)?,
    })
}

/// The run, with stand-ins for what it leaves out.
fn run(case: &Section<'_>) -> Result<Run, PolicyError> {
    let section = case.any_child("run")?;
    section.only_in_any_case(Run::KEYS)?;
    let given = |name: &str| section.keys().any(|key| key.eq_ignore_ascii_case(name));
    // INVARIANT: what is put in front has no line break, so that the run's lines stay the file's.
    let mut text = String::from("{");
    for (key, value) in STAND_INS {
        let named = *key == "Scenario_ID" && given("Scenario_Name");
        if !given(key) && !named {
            // Writing to a string cannot fail.
            let _ = write!(text, "\"{key}\":\"{value}\",");
        }
    }
    if section.keys().next().is_none() {
        text.truncate(text.trim_end_matches(',').len());
    }
    text.push_str(case.text("run").unwrap_or_default().trim_start_matches('{'));
    match Run::parse(&text) {
        Ok(parsed) => Ok(parsed.run),
        Err(error) => Err(section.problem_of_run(error)),
    }
}

/// What the run is judged against.
fn context(section: &Section<'_>) -> Result<Context, PolicyError> {
    Ok(Context {
        expected: expected(section)?,
        usual: Usual {
            input_tokens: section.read(
                "usual_input_tokens",
                || "a whole number of tokens".to_owned(),
                |token| token.parse().ok(),
            )?,
            credits_per_item: section.read(
                "usual_credits_per_item",
                || "an amount of credits".to_owned(),
                |token| token.parse().ok(),
            )?,
            // No verdict depends on it.
            bounds: None,
        },
    })
}

/// What it is expected to cost. That there is no baseline must be said, as null.
fn expected(context: &Section<'_>) -> Result<Expected, PolicyError> {
    context.require("baseline", "500, or null where the scenario has none")?;
    let baseline: Option<Option<Credits>> = context.read(
        "baseline",
        || "an amount of credits, or null where the scenario has none".to_owned(),
        |token| match token {
            "null" => Some(None),
            _ => token.parse().ok().map(Some),
        },
    )?;
    let manual = context.boolean("manual")?.unwrap_or(false);
    match baseline.flatten() {
        Some(credits) => Ok(Expected::Baseline { credits, manual }),
        None if manual => {
            let problem = Problem::Value {
                wanted: "false where `baseline` is null".to_owned(),
                found: "`true`".to_owned(),
            };
            Err(context.problem_at("manual", problem))
        }
        None => Ok(Expected::Missing),
    }
}
