//! Baselines: calculated from the ledger, proposed, approved, put into force.

use std::collections::BTreeMap;
use std::fs::{self, File};

use credit_baseline::{
    Baseline, Calculation, Eligibility, NoBaseline, Note, Window, calculate, eligibility,
    rationale_note,
};
use credit_core::{Credits, HealthyRule, RunFacts, ScenarioId, Sha256, Timestamp, Usual};
use credit_governance::{
    About, Actor, Approval, Approved, BaselineChange, BaselineProposal, Event, EventId, Proposed,
    Verb, What,
};
use credit_ledger::hashed_file::replace_durably;

use crate::config::read_baselines;
use crate::{Archive, Config, Error, Monitor, governed};

/// What a proposal rests on, beside the ledger.
#[derive(Clone, Debug, Default)]
pub struct Grounds {
    /// Why, in the proposer's words.
    pub reasons: Vec<String>,
    /// Why failed criteria should not count; recorded with the proposal.
    pub override_reason: Option<String>,
    /// The case or note in which a large change was investigated.
    pub investigated: Option<String>,
}

/// What a baseline would become, and what that was measured by.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The baseline in force.
    pub old: Option<Credits>,
    /// What was calculated.
    pub calculation: Calculation,
    /// How it stands against the gate.
    pub eligibility: Eligibility,
}

impl Draft {
    fn of(calculation: Calculation, config: &Config) -> Draft {
        let old = config.baselines().value.get(&calculation.scenario_id);
        let gate = config.policy().value.update_gate();
        Draft {
            old: old.map(|b| b.credits),
            eligibility: eligibility(&calculation, old, gate),
            calculation,
        }
    }
}

impl Archive {
    /// How a scenario's baseline would change and whether it may; changes nothing.
    ///
    /// # Errors
    /// As [`Archive::calculate_baseline`].
    pub fn examine_baseline(
        &self,
        config: &Config,
        scenario: &ScenarioId,
        window: Window,
    ) -> Result<Draft, Error> {
        let rule = config.policy().value.healthy();
        let calculation = self.calculate_baseline(scenario, window, rule)?;
        Ok(Draft::of(calculation, config))
    }

    /// The scenarios that meet the gate for changing a baseline, in order; changes nothing.
    ///
    /// # Errors
    /// [`Error::Read`] for the ledger.
    pub fn stable_scenarios(
        &self,
        config: &Config,
        window: Window,
    ) -> Result<Vec<ScenarioId>, Error> {
        let mut lines: BTreeMap<ScenarioId, Vec<String>> = BTreeMap::new();
        self.each_run(None, |facts| {
            let lines = lines.entry(facts.scenario_id.clone()).or_default();
            lines.push(facts.json.to_owned());
            true
        })?;
        let mut stable = Vec::new();
        for (scenario, lines) in lines {
            let rule = config.policy().value.healthy();
            match self.calculate(&lines, &scenario, window, rule) {
                Ok(calculation) => {
                    if Draft::of(calculation, config).eligibility.is_eligible() {
                        stable.push(scenario);
                    }
                }
                // Too little to go by is no error here: it is not stable.
                Err(Error::Precondition { .. } | Error::UnknownScenario { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(stable)
    }

    /// What [`Monitor::propose_baseline`] would record; changes nothing.
    ///
    /// # Errors
    /// [`Error::Precondition`] listing every failed criterion unless it is overridden (or, for a
    /// large change, investigated); as [`Archive::examine_baseline`].
    pub fn draft_baseline(
        &self,
        config: &Config,
        scenario: &ScenarioId,
        window: Window,
        grounds: &Grounds,
    ) -> Result<Draft, Error> {
        let mut draft = self.examine_baseline(config, scenario, window)?;
        draft.eligibility = admit(draft.eligibility, grounds, scenario)?;
        Ok(draft)
    }

    /// Calculates a scenario's baseline from the healthy runs in a window; changes nothing.
    ///
    /// # Errors
    /// [`Error::UnknownScenario`] if it has no runs up to the window's end,
    /// [`Error::Precondition`] if none of them is healthy, [`Error::Read`] for the ledger.
    pub fn calculate_baseline(
        &self,
        scenario: &ScenarioId,
        window: Window,
        rule: &HealthyRule,
    ) -> Result<Calculation, Error> {
        let mut lines = Vec::new();
        self.each_run(Some(scenario), |facts| {
            lines.push(facts.json.to_owned());
            true
        })?;
        self.calculate(&lines, scenario, window, rule)
    }

    fn calculate(
        &self,
        lines: &[String],
        scenario: &ScenarioId,
        window: Window,
        rule: &HealthyRule,
    ) -> Result<Calculation, Error> {
        let runs = lines
            .iter()
            .map(|line| self.facts(line))
            .collect::<Result<Vec<RunFacts<'_>>, _>>()?;
        calculate(&runs, scenario, window, rule).map_err(|e| match e {
            NoBaseline::UnknownScenario { scenario_id, .. } => {
                Error::UnknownScenario { scenario_id }
            }
            NoBaseline::NoHealthyRuns { .. } => Error::Precondition {
                reason: e.to_string(),
            },
        })
    }

    /// Every value that was put into force for a scenario, oldest first.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Integrity`] if the events are damaged.
    pub fn baseline_history(&self, scenario: &ScenarioId) -> Result<Vec<BaselineChange>, Error> {
        let docket = self.docket()?;
        let changes = docket.baseline_changes().iter();
        Ok(changes
            .filter(|c| c.scenario_id == *scenario)
            .cloned()
            .collect())
    }
}

impl Monitor {
    /// Records the proposal to change a scenario's baseline; the baselines file stays as it is.
    ///
    /// # Errors
    /// [`Error::Denied`] if `actor` may not propose; [`Error::Config`]; as
    /// [`Archive::draft_baseline`].
    pub fn propose_baseline(
        &self,
        scenario: &ScenarioId,
        window: Window,
        grounds: Grounds,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(EventId, Draft), Error> {
        let about = About::Scenario(scenario.clone());
        self.require(actor, Verb::ProposeBaseline, about, now)?;
        let draft = self
            .archive()
            .draft_baseline(&self.config()?, scenario, window, &grounds)?;
        let proposal = BaselineProposal {
            scenario_id: scenario.clone(),
            old: draft.old,
            new: draft.calculation.credits,
            usual_input_tokens: draft.calculation.usual.input_tokens,
            usual_credits_per_item: draft.calculation.usual.credits_per_item,
            sample_size: draft.calculation.healthy_runs,
            cv: draft.calculation.cv,
            days: window.days,
            as_of: window.as_of,
            reasons: grounds.reasons,
            override_reason: grounds.override_reason,
            investigated: grounds.investigated,
        };
        let event = Event::new(now, actor, What::BaselineProposed(proposal));
        self.record_event(&event)?;
        Ok((event.id(), draft))
    }

    /// Approves the open proposal for a scenario and puts it into force: an approval event, the
    /// rationale note, the baselines file, an applied event, in this order. After a crash between
    /// any two, calling it again finishes the rest.
    ///
    /// # Errors
    /// [`Error::Denied`] for the proposer or too low a role; [`Error::Precondition`] if there is
    /// no open proposal, or if ledger, baselines or policy have changed so that what was proposed
    /// no longer follows from them.
    pub fn approve_baseline(
        &self,
        scenario: &ScenarioId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<BaselineChange, Error> {
        let about = || About::Scenario(scenario.clone());
        self.require(actor, Verb::ApproveBaseline, about(), now)?;
        let _lock = self.lock_config()?;
        let docket = self.archive().docket()?;
        let proposed = docket
            .pending(scenario)
            .cloned()
            .ok_or_else(|| Error::Precondition {
                reason: format!(
                    "no baseline is proposed for `{scenario}`; run `creditctl baseline update \
                 --scenario {scenario}` first, as somebody other than the approver"
                ),
            })?;
        let proposer = proposed.by.clone();
        let grant = || Approval::grant(actor, Verb::ApproveBaseline, &proposer, proposed);
        let approval = self.recording_denials(actor, about(), now, || Ok(grant()?))?;
        let approved = match &approval.subject().approved {
            // Approved before, but a crash kept it from being applied.
            Some(approved) => approved.clone(),
            None => {
                self.refuse_stale(&approval.subject().proposal)?;
                let (event, approved) = docket.approve_baseline(now, &approval)?;
                self.record_event(&event)?;
                approved
            }
        };
        self.apply(&approval, approved, actor, now)
    }

    fn apply(
        &self,
        approval: &Approval<Proposed>,
        approved: Approved,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<BaselineChange, Error> {
        let Proposed {
            id, by, proposal, ..
        } = approval.subject();
        self.write_note(proposal, &approved)?;
        let file_sha256 = Some(self.write_baseline(proposal, now)?);
        let applied = What::BaselineApplied {
            proposal: id.clone(),
            file_sha256,
        };
        self.record_event(&Event::new(now, actor, applied))?;
        Ok(BaselineChange {
            scenario_id: proposal.scenario_id.clone(),
            old: proposal.old,
            new: proposal.new,
            proposed_by: by.clone(),
            approved_by: approved.by,
            approved_at: approved.at,
            approval_id: approved.approval_id,
            applied_at: now,
            reasons: proposal.reasons.clone(),
            file_sha256,
        })
    }

    /// What is approved must be what would be proposed now.
    fn refuse_stale(&self, proposal: &BaselineProposal) -> Result<(), Error> {
        let window = Window {
            as_of: proposal.as_of,
            days: proposal.days,
        };
        let scenario = &proposal.scenario_id;
        let Draft {
            calculation,
            old,
            eligibility,
        } = self
            .archive()
            .examine_baseline(&self.config()?, scenario, window)?;
        if calculation.credits != proposal.new || old != proposal.old {
            let shown = |credits: Option<Credits>| {
                credits.map_or_else(|| "none".to_owned(), |c| c.to_string())
            };
            return Err(Error::Precondition {
                reason: format!(
                    "the proposal for `{scenario}` is out of date: it says {} -> {}, ledger and \
                     baselines now say {} -> {}; propose it again",
                    shown(proposal.old),
                    proposal.new,
                    shown(old),
                    calculation.credits
                ),
            });
        }
        if calculation.usual != usual(proposal) {
            return Err(Error::Precondition {
                reason: format!(
                    "the proposal for `{scenario}` is out of date: the usual input or the usual \
                     cost of an item that it says no longer follows from the ledger; propose it \
                     again"
                ),
            });
        }
        let grounds = Grounds {
            reasons: Vec::new(),
            override_reason: proposal.override_reason.clone(),
            investigated: proposal.investigated.clone(),
        };
        admit(eligibility, &grounds, scenario).map(|_| ())
    }

    /// Appends the rationale to the day's note, once.
    fn write_note(&self, proposal: &BaselineProposal, approved: &Approved) -> Result<(), Error> {
        let config = self.config()?;
        let day = approved.at.day();
        let mut reasons = proposal.reasons.clone();
        let excuse =
            |what: &str, why: &Option<String>| why.as_ref().map(|w| format!("{what}: {w}"));
        reasons.extend(excuse("Override", &proposal.override_reason));
        reasons.extend(excuse("Investigated", &proposal.investigated));
        let section = rationale_note(&Note {
            scenario_id: &proposal.scenario_id,
            date: day,
            operator: &approved.by,
            approval: &approved.approval_id,
            old: proposal.old,
            new: proposal.new,
            reasons: &reasons,
            sample_size: proposal.sample_size,
            days: proposal.days,
            cv: proposal.cv,
            cv_below: config.policy().value.update_gate().cv_below,
        });
        let dir = self.tree().baseline_updates();
        fs::create_dir_all(&dir).map_err(Error::io("creating", &dir))?;
        let path = dir.join(format!("update_{day}.md"));
        let mut note = match fs::read_to_string(&path) {
            Ok(note) => note,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(Error::io("reading", path)(e)),
        };
        if note.contains(&section) {
            return Ok(());
        }
        if !note.is_empty() {
            note.push('\n');
        }
        note.push_str(&section);
        replace_durably(&path, note.as_bytes()).map_err(Error::io("writing", path))
    }

    /// The hash of the baselines file since.
    fn write_baseline(&self, proposal: &BaselineProposal, now: Timestamp) -> Result<Sha256, Error> {
        let tree = self.tree();
        let (before, _) = read_baselines(tree)?;
        let mut baselines = before.value;
        let baseline = Baseline {
            scenario_id: proposal.scenario_id.clone(),
            credits: proposal.new,
            calculated_at: proposal.as_of,
            sample_size: proposal.sample_size,
            last_updated: now,
            usual: usual(proposal),
        };
        baselines.set(baseline, now);
        let text = baselines.to_json();
        governed::replace(&tree.baselines(), text.as_bytes())?;
        let sha256 = Sha256::of(text.as_bytes());
        self.keep_object(sha256, text.as_bytes())?;
        Ok(sha256)
    }

    /// Two approvals at a time would each rewrite the baselines file from what both had read.
    pub(crate) fn lock_config(&self) -> Result<File, Error> {
        let path = self.tree().monitoring().join("baselines.lock");
        let lock = File::create(&path).map_err(Error::io("creating", &path))?;
        lock.lock().map_err(Error::io("locking", path))?;
        Ok(lock)
    }
}

fn usual(proposal: &BaselineProposal) -> Usual {
    Usual {
        input_tokens: proposal.usual_input_tokens,
        credits_per_item: proposal.usual_credits_per_item,
    }
}

/// Lets through what meets the gate, or what somebody answers for.
fn admit(
    eligibility: Eligibility,
    grounds: &Grounds,
    scenario: &ScenarioId,
) -> Result<Eligibility, Error> {
    let eligibility = match grounds.investigated {
        Some(_) => eligibility.investigated(),
        None => eligibility,
    };
    let change_failed = eligibility.failed().any(|c| c.name == "change");
    if eligibility.is_eligible() || (grounds.override_reason.is_some() && !change_failed) {
        return Ok(eligibility);
    }
    let failed: Vec<String> = eligibility.failed().map(|c| format!("\n  {c}")).collect();
    let remedy = if change_failed {
        "so large a change needs --investigated CASE|NOTE"
    } else {
        "more healthy runs, or --override REASON, recorded with the proposal"
    };
    Err(Error::Precondition {
        reason: format!(
            "the baseline of `{scenario}` may not be changed ({remedy}); failed criteria:{}",
            failed.concat()
        ),
    })
}
