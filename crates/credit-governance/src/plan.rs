//! What is to be done about a run, in the order that is safe.

use credit_core::{
    Action, Actions, BaselineStatus, CaseCategory, CaseId, CaseStatus, Day, ExposureBand, JobType,
    Likelihood, RiskFlags, RunId, ScenarioId, Severity, Sha256, Status,
};

use crate::rules::LINKED_AT_ONCE_MAX;
use crate::{
    Case, CaseEscalated, CaseOpened, CaseReopened, Cause, DispatchBlocked, Docket, DocketError,
    Escalation, LinkedRun, PatternRule, Relation, RunLinked, RunRef, Text, Trigger, What,
};

/// A run that was judged and kept, with what a plan needs to know of its record.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedRun {
    /// The run.
    pub run: RunRef,
    /// Its `Input_Sha256`, from which its case takes its name.
    pub identity: Sha256,
    /// The day of its `Timestamp`.
    pub day: Day,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// Its kind of job.
    pub job_type: JobType,
    /// How it ended.
    pub status: Status,
    /// How serious.
    pub severity: Severity,
    /// Its flags.
    pub risk_flags: RiskFlags,
    /// How likely it is a misconfiguration.
    pub likelihood: Likelihood,
    /// What it was compared with.
    pub baseline_status: BaselineStatus,
    /// What the policy wants done.
    pub actions: Actions,
    /// The run that it repeats.
    pub rerun_of: Option<RunId>,
    /// The earlier SEV2 runs of its scenario, oldest first, as far back as
    /// [`PatternRule::days`] reaches; only asked for where it is SEV2 itself. Of a great many the
    /// newest are enough: [`PatternRule::recent_max`] of them.
    pub recent_sev2: Vec<LinkedRun>,
}

/// One thing to do.
///
/// What is not an event goes out into the world: whoever does it must be able to do it twice,
/// because a crash may come between the deed and its record.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Set the run's artifacts aside, then record that.
    Quarantine {
        /// The run.
        run: RunRef,
        /// Its case.
        case: Option<CaseId>,
        /// Why.
        reason: Text,
    },
    /// Record this.
    Record(What),
    /// Make the case's page read-only.
    LockPage {
        /// The case.
        case: CaseId,
        /// The run that asks for it.
        run: RunRef,
    },
    /// Page the people on call.
    Page {
        /// The case, if there is one.
        case: Option<CaseId>,
        /// The run.
        run: RunRef,
    },
    /// Post an alert.
    Alert {
        /// The case, if there is one.
        case: Option<CaseId>,
        /// The run.
        run: RunRef,
    },
}

/// What is still to be done about `run`, in the order that is safe: what protects first, what talks
/// to the network last.
///
/// What the docket knows already is not planned again, so a plan can be made anew after a crash
/// between any two steps. A run of a scenario that has an unresolved case of the same cause joins
/// it; a moderate spike opens a case only if it makes a pattern.
///
/// ```
/// # use credit_core::*;
/// use credit_governance::{Docket, Effect, JudgedRun, Rules, RunRef, What, plan};
///
/// let mut run = JudgedRun {
///     run: RunRef { run_id: "R-1".parse()?, seq: 0, hash: Sha256::of(b"line") },
///     identity: Sha256::of(b"run"),
///     day: "2025-01-31".parse()?,
///     scenario_id: "EXPORT".parse()?,
///     job_type: JobType::Other,
///     status: Status::Success,
///     severity: Severity::Sev1,
///     risk_flags: RiskFlags::NONE,
///     likelihood: Likelihood::Low,
///     baseline_status: BaselineStatus::Current,
///     actions: Actions::NONE.with(Action::SlackAlert).with(Action::CreateCase),
///     rerun_of: None,
///     recent_sev2: Vec::new(),
/// };
/// let effects = plan(&run, &Docket::default(), &Rules::STANDARD.pattern);
/// assert!(matches!(&effects[..], [Effect::Record(What::CaseOpened(_)), Effect::Alert { .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan(run: &JudgedRun, docket: &Docket, pattern: &PatternRule) -> Vec<Effect> {
    let wants = |action| run.actions.contains(action);
    let (case, recorded) = case_steps(run, docket, pattern);
    let state = docket.run(&run.run.run_id);
    let mut effects = Vec::new();
    if wants(Action::Quarantine) && state.is_none_or(|state| state.quarantine.is_none()) {
        effects.push(Effect::Quarantine {
            run: run.run.clone(),
            case: case.clone(),
            reason: reason(run),
        });
    }
    if wants(Action::BlockDispatch) && state.is_none_or(|state| state.blocked.is_none()) {
        effects.push(Effect::Record(What::DispatchBlocked(DispatchBlocked {
            run: run.run.clone(),
            case: case.clone(),
            trigger: Trigger::Automatic,
            reason: reason(run),
        })));
    }
    effects.extend(recorded.into_iter().map(Effect::Record));
    if let Some(case) = case.clone().filter(|_| wants(Action::PageLock)) {
        effects.push(Effect::LockPage {
            case,
            run: run.run.clone(),
        });
    }
    if wants(Action::SlackEscalate) {
        effects.push(Effect::Page {
            case: case.clone(),
            run: run.run.clone(),
        });
    }
    if wants(Action::SlackAlert) {
        effects.push(Effect::Alert {
            case,
            run: run.run.clone(),
        });
    }
    effects
}

/// The run's case, and what is to be recorded so that it is one.
fn case_steps(
    run: &JudgedRun,
    docket: &Docket,
    pattern: &PatternRule,
) -> (Option<CaseId>, Vec<What>) {
    let repeated = run.rerun_of.as_ref().and_then(|id| docket.case_of(id));
    if let Some(case) = repeated.and_then(|case| docket.case(&case.id)) {
        return (Some(case.id.clone()), rerun_steps(run, case, docket));
    }
    if let Some(id) = docket
        .run(&run.run.run_id)
        .and_then(|state| state.case.clone())
    {
        return (Some(id), Vec::new());
    }
    let Some(cause) = cause(run, docket, pattern) else {
        return (None, Vec::new());
    };
    if let Some(case) = docket.unresolved_case(&run.scenario_id, cause) {
        let link = link(run, &case.id, Relation::Related);
        return (Some(case.id.clone()), vec![link]);
    }
    let opened = open(run, docket, cause);
    (Some(opened.case.clone()), vec![What::CaseOpened(opened)])
}

/// A rerun belongs to the case of the run that it repeats. If it spikes, the case is taken up again
/// and more people are called.
fn rerun_steps(run: &JudgedRun, case: &Case, docket: &Docket) -> Vec<What> {
    let mut steps = Vec::new();
    let linked = linked(run, Relation::Rerun);
    let spiked = linked.spiked();
    if spiked && case.status == CaseStatus::Resolved {
        steps.push(What::CaseReopened(CaseReopened {
            case: case.id.clone(),
            reason: Text::of(&format!("rerun {} spiked again", run.run.run_id)),
        }));
    }
    let known = docket
        .run(&run.run.run_id)
        .and_then(|state| state.case.as_ref());
    let is_new = known != Some(&case.id);
    if is_new {
        steps.push(link(run, &case.id, Relation::Rerun));
    }
    let spikes = case
        .runs
        .iter()
        .filter(|linked| linked.relation == Relation::Rerun && linked.spiked())
        .count()
        + usize::from(is_new && spiked);
    if spiked && case.calls_for(Escalation::RepeatSpike) < spikes {
        steps.push(What::CaseEscalated(CaseEscalated {
            case: case.id.clone(),
            escalation: Escalation::RepeatSpike,
            reason: Text::of(&format!(
                "rerun {} is {}: the mitigation did not hold",
                run.run.run_id, run.severity
            )),
        }));
    }
    steps
}

/// What kind of case the run belongs to, if it needs one.
fn cause(run: &JudgedRun, docket: &Docket, pattern: &PatternRule) -> Option<Cause> {
    let unjudged = matches!(
        run.baseline_status,
        BaselineStatus::Missing | BaselineStatus::Zero
    );
    if run.actions.contains(Action::CreateCase) {
        return Some(if unjudged {
            Cause::NoBaseline
        } else {
            Cause::Spike
        });
    }
    let moderate = run.severity == Severity::Sev2;
    let wanted = moderate && run.actions.contains(Action::LogCaseOptional);
    let persists = run.recent_sev2.len() + 1 >= pattern.runs
        || docket
            .unresolved_case(&run.scenario_id, Cause::Pattern)
            .is_some();
    (wanted && persists).then_some(Cause::Pattern)
}

impl Docket {
    /// A case that somebody wants for a run that has none; the plain title if they name none.
    ///
    /// # Errors
    /// [`DocketError::AlreadyLinked`] if the run has a case.
    pub fn case_by_hand(&self, run: &JudgedRun, title: Option<Text>) -> Result<What, DocketError> {
        if let Some(case) = self.case_of(&run.run.run_id) {
            return Err(DocketError::AlreadyLinked {
                run_id: run.run.run_id.clone(),
                case: case.id.clone(),
            });
        }
        let mut opened = open(run, self, Cause::Manual);
        if let Some(title) = title {
            opened.title = title;
        }
        Ok(What::CaseOpened(opened))
    }

    /// That a run belongs to a case because somebody says so: as a rerun if it repeats one of the
    /// case's runs.
    ///
    /// # Errors
    /// [`DocketError::UnknownCase`].
    pub fn link_by_hand(&self, run: &JudgedRun, case: &CaseId) -> Result<What, DocketError> {
        let found = self
            .case(case)
            .ok_or_else(|| DocketError::UnknownCase { case: case.clone() })?;
        let relation = match &run.rerun_of {
            Some(repeated) if found.has(repeated) => Relation::Rerun,
            _ => Relation::Related,
        };
        Ok(link(run, case, relation))
    }
}

fn open(run: &JudgedRun, docket: &Docket, cause: Cause) -> CaseOpened {
    let taken = |id: &CaseId| docket.case(id).is_some() || docket.archived_case(id).is_some();
    let names = (0..u32::MAX).map(|attempt| CaseId::of(run.day, run.identity, attempt));
    let case = names
        .into_iter()
        .find(|id| !taken(id))
        .unwrap_or_else(|| CaseId::of(run.day, run.identity, u32::MAX));
    let mut runs = vec![linked(run, Relation::Primary)];
    if cause == Cause::Pattern {
        let left_out = run.recent_sev2.len().saturating_sub(LINKED_AT_ONCE_MAX);
        runs.extend(run.recent_sev2.iter().skip(left_out).cloned());
    }
    CaseOpened {
        case,
        title: title(run, cause),
        scenario_id: run.scenario_id.clone(),
        cause,
        category: CaseCategory::of(
            run.severity,
            run.risk_flags,
            run.job_type,
            run.status == Status::Failed,
        ),
        exposure_band: ExposureBand::of(run.severity, run.risk_flags),
        runs,
    }
}

fn title(run: &JudgedRun, cause: Cause) -> Text {
    let what = match cause {
        Cause::Spike if run.risk_flags.intersects(RiskFlags::CRITICAL) => {
            "credit spike with sensitive data"
        }
        Cause::Spike => "credit spike",
        Cause::NoBaseline => "no baseline to compare with",
        Cause::Pattern => "moderate spikes again and again",
        Cause::Manual => "opened by hand",
    };
    Text::of(&format!("{} {}: {what}", run.severity, run.scenario_id))
}

fn reason(run: &JudgedRun) -> Text {
    let flags: Vec<&str> = run.risk_flags.iter().map(|flag| flag.as_str()).collect();
    let flags = if flags.is_empty() {
        "no flags".to_owned()
    } else {
        flags.join(", ")
    };
    Text::of(&format!("{} of {}: {flags}", run.severity, run.scenario_id))
}

fn link(run: &JudgedRun, case: &CaseId, relation: Relation) -> What {
    What::RunLinked(RunLinked {
        case: case.clone(),
        linked: linked(run, relation),
    })
}

fn linked(run: &JudgedRun, relation: Relation) -> LinkedRun {
    LinkedRun {
        run: run.run.clone(),
        relation,
        severity: run.severity,
        risk_flags: run.risk_flags,
        likelihood: run.likelihood,
        status: run.status,
    }
}
