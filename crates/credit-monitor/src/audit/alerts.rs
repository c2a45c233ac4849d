//! What the environment keeps from people, and has kept from them.

use credit_core::{Actions, CaseId, RunId, ScenarioId, Severity, Timestamp};
use credit_governance::audit::{Suppressed, SwitchedOff};
use credit_governance::{Case, Docket, Event, What};
use credit_ledger::Window;
use credit_notify::delivery::Operation;
use credit_notify::routing::{Audience, Route, Slot, Webhooks};
use credit_policy::Policy;

use crate::archive::text;
use crate::outbox::suppressed_by;
use crate::{Archive, Error};

/// How far back the daily audit looks for messages that nobody got, so that a long weekend hides
/// none.
const DAYS: u32 = 7;

/// The alerts that an empty variable switches off. Where only the default's is empty, it is those
/// that the policy sends.
pub(super) fn switched_off(webhooks: &Webhooks, policy: &Policy) -> Vec<SwitchedOff> {
    let audiences = Severity::ALL
        .iter()
        .map(|severity| (Audience::Alert(*severity), Some(*severity)))
        .chain([(Audience::Security, None)]);
    let off = audiences.filter_map(|(audience, severity)| {
        let Route::Off(slot) = webhooks.route(audience) else {
            return None;
        };
        let sends = |severity| policy.actions(severity).intersects(Actions::ALERTS);
        let matters = slot != Slot::Default || severity.is_none_or(sends);
        matters.then(|| SwitchedOff {
            variable: slot.variable().to_owned(),
            severity,
        })
    });
    off.collect()
}

impl Archive {
    /// The messages of the last days that an empty variable kept from people.
    pub(super) fn suppressed(
        &self,
        docket: &Docket,
        now: Timestamp,
    ) -> Result<Vec<Suppressed>, Error> {
        let path = self.tree().events();
        let read = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let Some(reader) = self.events_if_any()? else {
            return Ok(Vec::new());
        };
        let since = now.days_before(DAYS);
        let from = since.to_string();
        let window = Window {
            from: Some(&from),
            ..Window::default()
        };
        let mut scan = reader.window(&window).map_err(read)?;
        let mut suppressed = Vec::new();
        while let Some(line) = scan.next_line().map_err(read)? {
            let event = Event::parse(text(line.raw(), &path)?);
            let event = event.map_err(Error::event(path.clone()))?;
            let What::Delivery(delivery) = &event.what else {
                continue;
            };
            let by = suppressed_by(delivery).map_err(Error::book(path.clone()))?;
            let Some((slot, operation)) = by.filter(|_| since <= event.at && event.at <= now)
            else {
                continue;
            };
            let case = delivery.case.as_ref().and_then(|id| known(docket, id));
            let severity = match operation {
                Operation::Alert(severity) => Some(severity),
                _ => case.map(|case| case.severity),
            };
            let scenario_id = match &delivery.run {
                Some(run) => self.scenario_of(run)?,
                None => case.map(|case| case.scenario_id.clone()),
            };
            suppressed.push(Suppressed {
                variable: slot.variable().to_owned(),
                at: event.at,
                scenario_id,
                severity,
            });
        }
        Ok(suppressed)
    }

    fn scenario_of(&self, run: &RunId) -> Result<Option<ScenarioId>, Error> {
        let path = self.tree().ledger();
        let line = self.run(run)?;
        let facts = line.map(|line| Ok(self.facts(text(line.raw(), &path)?)?.scenario_id));
        facts.transpose()
    }
}

fn known<'a>(docket: &'a Docket, id: &CaseId) -> Option<&'a Case> {
    docket.case(id).or_else(|| docket.archived_case(id))
}
