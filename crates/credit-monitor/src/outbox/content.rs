//! What an item says, made from the ledgers when it is sent.

use credit_core::{CaseId, RunId, ScenarioId, StoredRecord};
use credit_governance::{Case, Docket, Event, EventId, Mute, Role, Stamp, What};
use credit_ledger::OwnedLine;
use credit_notify::delivery::{Attempt, Delivered, ItemId, Lane, Operation, Progress, Step};
use credit_notify::notion::{
    CaseChange, CaseRow, Choice, DatabaseId, Owner, Page, PageId, Properties, RunRow,
};
use credit_notify::routing::Address;
use credit_notify::slack::{Message, Posted};
use credit_notify::{Alert, Call, CaseState, DigestOf, Exposure, Link, Links, Reason, Reply};

use super::Destinations;
use super::step::{Said, Subject};
use super::weekly;
use crate::archive::text;
use crate::config::read_scenario;
use crate::decisions::Deciding;
use crate::{Error, Monitor};

/// One request to be made.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Post(Address, Message),
    Reply(Posted, Message),
    /// In the place of a message.
    Replace(Posted, Message),
    Permalink(Posted, CaseId),
    /// Created only if no page has this title, where that must be looked for.
    Create {
        database: DatabaseId,
        page: Page,
        look: bool,
    },
    Update(PageId, Properties),
    Lock(PageId),
    /// Everything is said already.
    Nothing,
}

/// Why an item cannot be sent as it is.
pub(crate) enum Unmade {
    /// For an operator to see to.
    Park(Reason),
    /// Nothing at all can be sent.
    Failed(Error),
}

impl From<Error> for Unmade {
    fn from(error: Error) -> Unmade {
        Unmade::Failed(error)
    }
}

/// Makes what is sent from what is decided and kept.
pub(crate) struct Maker<'a> {
    pub(crate) deciding: &'a Deciding<'a>,
    pub(crate) to: &'a Destinations,
}

impl Maker<'_> {
    /// What is sent for an attempt that was just begun.
    pub(crate) fn task(&self, attempt: &Attempt) -> Result<Task, Unmade> {
        let state = self.deciding.book().state();
        let item = state
            .item(&attempt.item)
            .ok_or_else(|| park("nothing is owed by this name"))?;
        let subject = Subject::of(&item.id).ok_or_else(|| park("its name says nothing"))?;
        let task = match &item.lane {
            Lane::Slack(address) => self.to_slack(&subject, attempt, address)?,
            Lane::Notion(_) => self.to_notion(&subject, attempt)?,
        };
        Ok(match (attempt.step, task) {
            (Step::SendMarked, Task::Post(to, message)) => {
                Task::Post(to, message.as_possible_repeat())
            }
            (Step::SendMarked, Task::Reply(to, message)) => {
                Task::Reply(to, message.as_possible_repeat())
            }
            (_, task) => task,
        })
    }

    fn to_slack(
        &self,
        subject: &Subject,
        attempt: &Attempt,
        address: &Address,
    ) -> Result<Task, Unmade> {
        let message = match subject {
            Subject::Alert { run, .. } => {
                let alert = self.alert(run)?;
                Message::alert(&alert, &self.links(run), &self.to.on_call)
            }
            Subject::Digest => {
                let alerts = attempt.folds.iter().filter_map(Subject::of);
                Message::digest(&DigestOf::Storm, &self.alerts(alerts)?)
            }
            Subject::Muted { mute, .. } => self.muted(mute, &attempt.item)?,
            Subject::Weekly(report) => weekly::message(self.monitor().tree(), report)?,
            Subject::Said { as_a, case, event } => {
                let (event, case) = (self.event(event)?, self.case(case)?);
                match as_a {
                    Said::Reply => {
                        let reply = reply(&event, &case).ok_or_else(|| park("says nothing"))?;
                        let posted = self.posted(&attempt.item)?;
                        return Ok(Task::Reply(posted, Message::reply(&reply)));
                    }
                    Said::State => return self.state(&case, &attempt.item),
                    Said::Call => self.call(&event, &case),
                    _ => self.exposure(&event, &case)?,
                }
            }
            Subject::Thread(case) => {
                let known = self.case(case)?.thread_url;
                return Ok(match known {
                    Some(_) => Task::Nothing,
                    None => Task::Permalink(self.posted(&attempt.item)?, case.clone()),
                });
            }
            _ => return Err(park("goes to Notion and not to Slack")),
        };
        Ok(Task::Post(address.clone(), message))
    }

    fn to_notion(&self, subject: &Subject, attempt: &Attempt) -> Result<Task, Unmade> {
        let unset = |variable: &str| park(&format!("no database is configured: set {variable}"));
        match subject {
            Subject::Row { run, .. } => {
                let database = self.to.runs.clone();
                let record = self.record(run)?;
                Ok(Task::Create {
                    database: database.ok_or_else(|| unset("NOTION_RUNS_LEDGER_DB_ID"))?,
                    page: RunRow::of_stored(&record, self.owner(&record.run.scenario_id)?).page(),
                    look: attempt.step == Step::FindOrCreate,
                })
            }
            Subject::Case(case) => {
                let database = self.to.cases.clone();
                let case = self.case(case)?;
                Ok(Task::Create {
                    database: database.ok_or_else(|| unset("NOTION_CASES_DB_ID"))?,
                    page: row(&case, self.owner(&case.scenario_id)?)?.page(),
                    // A case may have had its page before it was archived.
                    look: true,
                })
            }
            Subject::Said { case, .. } => {
                let properties = change(&self.case(case)?, self.deciding.docket())?.properties();
                Ok(Task::Update(self.page(case)?, properties))
            }
            Subject::Lock(case) => Ok(Task::Lock(self.page(case)?)),
            _ => Err(park("goes to Slack and not to Notion")),
        }
    }

    /// Who is responsible for a scenario: whom its file names, or else whom the settings do.
    fn owner(&self, scenario: &ScenarioId) -> Result<Owner, Unmade> {
        let read = read_scenario(self.monitor().tree(), scenario);
        let read = read.map_err(|e| park(&format!("the scenario's file cannot be used: {e}")))?;
        let named = read.and_then(|file| file.value.owner);
        let named = named.and_then(|name| Owner::new(&name));
        named
            .or_else(|| self.to.owner())
            .ok_or_else(|| park("nobody is set as its owner"))
    }

    fn alerts(&self, of: impl Iterator<Item = Subject>) -> Result<Vec<Alert>, Unmade> {
        of.filter_map(|subject| match subject {
            Subject::Alert { run, .. } => Some(self.alert(&run)),
            _ => None,
        })
        .collect()
    }

    fn alert(&self, run: &RunId) -> Result<Alert, Unmade> {
        Alert::of_stored(&self.record(run)?).ok_or_else(|| park("its verdict asks for no alert"))
    }

    /// What a mute held back in the channel of this item.
    fn muted(&self, mute: &EventId, item: &ItemId) -> Result<Message, Unmade> {
        let book = self.deciding.book();
        let lane = book.state().item(item).map(|item| &item.lane);
        let held = book
            .held_by(mute)
            .filter(|held| Some(&held.item.lane) == lane);
        let alerts = held.filter_map(|held| Subject::of(&held.item.id));
        let alerts = self.alerts(alerts)?;
        let mutes = self.deciding.docket().mutes();
        let mute: &Mute = mutes
            .iter()
            .find(|known| known.id == *mute)
            .ok_or_else(|| park("the mute is not known"))?;
        let digest = DigestOf::Muted {
            by: mute.since.by.clone(),
            reason: mute.what.reason.to_string(),
            from: mute.since.at,
            until: mute.until(),
        };
        Ok(Message::digest(&digest, &alerts))
    }

    /// The alert that an item follows, with its case as it is now. It calls nobody again.
    fn state(&self, case: &Case, item: &ItemId) -> Result<Task, Unmade> {
        let state = self.deciding.book().state();
        let alert = state.item(item).and_then(|item| item.after.as_ref());
        let alert = alert.ok_or_else(|| park("which alert it belongs to is not known"))?;
        // A digest is about many cases.
        if matches!(state.progress(alert), Some(Progress::Folded { .. })) {
            return Ok(Task::Nothing);
        }
        let primary = case.primary().ok_or_else(|| park("the case has no run"))?;
        let run = &primary.run.run_id;
        let message = Message::alert(&self.alert(run)?, &self.links(run), &[]);
        let last = case.history.last();
        let message = message.in_state(&CaseState {
            status: case.status,
            by: last.map(|step| by(step.since.role, &step.since.by)),
            since: last.map_or(case.updated_at, |step| step.since.at),
        });
        let message = match state.may_be_repeated(alert) {
            true => message.as_possible_repeat(),
            false => message,
        };
        Ok(Task::Replace(self.posted(item)?, message))
    }

    fn call(&self, event: &Event, case: &Case) -> Message {
        let reason = match &event.what {
            What::CaseEscalated(what) => what.reason.to_string(),
            _ => String::new(),
        };
        let call = Call {
            case_id: case.id.clone(),
            title: case.title.to_string(),
            severity: case.severity,
            status: case.status.to_string(),
            opened_at: case.opened_at,
            reason,
        };
        Message::call(&call, &self.case_links(case), &self.to.leads)
    }

    fn exposure(&self, event: &Event, case: &Case) -> Result<Message, Unmade> {
        let (What::ExposureAssessed(what), Some(primary)) = (&event.what, case.primary()) else {
            return Err(park("says nothing of an exposure"));
        };
        let exposure = Exposure {
            case_id: case.id.clone(),
            run_id: primary.run.run_id.clone(),
            risk_flags: case.risk_flags,
            assessed_by: event.by.clone(),
            notes: what.notes.to_string(),
        };
        let links = self.case_links(case);
        Ok(Message::exposure(&exposure, &links, &self.to.security))
    }

    fn links(&self, run: &RunId) -> Links {
        let case = self.deciding.docket().case_of(run);
        Links {
            run_url: self.to.run_link(run),
            ..case.map(|case| self.case_links(case)).unwrap_or_default()
        }
    }

    fn case_links(&self, case: &Case) -> Links {
        let page = self.page(&case.id).ok();
        let address = page.map(|page| page.as_str().replace('-', ""));
        let page: Option<Link> =
            address.and_then(|id| format!("https://www.notion.so/{id}").parse().ok());
        let run = case
            .primary()
            .and_then(|run| self.to.run_link(&run.run.run_id));
        Links {
            case_id: Some(case.id.clone()),
            case_url: page.or_else(|| self.to.case_link(&case.id)),
            run_url: run,
        }
    }

    /// The message that an item follows.
    fn posted(&self, item: &ItemId) -> Result<Posted, Unmade> {
        let state = self.deciding.book().state();
        let after = state.item(item).and_then(|item| item.after.as_ref());
        match after.and_then(|after| state.outcome(after)) {
            Some(Progress::Sent {
                delivered: Delivered::Message(posted),
                ..
            }) => Ok(posted.clone()),
            _ => Err(park("where the alert was posted is not known")),
        }
    }

    fn page(&self, case: &CaseId) -> Result<PageId, Unmade> {
        match self.deciding.book().outcome(&Subject::Case(case.clone())) {
            Some(Progress::Sent {
                delivered: Delivered::Page(page),
                ..
            }) => Ok(page.clone()),
            _ => Err(park("the case's page is not known")),
        }
    }

    fn case(&self, id: &CaseId) -> Result<Case, Unmade> {
        let docket = self.deciding.docket();
        let case = docket.case(id).or_else(|| docket.archived_case(id));
        case.cloned().ok_or_else(|| park("the case is not known"))
    }

    fn record(&self, run: &RunId) -> Result<StoredRecord, Unmade> {
        let path = self.monitor().tree().ledger();
        let found = self.monitor().ledger.find(run.as_str());
        let line = found.map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let line: OwnedLine = line.ok_or_else(|| park("its run is not in the ledger"))?;
        StoredRecord::parse(text(line.raw(), &path)?)
            .map_err(|e| park(&format!("its run cannot be read: {e}")))
    }

    fn event(&self, id: &EventId) -> Result<Event, Unmade> {
        let path = self.monitor().tree().events();
        let found = self.monitor().events.find(&id.to_string());
        let line = found.map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let line = line.ok_or_else(|| park("its event is not in the chain"))?;
        let event = Event::parse(text(line.raw(), &path)?);
        Ok(event.map_err(Error::event(path))?)
    }

    fn monitor(&self) -> &Monitor {
        self.deciding.monitor()
    }
}

/// What an event says in a thread.
fn reply(event: &Event, case: &Case) -> Option<Reply> {
    let by = by(event.role, &event.by);
    Some(match &event.what {
        What::CaseAcknowledged(_) => Reply::Acknowledged { by },
        What::RerunApproved(what) => Reply::Approved {
            by,
            mitigation: what.mitigation.to_string(),
        },
        What::RerunDenied(what) => Reply::Denied {
            by,
            reason: what.reason.to_string(),
        },
        What::QuarantineReleased(_) => Reply::Released { by, at: event.at },
        What::CaseResolved(what) => Reply::Resolved {
            by,
            root_cause: case
                .root_cause
                .as_ref()
                .map_or_else(|| "Unknown".to_owned(), |f| f.root_cause.to_string()),
            notes: what.note.to_string(),
        },
        _ => return None,
    })
}

fn row(case: &Case, owner: Owner) -> Result<CaseRow, Unmade> {
    let primary = case.primary().ok_or_else(|| park("the case has no run"))?;
    Ok(CaseRow {
        case_id: case.id.clone(),
        title: case.title.to_string(),
        category: choice(case.category.as_str())?,
        severity: case.severity,
        exposure_band: choice(case.exposure_band.as_str())?,
        status: choice(case.status.as_str())?,
        root_cause: root_cause(case)?,
        primary_run_id: primary.run.run_id.clone(),
        related_run_ids: related(case),
        risk_flags: case.risk_flags,
        created_at: case.opened_at,
        owner,
    })
}

/// The case as it is now, so that sending it twice or late is no harm.
fn change(case: &Case, docket: &Docket) -> Result<CaseChange, Unmade> {
    let thread = case.thread_url.as_ref();
    Ok(CaseChange {
        status: Some(choice(case.status.as_str())?),
        severity: Some(case.severity),
        root_cause: root_cause(case)?,
        slack_thread_url: thread.and_then(|url| url.as_str().parse().ok()),
        related_run_ids: Some(related(case)),
        risk_flags: Some(case.risk_flags),
        notes: Some(notes(case, docket)).filter(|notes| !notes.is_empty()),
        resolved_at: case.resolved_at,
        ..CaseChange::at(case.updated_at)
    })
}

fn root_cause(case: &Case) -> Result<Option<Choice>, Unmade> {
    let found = case.root_cause.as_ref();
    found
        .map(|found| choice(found.root_cause.as_str()))
        .transpose()
}

fn related(case: &Case) -> Vec<RunId> {
    let runs = case.runs.iter().skip(1);
    runs.map(|linked| linked.run.run_id.clone()).collect()
}

/// Everything that was written about a case, and who gave its runs back, oldest first.
fn notes(case: &Case, docket: &Docket) -> String {
    let signed = |stamp: &Stamp, text: String| {
        let (day, by) = (stamp.at.day(), &stamp.by);
        (stamp.at, format!("{day} {by}: {text}"))
    };
    let written = case.mitigations.iter().chain(&case.notes);
    let written = written.map(|note| signed(&note.written, note.text.to_string()));
    let exposure = case.exposure.iter().map(|found| {
        let text = format!("exposure {}: {}", found.exposure, found.notes);
        signed(&found.found, text)
    });
    let released = case.runs.iter().filter_map(|linked| {
        let quarantine = docket.run(&linked.run.run_id)?.quarantine.as_ref()?;
        let stamp = quarantine.released.as_ref()?;
        let (day, by) = (stamp.at.day(), by(stamp.role, &stamp.by));
        Some((stamp.at, format!("Quarantine released on {day} by {by}")))
    });
    let mut notes: Vec<_> = written.chain(exposure).chain(released).collect();
    notes.sort_by_key(|(at, _)| *at);
    let lines: Vec<String> = notes.into_iter().map(|(_, line)| line).collect();
    lines.join("\n")
}

/// Somebody as the runbook names them: `O3 lead-3`.
fn by(role: Option<Role>, name: &str) -> String {
    match role {
        Some(role) => format!("{role} {name}"),
        None => name.to_owned(),
    }
}

fn choice(word: &str) -> Result<Choice, Unmade> {
    Choice::new(word).map_err(|e| park(&format!("{word}: {e}")))
}

fn park(reason: &str) -> Unmade {
    Unmade::Park(Reason::new(reason))
}

/// Whether an operation posts an alert or what stands for several.
pub(crate) fn is_alert(operation: Operation) -> bool {
    matches!(operation, Operation::Alert(_))
}
