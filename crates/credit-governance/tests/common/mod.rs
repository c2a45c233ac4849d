//! Operators, runs and cases that the tests share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses a part, and stops at the first surprise"
)]

use credit_core::{
    Action, Actions, BaselineStatus, CaseId, CaseStatus, Exposure, JobType, Likelihood, RiskFlag,
    RiskFlags, RootCause, RunId, ScenarioId, Severity, Sha256, Status, Timestamp,
};
use credit_governance::audit::Audit;
use credit_governance::{
    Actor, Approval, BaselineProposal, CaseAcknowledged, CaseNoted, CaseResolved,
    CaseStatusChanged, Docket, Effect, Event, EventId, ExposureAssessed, GatedRun, JudgedRun,
    MitigationDocumented, Refusal, Remedies, RerunOffer, RerunRequested, RootCauseFound, Rules,
    RunRef, Text, Topic, Verb, What, plan,
};

pub(crate) fn operator(text: &str) -> Actor {
    Actor::Operator(text.parse().unwrap())
}

pub(crate) fn ops() -> Actor {
    operator("ops-2:O2")
}

pub(crate) fn lead() -> Actor {
    operator("lead-3:O3")
}

pub(crate) fn export() -> ScenarioId {
    "EXPORT".parse().unwrap()
}

/// The checks of an audit that found something.
pub(crate) fn ids(audit: &Audit) -> Vec<&'static str> {
    audit
        .checks
        .iter()
        .filter(|check| !check.passed())
        .map(|check| check.id)
        .collect()
}

/// What a rerun would run with.
pub(crate) fn config() -> Sha256 {
    Sha256::of(b"policy and scenario")
}

pub(crate) fn offer(mitigation: &str) -> RerunOffer {
    RerunOffer {
        mitigation: text(mitigation),
        remedies: Remedies {
            max_items: true,
            idempotency_key: true,
            addressed: RiskFlags::NONE,
        },
        config_sha256: config(),
        expires: None,
    }
}

/// A SEV1 run whose case is acknowledged and explained, with a request by ops-2.
pub(crate) fn requested() -> (House, GatedRun) {
    let mut house = House::default();
    let run = judged("R-1", Severity::Sev1);
    let case = house.observe(at(0), &run).unwrap();
    house.acknowledge(at(1), &case).unwrap();
    house.propose_cause(at(2), &case, RootCause::Misconfig);
    let request = What::RerunRequested(RerunRequested {
        run: run.run.clone(),
        case: Some(case),
        reason: text("the export is needed"),
    });
    house.decide(at(3), &ops(), request).unwrap();
    (house, gated(&run))
}

/// So many seconds after 2025-01-31T10:00:00Z.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_738_317_600 + seconds).unwrap()
}

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

pub(crate) fn text(words: &str) -> Text {
    words.parse().unwrap()
}

pub(crate) fn run_ref(name: &str) -> RunRef {
    RunRef {
        run_id: name.parse().unwrap(),
        seq: 7,
        hash: Sha256::of(name.as_bytes()),
    }
}

/// A run as the standard policy judges one of that severity.
pub(crate) fn judged(name: &str, severity: Severity) -> JudgedRun {
    let actions: &[Action] = match severity {
        Severity::Sev0 => &[
            Action::Quarantine,
            Action::BlockDispatch,
            Action::CreateCase,
            Action::PageLock,
            Action::SlackEscalate,
        ],
        Severity::Sev1 => &[
            Action::CreateCase,
            Action::SlackAlert,
            Action::RequireAckBeforeRerun,
        ],
        Severity::Sev2 => &[Action::LogCaseOptional, Action::WeeklyReview],
        Severity::Sev3 | Severity::Sev4 => &[Action::LedgerOnly],
    };
    let flags: &[RiskFlag] = match severity {
        Severity::Sev0 => &[RiskFlag::UnboundedIterator, RiskFlag::PiiExposure],
        _ => &[RiskFlag::UnboundedIterator],
    };
    JudgedRun {
        run: run_ref(name),
        identity: Sha256::of(name.as_bytes()),
        day: at(0).day(),
        scenario_id: "EXPORT".parse().unwrap(),
        job_type: JobType::Other,
        status: Status::Success,
        severity,
        risk_flags: flags.iter().copied().collect(),
        likelihood: Likelihood::Medium,
        baseline_status: BaselineStatus::Current,
        actions: actions.iter().copied().collect::<Actions>(),
        rerun_of: None,
        recent_sev2: Vec::new(),
    }
}

pub(crate) fn gated(run: &JudgedRun) -> GatedRun {
    GatedRun {
        run: run.run.clone(),
        severity: run.severity,
        likelihood: run.likelihood,
        risk_flags: run.risk_flags,
        actions: run.actions,
    }
}

/// A docket with its rules and the events that made it.
#[derive(Default)]
pub(crate) struct House {
    pub(crate) docket: Docket,
    pub(crate) events: Vec<Event>,
}

impl House {
    pub(crate) fn decide(
        &mut self,
        now: Timestamp,
        who: &Actor,
        what: What,
    ) -> Result<(), Refusal> {
        let event = self.docket.decide(now, who, what, &Rules::STANDARD)?;
        self.keep(event);
        Ok(())
    }

    /// Records what was decided already.
    pub(crate) fn keep(&mut self, event: Event) {
        // As a reader of the chain would see it.
        let event = Event::parse(&event.to_json()).unwrap();
        self.docket.apply(&event).unwrap();
        self.events.push(event);
    }

    /// Does what the plan of a run says, as far as it is to be recorded.
    pub(crate) fn observe(&mut self, now: Timestamp, run: &JudgedRun) -> Option<CaseId> {
        for effect in plan(run, &self.docket, &Rules::STANDARD.pattern) {
            let what = match effect {
                Effect::Record(what) => what,
                Effect::Quarantine { run, case, reason } => {
                    What::RunQuarantined(credit_governance::RunQuarantined {
                        run,
                        case,
                        trigger: credit_governance::Trigger::Automatic,
                        reason,
                        moved: vec!["out/report.pdf".to_owned()],
                        not_moved: vec!["https://store.example/a".to_owned()],
                    })
                }
                Effect::LockPage { .. } | Effect::Page { .. } | Effect::Alert { .. } => continue,
            };
            self.decide(now, &Actor::Service, what).unwrap();
        }
        self.docket
            .case_of(&run.run.run_id)
            .map(|case| case.id.clone())
    }

    pub(crate) fn acknowledge(&mut self, now: Timestamp, case: &CaseId) -> Result<(), Refusal> {
        let case = case.clone();
        self.decide(
            now,
            &ops(),
            What::CaseAcknowledged(CaseAcknowledged { case }),
        )
    }

    pub(crate) fn assess(&mut self, now: Timestamp, case: &CaseId, exposure: Exposure) {
        let what = What::ExposureAssessed(ExposureAssessed {
            case: case.clone(),
            exposure,
            flags: RiskFlags::CRITICAL,
            notes: text("looked at the access log"),
        });
        self.decide(now, &lead(), what).unwrap();
    }

    pub(crate) fn propose_cause(&mut self, now: Timestamp, case: &CaseId, root_cause: RootCause) {
        let found = root_cause_found(case, root_cause);
        self.decide(now, &ops(), What::RootCauseProposed(found))
            .unwrap();
    }

    pub(crate) fn confirm_cause(&mut self, now: Timestamp, case: &CaseId, root_cause: RootCause) {
        let found = root_cause_found(case, root_cause);
        self.decide(now, &lead(), What::RootCauseConfirmed(found))
            .unwrap();
    }

    pub(crate) fn note(&mut self, now: Timestamp, case: &CaseId, topic: Topic) {
        let what = What::CaseNoted(CaseNoted {
            case: case.clone(),
            topic,
            note: text("see the log"),
        });
        self.decide(now, &ops(), what).unwrap();
    }

    pub(crate) fn mitigate(&mut self, now: Timestamp, case: &CaseId) {
        let what = What::MitigationDocumented(MitigationDocumented {
            case: case.clone(),
            mitigation: text("max_items now 1000"),
        });
        self.decide(now, &ops(), what).unwrap();
        self.step(now, case, CaseStatus::Investigating, CaseStatus::Mitigating)
            .unwrap();
    }

    pub(crate) fn step(
        &mut self,
        now: Timestamp,
        case: &CaseId,
        from: CaseStatus,
        to: CaseStatus,
    ) -> Result<(), Refusal> {
        let case = case.clone();
        let what = What::CaseStatusChanged(CaseStatusChanged { case, from, to });
        self.decide(now, &ops(), what)
    }

    pub(crate) fn resolve(
        &mut self,
        now: Timestamp,
        who: &Actor,
        case: &CaseId,
    ) -> Result<(), Refusal> {
        let what = What::CaseResolved(CaseResolved {
            case: case.clone(),
            note: text("done"),
        });
        self.decide(now, who, what)
    }

    /// The proposal of a baseline that is approved and not yet in force.
    pub(crate) fn approved_baseline(&mut self, now: Timestamp, scenario: &str) -> EventId {
        let scenario_id: ScenarioId = scenario.parse().unwrap();
        let proposal = BaselineProposal {
            scenario_id: scenario_id.clone(),
            old: None,
            new: "100".parse().unwrap(),
            usual_input_tokens: None,
            usual_credits_per_item: None,
            bounds: None,
            weekdays: None,
            changed_at: None,
            sample_size: 28,
            cv: Some(0.18),
            days: 30,
            as_of: at(0),
            reasons: vec!["stable".to_owned()],
            override_reason: None,
            investigated: None,
        };
        self.decide(now, &ops(), What::BaselineProposed(proposal))
            .unwrap();
        let pending = self.docket.pending(&scenario_id).unwrap().clone();
        let id = pending.id.clone();
        let grant = Approval::grant(&lead(), Verb::ApproveBaseline, &pending.by.clone(), pending);
        let (event, _) = self.docket.approve_baseline(now, &grant.unwrap()).unwrap();
        self.keep(event);
        id
    }

    /// A SEV1 case with all its documents, resolved.
    pub(crate) fn resolved_sev1(&mut self, run: &JudgedRun) -> CaseId {
        let case = self.observe(at(0), run).unwrap();
        self.acknowledge(at(MINUTE), &case).unwrap();
        self.confirm_cause(at(2 * MINUTE), &case, RootCause::Misconfig);
        self.mitigate(at(3 * MINUTE), &case);
        self.resolve(at(4 * MINUTE), &lead(), &case).unwrap();
        case
    }
}

fn root_cause_found(case: &CaseId, root_cause: RootCause) -> RootCauseFound {
    RootCauseFound {
        case: case.clone(),
        root_cause,
        explanation: text("no limit on the items"),
    }
}

pub(crate) fn id(run: &JudgedRun) -> &RunId {
    &run.run.run_id
}

/// That a file of `tests/golden/` has exactly these bytes; `UPDATE_GOLDEN=1` writes it anew.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "UPDATE_GOLDEN is the tests' own switch"
)]
pub(crate) fn golden(name: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == kept,
        "{} differs; UPDATE_GOLDEN=1 rewrites it",
        path.display()
    );
}
