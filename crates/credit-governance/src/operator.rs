//! Operators, their roles, and what each role may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{About, Refused, Verb, What};

/// An operator's role; each may do what the one before it may.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Role {
    /// Viewer: reads run artifacts and verifies them; changes nothing, holds no secrets.
    O1,
    /// Read operator: queries, reports, investigates and proposes.
    O2,
    /// Approver: approves what others proposed.
    O3,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::O1 => "O1",
            Role::O2 => "O2",
            Role::O3 => "O3",
        })
    }
}

impl FromStr for Role {
    type Err = OperatorsError;

    fn from_str(text: &str) -> Result<Role, OperatorsError> {
        match text {
            "O1" => Ok(Role::O1),
            "O2" => Ok(Role::O2),
            "O3" => Ok(Role::O3),
            _ => Err(OperatorsError::Role {
                value: text.chars().take(40).collect(),
            }),
        }
    }
}

/// Who acts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Actor {
    /// The automation's service identity.
    Service,
    /// A registered operator.
    Operator(Operator),
}

impl Actor {
    /// The name that events carry.
    pub fn name(&self) -> &str {
        match self {
            Actor::Service => "service",
            Actor::Operator(operator) => &operator.name,
        }
    }

    /// The role; a service has none.
    pub fn role(&self) -> Option<Role> {
        match self {
            Actor::Service => None,
            Actor::Operator(operator) => Some(operator.role),
        }
    }

    /// Whether this actor may do `verb`.
    ///
    /// # Errors
    /// [`Denied::Role`], naming what is required.
    pub fn may(&self, verb: Verb) -> Result<(), Denied> {
        let allowed = match self {
            Actor::Service => verb.open_to_service(),
            Actor::Operator(operator) => operator.role >= verb.requires(),
        };
        if allowed {
            return Ok(());
        }
        Err(Denied::Role {
            name: self.name().to_owned(),
            role: self.role(),
            verb,
        })
    }
}

/// Why something was refused to somebody.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The role is too low.
    #[error("`{name}` ({}) may not {verb}; it needs {}", RoleOrNone(*role), verb.requires())]
    Role {
        /// Who asked.
        name: String,
        /// With which role; a service has none.
        role: Option<Role>,
        /// For what.
        verb: Verb,
    },
    /// One person wants to decide what takes two.
    #[error("{verb} takes somebody who proposes and somebody else who approves")]
    Alone {
        /// For what.
        verb: Verb,
    },
    /// A yes to one thing was shown for another.
    #[error("an approval to {approved} does not allow to {needed}")]
    OtherVerb {
        /// What was approved.
        approved: Verb,
        /// What was to be done.
        needed: Verb,
    },
    /// The approver is the proposer.
    #[error("`{name}` proposed this and cannot approve it; another O3 must")]
    OwnProposal {
        /// Who asked.
        name: String,
        /// For what.
        verb: Verb,
    },
}

impl Denied {
    /// What was asked for.
    pub const fn verb(&self) -> Verb {
        match self {
            Denied::Role { verb, .. }
            | Denied::Alone { verb }
            | Denied::OwnProposal { verb, .. } => *verb,
            Denied::OtherVerb { needed, .. } => *needed,
        }
    }

    /// The denial as something that happened: a denial is recorded, too.
    ///
    /// ```
    /// use credit_governance::{About, Actor, Event, Verb};
    ///
    /// let ops = Actor::Operator("ops-2:O2".parse()?);
    /// let denied = ops.may(Verb::AdoptPolicy).unwrap_err();
    /// let event = Event::new("2025-01-31T10:00:00Z".parse()?, &ops, denied.what(About::Everything));
    /// assert!(event.to_json().contains(r#""verb":"adopt_policy","requires":"O3""#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn what(&self, about: About) -> What {
        What::Refused(Refused {
            verb: self.verb(),
            requires: self.verb().requires(),
            about,
        })
    }
}

struct RoleOrNone(Option<Role>);

impl fmt::Display for RoleOrNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(role) => role.fmt(f),
            None => f.write_str("the service identity"),
        }
    }
}

/// A registered operator.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// The name, 1 to 64 of `A-Z a-z 0-9 . _ -`, a letter or digit first.
    pub name: String,
    /// The role.
    pub role: Role,
}

impl Operator {
    /// As it stands among the operators of the file.
    ///
    /// ```
    /// use credit_governance::Operator;
    ///
    /// let operator: Operator = "ops-2:O2".parse()?;
    /// assert_eq!(operator.to_json(), r#"{"name":"ops-2","role":"O2"}"#);
    /// # Ok::<(), credit_governance::OperatorsError>(())
    /// ```
    pub fn to_json(&self) -> String {
        // Strings and words always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// `NAME:ROLE`, such as `ops-2:O2`.
impl FromStr for Operator {
    type Err = OperatorsError;

    fn from_str(text: &str) -> Result<Operator, OperatorsError> {
        let (name, role) = text.split_once(':').ok_or_else(|| OperatorsError::Form {
            value: text.chars().take(80).collect(),
        })?;
        check_name(name)?;
        Ok(Operator {
            name: name.to_owned(),
            role: role.parse()?,
        })
    }
}

/// The registry of operators: the file `config/operators.json`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Operators {
    operators: Vec<Operator>,
}

impl Operators {
    /// A registry of these operators.
    ///
    /// # Errors
    /// A bad name, or one given twice.
    pub fn new(operators: Vec<Operator>) -> Result<Operators, OperatorsError> {
        for (i, operator) in operators.iter().enumerate() {
            check_name(&operator.name)?;
            if operators.iter().take(i).any(|o| o.name == operator.name) {
                return Err(OperatorsError::Twice {
                    name: operator.name.clone(),
                });
            }
        }
        Ok(Operators { operators })
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// Anything but `{"operators":[{"name":…,"role":"O1"|"O2"|"O3"}]}` with distinct names.
    pub fn parse(text: &str) -> Result<Operators, OperatorsError> {
        let read: Operators = serde_json::from_str(text)?;
        Operators::new(read.operators)
    }

    /// The file's text.
    ///
    /// ```
    /// use credit_governance::Operators;
    ///
    /// let operators = Operators::new(vec!["lead-3:O3".parse()?])?;
    /// assert_eq!(Operators::parse(&operators.to_json())?, operators);
    /// # Ok::<(), credit_governance::OperatorsError>(())
    /// ```
    pub fn to_json(&self) -> String {
        // Strings and words always serialize.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The registered operators, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Operator> {
        self.operators.iter()
    }

    /// The registered operator of that name, as an actor.
    ///
    /// # Errors
    /// [`OperatorsError::Unknown`], naming who is registered.
    pub fn actor(&self, name: &str) -> Result<Actor, OperatorsError> {
        match self.operators.iter().find(|o| o.name == name) {
            Some(operator) => Ok(Actor::Operator(operator.clone())),
            None => Err(OperatorsError::Unknown {
                name: name.chars().take(80).collect(),
                registered: self.operators.iter().map(|o| o.name.clone()).collect(),
            }),
        }
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), OperatorsError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let starts_well = name
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_alphanumeric);
    // `service` is what events call the automation itself.
    if starts_well && name.len() <= 64 && name.bytes().all(allowed) && name != "service" {
        return Ok(());
    }
    Err(OperatorsError::Name {
        value: name.chars().take(80).collect(),
    })
}

/// What is wrong with an operator or the registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorsError {
    /// Not the file's form.
    #[error("operators: {0}")]
    Json(#[from] serde_json::Error),
    /// Not `NAME:ROLE`.
    #[error("operator {value:?} must have the form NAME:ROLE, such as ops-2:O2")]
    Form {
        /// What was given.
        value: String,
    },
    /// An unsafe name.
    #[error(
        "operator name {value:?} must be 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, and not `service`"
    )]
    Name {
        /// What was given.
        value: String,
    },
    /// Not a role.
    #[error("role {value:?} must be O1, O2 or O3")]
    Role {
        /// What was given.
        value: String,
    },
    /// The same name twice.
    #[error("operator `{name}` is registered twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// Nobody of that name.
    #[error(
        "operator {name:?} is not registered in config/operators.json; {}",
        known(registered)
    )]
    Unknown {
        /// Who was named.
        name: String,
        /// Who is registered.
        registered: Vec<String>,
    },
}

fn known(registered: &[String]) -> String {
    match registered {
        [] => r#"nobody is: add {"name":…,"role":…} to its operators"#.to_owned(),
        names => format!("registered are: {}", names.join(", ")),
    }
}
