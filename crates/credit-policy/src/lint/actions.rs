//! Actions that contradict or need each other, and channels and databases that none of them uses.

use credit_core::{Action, Actions, Severity};

use super::numbers::key;
use super::{Finding, Level, finding, place};
use crate::Policy;

pub(super) fn findings(text: &str, policy: &Policy) -> Vec<Finding> {
    let mut found = Vec::new();
    for severity in Severity::ALL.iter().copied() {
        let at = At {
            text,
            severity,
            actions: policy.actions(severity),
        };
        found.extend(at.more_than_the_ledger());
        found.extend(at.said_twice());
        found.extend(at.without_a_case());
        found.extend(at.set_aside_and_used());
        found.extend(at.without_a_channel(policy));
    }
    found.extend(unused_channels(text, policy));
    found.extend(unused_cases_database(policy));
    found
}

/// The actions that open a case, at once or perhaps.
const OPENS_A_CASE: Actions = Actions::NONE
    .with(Action::CreateCase)
    .with(Action::LogCaseOptional);

/// The actions that post to Slack.
const POSTS: Actions = Actions::NONE
    .with(Action::SlackEscalate)
    .with(Action::SlackAlert);

/// The actions that leave it at the ledger: a review that may show a run does nothing about it.
const PASSIVE: Actions = Actions::NONE
    .with(Action::LedgerOnly)
    .with(Action::WeeklyReviewOptional);

/// Pairs of which the first does all that the second may.
const STRONGER: [(Action, Action); 3] = [
    (Action::CreateCase, Action::LogCaseOptional),
    (Action::WeeklyReview, Action::WeeklyReviewOptional),
    (Action::SlackEscalate, Action::SlackAlert),
];

/// What one severity asks for.
struct At<'a> {
    text: &'a str,
    severity: Severity,
    actions: Actions,
}

impl At<'_> {
    fn more_than_the_ledger(&self) -> Option<Finding> {
        let mut others = self
            .actions
            .iter()
            .filter(|action| !PASSIVE.contains(*action));
        let other = others.next().filter(|_| self.has(Action::LedgerOnly))?;
        Some(finding(
            Level::Warning,
            self.path(Action::LedgerOnly),
            format!("`ledger_only` stands beside `{other}`"),
            "it says that nothing more is done, and the other is done all the same",
            "remove the one that is not meant",
        ))
    }

    fn said_twice(&self) -> impl Iterator<Item = Finding> {
        let both = |(more, less): &(Action, Action)| self.has(*more) && self.has(*less);
        STRONGER.into_iter().filter(both).map(|(more, less)| {
            finding(
                Level::Note,
                self.path(less),
                format!("`{less}` adds nothing to `{more}`"),
                "the stronger of the two is done in any case",
                "remove the weaker",
            )
        })
    }

    fn without_a_case(&self) -> impl Iterator<Item = Finding> {
        let needs_one = [
            (Action::PageLock, "it locks the page of the run's case"),
            (
                Action::RequireAck,
                "an acknowledgment is given for an open case",
            ),
            (
                Action::RequireAckBeforeRerun,
                "an acknowledgment is given for an open case",
            ),
        ];
        let lacks_one = !self.actions.intersects(OPENS_A_CASE);
        let found = needs_one
            .into_iter()
            .filter(move |(a, _)| lacks_one && self.has(*a));
        found.map(|(action, why)| {
            finding(
                Level::Warning,
                self.path(action),
                format!(
                    "`{action}` needs a case, and no action of {} opens one",
                    self.severity
                ),
                why,
                "add `create_case`, or remove the action",
            )
        })
    }

    fn set_aside_and_used(&self) -> Option<Finding> {
        let lacks = self.has(Action::Quarantine) && !self.has(Action::BlockDispatch);
        lacks.then(|| {
            finding(
                Level::Warning,
                self.path(Action::Quarantine),
                "`quarantine` stands without `block_dispatch`",
                "the run's artifacts are set aside, and what comes downstream may use the run",
                "add `block_dispatch`",
            )
        })
    }

    fn without_a_channel(&self, policy: &Policy) -> Option<Finding> {
        let lacks = policy.slack_channel(self.severity).is_none();
        let action = self.actions.iter().find(|action| POSTS.contains(*action))?;
        let key = key(self.severity);
        lacks.then(|| {
            finding(
                Level::Warning,
                self.path(action),
                format!("`{action}` has no channel"),
                format!("`slack.channels` names neither one for `{key}` nor a `default`"),
                format!("add `slack.channels.{key}`, or remove the action"),
            )
        })
    }

    fn has(&self, action: Action) -> bool {
        self.actions.contains(action)
    }

    fn path(&self, action: Action) -> String {
        let list = format!("severity_policy.{}.action", key(self.severity));
        place::of_word(self.text, &list, action.as_str())
    }
}

fn unused_channels(text: &str, policy: &Policy) -> Vec<Finding> {
    let posts = |severity: Severity| policy.actions(severity).intersects(POSTS);
    let path = |key: &str| format!("slack.channels.{key}");
    let own = |severity: Severity| place::value(text, &path(&key(severity))).is_some();
    let mut found = Vec::new();
    for severity in Severity::ALL.iter().copied() {
        if own(severity) && !posts(severity) {
            let what = format!("no alert of {severity} is posted there");
            found.push(unused_channel(path(&key(severity)), what));
        }
    }
    let default = path("default");
    let falls_back = |severity: &Severity| posts(*severity) && !own(*severity);
    if place::value(text, &default).is_some() && !Severity::ALL.iter().any(falls_back) {
        let what = "every severity that posts an alert has a channel of its own".to_owned();
        found.push(unused_channel(default, what));
    }
    found
}

fn unused_channel(path: String, what: String) -> Finding {
    finding(
        Level::Note,
        path,
        what,
        "a severity's actions decide whether anything is posted, this table only where",
        "leave it if that is meant; otherwise add `slack_alert` to a severity's actions",
    )
}

fn unused_cases_database(policy: &Policy) -> Option<Finding> {
    let opens = |severity: &Severity| policy.actions(*severity).intersects(OPENS_A_CASE);
    let unused = policy.notion_cases_database().is_some() && !Severity::ALL.iter().any(opens);
    unused.then(|| {
        finding(
            Level::Note,
            "notion.databases.cases_id",
            "no action of any severity opens a case",
            "only cases that people open by hand would be shown there",
            "leave it if that is meant; otherwise add `create_case` to a severity's actions",
        )
    })
}
