//! Who is told, by whom: destinations and clients, from the settings.

use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::time::Duration;

use credit_monitor::doctor::SLACK_BOT_TOKEN;
use credit_monitor::notify::client::{BotSlack, HttpNotion, Ureq, WebhookSlack};
use credit_monitor::notify::delivery::Rules;
use credit_monitor::notify::notion::{ApiVersion, Connection, DatabaseId, Owner, WriteAccess};
use credit_monitor::notify::routing::{Webhooks, WebhooksError};
use credit_monitor::notify::slack::{Bot, Channel};
use credit_monitor::notify::{BaseUrl, Mention, Notion, Slack, SlackThreads, Token};
use credit_monitor::policy::Policy;
use credit_monitor::{BotChannels, Destinations, Senders};

use crate::exit::Failed;
use crate::settings::{unusable, value_of};

/// Where Slack is reached instead of at its own address: through a gateway, or in a test.
const SLACK_BASE_URL: &str = "SLACK_BASE_URL";

/// Seconds.
const DAY: u64 = 86_400;

/// Destinations, and the clients that reach them.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) destinations: Destinations,
    pub(crate) patience: Patience,
    tokens: Tokens,
}

/// How long this process waits for others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For one request, its answer included.
    pub(crate) request: Duration,
    /// For delivering what a run or a report owes, before it is left to `notify drain`; nothing
    /// where it is left to that at once.
    pub(crate) attempt: Duration,
}

#[derive(Debug)]
struct Tokens {
    bot: Option<(Token, Option<BaseUrl>)>,
    notion: Option<(Token, Option<BaseUrl>)>,
}

/// The clients, as far as they are set up.
#[derive(Debug)]
pub(crate) struct Clients {
    slack: Option<WebhookSlack<Ureq>>,
    threads: Option<BotSlack<Ureq>>,
    notion: Option<HttpNotion<Ureq, WriteAccess>>,
}

impl Clients {
    pub(crate) fn senders(&self) -> Senders<'_> {
        Senders {
            slack: self.slack.as_ref().map(|slack| slack as &dyn Slack),
            threads: self.threads.as_ref().map(|bot| bot as &dyn SlackThreads),
            notion: self.notion.as_ref().map(|notion| notion as &dyn Notion),
        }
    }
}

impl Outgoing {
    /// What the settings say; the policy may name databases otherwise than by their variables.
    pub(crate) fn read(policy: &Policy) -> Result<Outgoing, Failed> {
        let bot = access(SLACK_BOT_TOKEN, SLACK_BASE_URL)?;
        let notion = access("NOTION_TOKEN", "NOTION_BASE_URL")?;
        let database = |named: Option<&str>, usual: &str| match &notion {
            // Without a token nothing can be told, and nothing is owed.
            None => Ok(None),
            Some(_) => database(named, usual),
        };
        let security =
            || Ok(parsed("SLACK_SECURITY_CHANNEL")?.or_else(|| channel("#security-incidents")));
        let destinations = Destinations {
            webhooks: webhooks()?,
            bot: match &bot {
                None => None,
                Some(_) => Some(BotChannels {
                    security: security()?,
                }),
            },
            runs: database(policy.notion_runs_database(), "NOTION_RUNS_LEDGER_DB_ID")?,
            cases: database(policy.notion_cases_database(), "NOTION_CASES_DB_ID")?,
            owner: text("CREDIT_OWNER")?.and_then(|name| Owner::new(&name)),
            on_call: mentions("SLACK_MENTION_ONCALL")?,
            leads: mentions("SLACK_MENTION_LEADS")?,
            security: mentions("SLACK_MENTION_SECURITY")?,
            run_url: parsed("CREDIT_RUN_URL")?,
            case_url: parsed("CREDIT_CASE_URL")?,
            rules: rules()?,
        };
        Ok(Outgoing {
            destinations,
            patience: patience()?,
            tokens: Tokens { bot, notion },
        })
    }

    /// The clients; none of them gives up sooner than `patience`, or later than a request may take.
    pub(crate) fn clients(&self, patience: Option<Duration>) -> Clients {
        let request = self.patience.request;
        let client = || Ureq::new(patience.unwrap_or(request).min(request));
        let webhooks = self.destinations.webhooks.clone();
        Clients {
            slack: webhooks.map(|webhooks| WebhookSlack::new(client(), webhooks)),
            threads: self
                .tokens
                .bot
                .clone()
                .map(|(token, base)| BotSlack::new(client(), Bot::new(token, base))),
            notion: self.tokens.notion.clone().map(|(token, base)| {
                let access = WriteAccess(token);
                let connection = Connection::new(access, base, ApiVersion::default());
                HttpNotion::new(client(), connection)
            }),
        }
    }
}

/// The bot, where there is one, for questions about it.
pub(crate) fn bot() -> Result<Option<BotSlack<Ureq>>, Failed> {
    let client = Ureq::new(patience()?.request);
    let access = access(SLACK_BOT_TOKEN, SLACK_BASE_URL)?;
    Ok(access.map(|(token, base)| BotSlack::new(client, Bot::new(token, base))))
}

/// How patient delivery is; what is not set is as usual.
fn rules() -> Result<Rules, Failed> {
    let usual = Rules::default();
    let seconds = |name, usual, most| number(name, 1, most).map(|n| n.unwrap_or(usual));
    let rules = Rules {
        backoff_seconds_min: seconds("CREDIT_BACKOFF_SECONDS_MIN", usual.backoff_seconds_min, DAY)?,
        backoff_seconds_max: seconds("CREDIT_BACKOFF_SECONDS_MAX", usual.backoff_seconds_max, DAY)?,
        storm_alerts_max: match number("CREDIT_STORM_ALERTS_MAX", 1, 1_000)? {
            Some(most) => usize::try_from(most).unwrap_or(usize::MAX),
            None => usual.storm_alerts_max,
        },
        storm_window_seconds: seconds(
            "CREDIT_STORM_WINDOW_SECONDS",
            usual.storm_window_seconds,
            3_600,
        )?,
        // Another one for each process: the standard library seeds its hashes from the system.
        jitter_seed: RandomState::new().hash_one(()),
    };
    if rules.backoff_seconds_max < rules.backoff_seconds_min {
        return Err(unusable(format!(
            "CREDIT_BACKOFF_SECONDS_MAX is {} and CREDIT_BACKOFF_SECONDS_MIN {}, which must not be \
             more",
            rules.backoff_seconds_max, rules.backoff_seconds_min
        )));
    }
    Ok(rules)
}

fn patience() -> Result<Patience, Failed> {
    let request = number("CREDIT_REQUEST_SECONDS", 1, 60)?.unwrap_or(10);
    let attempt = number("CREDIT_ATTEMPT_SECONDS", 0, 60)?.unwrap_or(1);
    Ok(Patience {
        request: Duration::from_secs(request),
        attempt: Duration::from_secs(attempt),
    })
}

fn number(name: &str, least: u64, most: u64) -> Result<Option<u64>, Failed> {
    let wrong = || {
        unusable(format!(
            "{name} is not a whole number from {least} to {most}"
        ))
    };
    match text(name)? {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(wrong()),
        },
    }
}

/// `None` where no variable is set at all.
fn webhooks() -> Result<Option<Webhooks>, Failed> {
    let mut unreadable = None;
    let mut is_any_set = false;
    let webhooks = Webhooks::read(|variable| match value_of(variable) {
        Ok(value) => {
            is_any_set |= value.is_some();
            value
        }
        Err(reason) => {
            unreadable.get_or_insert(reason);
            None
        }
    });
    if let Some(reason) = unreadable {
        return Err(unusable(reason));
    }
    let webhooks = webhooks
        .map_err(|WebhooksError { variable, source }| unusable(format!("{variable} {source}")))?;
    Ok(is_any_set.then_some(webhooks))
}

/// A token and where its service is reached, if not at its own address.
fn access(token: &str, base: &str) -> Result<Option<(Token, Option<BaseUrl>)>, Failed> {
    match parsed(token)? {
        None => Ok(None),
        Some(token) => Ok(Some((token, parsed(base)?))),
    }
}

/// A database's id as the policy names it: by itself, or by a variable as `${NAME}`.
fn database(named: Option<&str>, usual: &str) -> Result<Option<DatabaseId>, Failed> {
    let variable = match named {
        None => usual,
        Some(named) => match named.strip_prefix("${").and_then(|n| n.strip_suffix('}')) {
            Some(variable) => variable,
            None => {
                let id = named.parse();
                return id.map(Some).map_err(|e| {
                    unusable(format!("the policy's `notion.databases`: {named} {e}"))
                });
            }
        },
    };
    parsed(variable)
}

fn mentions(name: &str) -> Result<Vec<Mention>, Failed> {
    let Some(text) = text(name)? else {
        return Ok(Vec::new());
    };
    text.split(',')
        .map(|mention| mention.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|e| unusable(format!("{name} {e}")))
}

fn channel(name: &str) -> Option<Channel> {
    name.parse().ok()
}

fn parsed<T: FromStr<Err: Display>>(name: &str) -> Result<Option<T>, Failed> {
    text(name)?
        .map(|text| text.parse().map_err(|e| unusable(format!("{name} {e}"))))
        .transpose()
}

/// What is set, and not to nothing.
fn text(name: &str) -> Result<Option<String>, Failed> {
    let value = value_of(name).map_err(unusable)?;
    Ok(value.filter(|value| !value.is_empty()))
}
