//! Who is told, and where: configuration, as a value.

use std::str::FromStr;

use credit_core::{CaseId, RunId};
use credit_notify::delivery::{ItemId, Lane, Rules};
use credit_notify::notion::{DatabaseId, Owner};
use credit_notify::routing::{Address, Audience, Route, Webhooks};
use credit_notify::slack::Channel;
use credit_notify::{Link, Mention, SettingError};
use credit_policy::Policy;

use super::step::Subject;

/// Who is told, and where. Something is owed only to what is configured here.
///
/// ```
/// use credit_monitor::Destinations;
/// use credit_monitor::notify::routing::Webhooks;
///
/// let webhooks = Webhooks::read(|variable| match variable {
///     "SLACK_WEBHOOK_URL_DEFAULT" => Some("https://hooks.slack.com/services/T/B/x".to_owned()),
///     _ => None,
/// })?;
/// let destinations = Destinations { webhooks: Some(webhooks), ..Destinations::default() };
/// assert!(!destinations.is_empty());
/// assert!(Destinations::default().is_empty());
/// # Ok::<(), credit_monitor::notify::routing::WebhooksError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    /// Slack by incoming webhooks; one that is set and empty switches its alerts off, for a bot
    /// as well.
    pub webhooks: Option<Webhooks>,
    /// Slack by a bot, where there is one. It goes before webhooks and closes the loop: threads
    /// and their address in the case.
    pub bot: Option<BotChannels>,
    /// Notion's database of runs, RUNS_LEDGER.
    pub runs: Option<DatabaseId>,
    /// Notion's database of cases, CASES.
    pub cases: Option<DatabaseId>,
    /// Who is responsible where the scenario's file does not say: the `owner` of rows and pages.
    pub owner: Option<Owner>,
    /// Who is notified of an escalated alert.
    pub on_call: Vec<Mention>,
    /// Who is notified when a case calls for more people.
    pub leads: Vec<Mention>,
    /// Who is notified of exposed data.
    pub security: Vec<Mention>,
    /// Where people can read a run's record.
    pub run_url: Option<UrlPattern>,
    /// Where people can read a case, unless its page in Notion is known.
    pub case_url: Option<UrlPattern>,
    /// How patient delivery is, and what a storm is. Give each process a seed of its own, so that
    /// several do not come back to a server that was down at the same moment.
    pub rules: Rules,
}

/// Where a bot posts what the policy's channels do not name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BotChannels {
    /// For exposed data, such as `#security-incidents`.
    pub security: Option<Channel>,
}

/// An address with `{id}` in it.
///
/// ```
/// use credit_monitor::UrlPattern;
/// use credit_monitor::notify::SettingError;
///
/// assert!("https://example.org/runs/{id}".parse::<UrlPattern>().is_ok());
/// let of_all = "https://example.org/runs".parse::<UrlPattern>();
/// assert_eq!(of_all, Err(SettingError::NoId));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UrlPattern(String);

impl UrlPattern {
    fn with(&self, id: &str) -> Option<Link> {
        self.0.replace("{id}", id).parse().ok()
    }
}

impl FromStr for UrlPattern {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<UrlPattern, SettingError> {
        if !text.contains("{id}") {
            return Err(SettingError::NoId);
        }
        text.replace("{id}", "RUN-1").parse::<Link>()?;
        Ok(UrlPattern(text.to_owned()))
    }
}

impl Destinations {
    /// Whether nobody is to be told anything.
    pub fn is_empty(&self) -> bool {
        self.webhooks.is_none() && self.bot.is_none() && self.runs.is_none() && self.cases.is_none()
    }

    /// Whether something that is owed can be sent to where it goes. A webhook that is switched off
    /// is one that will be switched on again.
    ///
    /// ```
    /// use credit_monitor::Destinations;
    /// use credit_monitor::notify::delivery::Lane;
    /// use credit_monitor::notify::routing::Address;
    ///
    /// // A tree owes an alert to a channel, and the bot that would post it is not set up any more.
    /// let channel = Lane::Slack(Address::Channel("#ops-alerts".parse()?));
    /// assert!(!Destinations::default().reach(&"alert/12/RUN-1".parse()?, &channel));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reach(&self, item: &ItemId, lane: &Lane) -> bool {
        match lane {
            Lane::Slack(Address::Webhook(slot)) => {
                let webhooks = self.webhooks.as_ref();
                webhooks.is_some_and(|webhooks| webhooks.is_set(*slot))
            }
            Lane::Slack(Address::Channel(_)) => self.bot.is_some(),
            Lane::Notion(_) => match Subject::of(item) {
                Some(Subject::Row { .. }) => self.runs.is_some(),
                _ => self.cases.is_some(),
            },
        }
    }

    /// Where a message for this audience goes.
    pub(crate) fn route(&self, audience: Audience, policy: &Policy) -> Route {
        let by_webhook = || match &self.webhooks {
            Some(webhooks) => webhooks.route(audience),
            None => Route::Nowhere,
        };
        let Some(bot) = &self.bot else {
            return by_webhook();
        };
        let channel = match audience {
            Audience::Alert(severity) => policy.slack_channel(severity),
            Audience::Review => policy.slack_channel(credit_core::Severity::Sev2),
            Audience::Security => bot.security.as_ref().map(Channel::as_str),
        };
        let channel: Option<Channel> = channel.and_then(|name| name.parse().ok());
        let route = match &self.webhooks {
            Some(webhooks) => webhooks.route_to(audience, channel.as_ref()),
            None => channel.map_or(Route::Nowhere, |c| Route::To(Address::Channel(c))),
        };
        match route {
            Route::Nowhere => by_webhook(),
            route => route,
        }
    }

    /// Whether somebody has switched off what an address gets by webhook since it was owed.
    pub(crate) fn is_off(&self, address: &Address) -> bool {
        match (address, &self.webhooks) {
            (Address::Webhook(slot), Some(webhooks)) => webhooks.is_off(*slot),
            _ => false,
        }
    }

    /// Who is responsible for a row or a page whose scenario does not say.
    pub(crate) fn owner(&self) -> Option<Owner> {
        self.owner.clone().or_else(|| Owner::new("operations"))
    }

    pub(crate) fn run_link(&self, run: &RunId) -> Option<Link> {
        self.run_url.as_ref()?.with(run.as_str())
    }

    pub(crate) fn case_link(&self, case: &CaseId) -> Option<Link> {
        self.case_url.as_ref()?.with(case.as_str())
    }
}
