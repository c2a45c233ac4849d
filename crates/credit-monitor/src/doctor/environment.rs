//! What variables tell, without what they hold.

use std::fmt;

use credit_core::Sha256;
use credit_notify::notion::DatabaseId;
use credit_notify::routing::{Slot, Webhooks};
use credit_notify::{SettingError, Token, WebhookUrl};
use credit_policy::Policy;

/// The variable of the bot's token.
pub const SLACK_BOT_TOKEN: &str = "SLACK_BOT_TOKEN";
/// The variable of Notion's token.
pub const NOTION_TOKEN: &str = "NOTION_TOKEN";

/// Which destinations are set up. It holds no token; a webhook's address is kept as a secret.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: Vec<Variable>,
    webhooks: Webhooks,
    databases: [Database; 2],
}

/// A variable, and whether it can be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub state: State,
}

/// What is in a variable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// Nobody set it.
    Unset,
    /// It is set to nothing.
    Empty,
    /// Something of the right form.
    Set {
        /// The last four digits of its SHA-256, by which two values can be told apart.
        mark: String,
    },
    /// Something of another form.
    Unusable(SettingError),
    /// Something that begins right and ends too early.
    CutShort,
    /// It names a file that cannot be read.
    Unreadable(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Unset => f.write_str("unset"),
            State::Empty => f.write_str("off (set to nothing)"),
            State::Set { mark } => write!(f, "set (SHA-256 ends in {mark})"),
            State::Unusable(_) | State::CutShort => f.write_str("set, but not usable"),
            State::Unreadable(_) => f.write_str("set, but not readable"),
        }
    }
}

/// A Notion database that rows are kept in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Database {
    /// `RUNS_LEDGER` or `CASES`.
    pub name: &'static str,
    /// The variable that names it; `None` where the policy itself does.
    pub variable: Option<String>,
    /// Whether it is named.
    pub state: State,
    /// Its id, if it is.
    pub id: Option<DatabaseId>,
}

impl Environment {
    /// Reads each variable by `value_of`: `None` where it is not set, an empty text where it is
    /// set to nothing, an error where it names a file that cannot be read. The policy may name
    /// the databases otherwise than by their usual variables.
    ///
    /// ```
    /// use credit_monitor::doctor::Environment;
    ///
    /// let environment = Environment::read(None, |name| {
    ///     Ok((name == "NOTION_TOKEN").then(|| "ntn_planted".to_owned()))
    /// });
    /// assert!(environment.state("NOTION_TOKEN").to_string().starts_with("set (SHA-256 ends in "));
    /// assert!(!format!("{environment:?}").contains("planted"));
    /// ```
    pub fn read(
        policy: Option<&Policy>,
        mut value_of: impl FnMut(&str) -> Result<Option<String>, String>,
    ) -> Environment {
        let mut variables = Vec::new();
        let mut usable = Vec::new();
        for slot in Slot::ALL {
            let name = slot.variable();
            let value = value_of(name);
            let state = state(&value, webhook);
            let kept = matches!(state, State::Empty | State::Set { .. });
            usable.extend(kept.then(|| (name, value.ok().flatten())));
            variables.push(variable(name, state));
        }
        let webhooks = Webhooks::read(|name| {
            let found = usable.iter().find(|(n, _)| *n == name);
            found.and_then(|(_, value)| value.clone())
        });
        for name in [SLACK_BOT_TOKEN, NOTION_TOKEN] {
            variables.push(variable(name, state(&value_of(name), token)));
        }
        let runs = policy.and_then(Policy::notion_runs_database);
        let cases = policy.and_then(Policy::notion_cases_database);
        let databases = [
            database(
                "RUNS_LEDGER",
                runs.unwrap_or("${NOTION_RUNS_LEDGER_DB_ID}"),
                &mut value_of,
            ),
            database(
                "CASES",
                cases.unwrap_or("${NOTION_CASES_DB_ID}"),
                &mut value_of,
            ),
        ];
        Environment {
            variables,
            // Only what was just found usable is in it.
            webhooks: webhooks.unwrap_or_else(|_| Webhooks::none()),
            databases,
        }
    }

    /// What is in a variable of Slack's or Notion's; unset for any other.
    pub fn state(&self, name: &str) -> &State {
        let found = self.variables.iter().find(|v| v.name == name);
        found.map_or(&State::Unset, |variable| &variable.state)
    }

    /// The variables of Slack and of Notion's token.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// RUNS_LEDGER and CASES.
    pub fn databases(&self) -> &[Database; 2] {
        &self.databases
    }

    /// Where alerts go by webhook.
    pub fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }
}

fn variable(name: &str, state: State) -> Variable {
    Variable {
        name: name.to_owned(),
        state,
    }
}

fn state(value: &Result<Option<String>, String>, form: fn(&str) -> Result<(), State>) -> State {
    let value = match value {
        Err(reason) => return State::Unreadable(reason.clone()),
        Ok(None) => return State::Unset,
        Ok(Some(value)) => value.trim(),
    };
    if value.is_empty() {
        return State::Empty;
    }
    match form(value) {
        Ok(()) => State::Set { mark: mark(value) },
        Err(state) => state,
    }
}

fn webhook(value: &str) -> Result<(), State> {
    let url: WebhookUrl = value.parse().map_err(State::Unusable)?;
    match url.is_cut_short() {
        true => Err(State::CutShort),
        false => Ok(()),
    }
}

fn token(value: &str) -> Result<(), State> {
    let token: Result<Token, _> = value.parse();
    token.map(|_| ()).map_err(State::Unusable)
}

fn mark(value: &str) -> String {
    let digest = Sha256::of(value.as_bytes()).to_string();
    let (_, mark) = digest.split_at(digest.len().saturating_sub(4));
    mark.to_owned()
}

/// A database as the policy spells it: its id, or `${NAME}` for the variable that holds it.
fn database(
    name: &'static str,
    spelled: &str,
    value_of: &mut impl FnMut(&str) -> Result<Option<String>, String>,
) -> Database {
    let variable = spelled
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let value = match variable {
        Some(variable) => value_of(variable),
        None => Ok(Some(spelled.to_owned())),
    };
    let form = |value: &str| {
        let id: Result<DatabaseId, _> = value.parse();
        id.map(|_| ()).map_err(State::Unusable)
    };
    let state = state(&value, form);
    let id = value.ok().flatten().and_then(|id| id.trim().parse().ok());
    Database {
        name,
        variable: variable.map(str::to_owned),
        state,
        id,
    }
}
