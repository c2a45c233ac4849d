//! Whether everything is there, readable and meant.

use credit_core::{Action, Deadlines, Severity, Timestamp};
use credit_governance::Role;
use credit_governance::audit::{Check, Finding};
use credit_notify::routing::{Audience, Route};
use credit_notify::slack::Channel;
use credit_policy::Policy;

use super::{
    AccessFault, Fault, NOTION_TOKEN, SLACK_BOT_TOKEN, SetupFacts, State, check, figure, finding,
};

pub(super) fn access(facts: &SetupFacts) -> Check {
    let findings = facts.access.iter().map(|fault| match fault {
        AccessFault::Missing(path) => finding(
            format!("{} is missing", path.display()),
            "nothing is there",
            "creditctl init, or name the right tree with --root",
        ),
        AccessFault::WrongKind(path) => finding(
            format!("{} is not what it should be", path.display()),
            "a file is where a folder should be, or the other way round",
            format!(
                "ls -ld {0}; move it away, then creditctl init",
                path.display()
            ),
        ),
        AccessFault::Link(path) => finding(
            format!("{} is a symbolic link", path.display()),
            "the ledger follows no links, so that nobody can lead it elsewhere",
            format!("ls -l {}; put the file itself in its place", path.display()),
        ),
        AccessFault::NotReadable(path) => finding(
            format!("{} cannot be read", path.display()),
            "this process may not",
            format!("chmod u+r {}", path.display()),
        ),
        AccessFault::NotWritable(path) => finding(
            format!("{} cannot be written", path.display()),
            "this process may not",
            format!("chmod u+w {}", path.display()),
        ),
        AccessFault::WritableByAll(path, mode) => finding(
            format!("everybody may write {}", path.display()),
            format!("its mode is {mode:04o}"),
            format!("chmod o-w {}", path.display()),
        ),
    });
    check(
        "access",
        "files and folders are there, usable by this process and not by everybody",
        findings,
    )
}

pub(super) fn policy(facts: &SetupFacts) -> Check {
    let findings = match &facts.policy {
        Err(fault) => vec![unusable(fault, "creditctl policy check")],
        Ok(facts) => {
            let warnings = facts.warnings.iter();
            warnings
                .map(|(what, remedy)| finding(what, remedy, "creditctl policy check"))
                .collect()
        }
    };
    check(
        "policy",
        "the policy is valid and nothing in it is in vain",
        findings,
    )
}

pub(super) fn baselines(facts: &SetupFacts, deadlines: &Deadlines, now: Timestamp) -> Check {
    let title = "baselines are there and recent";
    let baselines = match &facts.baselines {
        Ok(baselines) => baselines,
        Err(fault) => {
            let next = "creditctl baseline list";
            return check("baselines", title, [unusable(fault, next)]);
        }
    };
    let days = deadlines.stale_days;
    let stale = baselines
        .updated
        .iter()
        .filter(|(_, updated)| now >= updated.days_after(days));
    let stale = stale.map(|(scenario, updated)| {
        finding(
            format!("the baseline of {scenario} is older than {days} days"),
            format!("last updated at {updated}"),
            format!("creditctl baseline update --scenario {scenario}"),
        )
    });
    let odd = baselines.warnings.iter().map(|warning| {
        finding(
            "the baselines file has an entry that is not in force",
            warning,
            "creditctl baseline list; remove the entry that is ignored",
        )
    });
    let none = facts.has_runs == Some(true) && baselines.updated.is_empty();
    let none = none.then(|| {
        finding(
            "no scenario has a baseline, so that every run is suspicious",
            "the baselines file is empty and the ledger is not",
            "creditctl baseline update --all-stable",
        )
    });
    check("baselines", title, none.into_iter().chain(odd).chain(stale))
}

pub(super) fn operators(facts: &SetupFacts) -> Check {
    let found = match &facts.operators {
        Err(fault) => Some(unusable(fault, "creditctl init")),
        Ok(operators) => {
            let somebody_approves = operators.iter().any(|o| o.role == Role::O3);
            (!somebody_approves).then(|| {
                finding(
                    "nobody may approve anything",
                    "config/operators.json registers no O3",
                    "add {\"name\":…,\"role\":\"O3\"} to config/operators.json",
                )
            })
        }
    };
    check("operators", "somebody is registered who may approve", found)
}

pub(super) fn scenarios(facts: &SetupFacts) -> Check {
    let findings = facts.scenarios.iter().map(|fault| {
        let next = format!(
            "jq . {}; runs of the scenario are refused until then",
            fault.path.display()
        );
        unusable(fault, &next)
    });
    check("scenarios", "every scenario file can be used", findings)
}

pub(super) fn slack(facts: &SetupFacts) -> Check {
    let environment = &facts.environment;
    let variables = environment.variables();
    let slack = variables.iter().filter(|v| v.name.starts_with("SLACK_"));
    let mut findings: Vec<Finding> = Vec::new();
    for variable in slack.clone() {
        let form = match variable.name == SLACK_BOT_TOKEN {
            true => "xoxb-…",
            false => "https://hooks.slack.com/services/T…/B…/…",
        };
        findings.extend(wrong(&variable.name, &variable.state, form));
    }
    if let Ok(facts) = &facts.policy {
        let bot = matches!(environment.state(SLACK_BOT_TOKEN), State::Set { .. });
        for severity in Severity::ALL {
            let told = told(&facts.policy, *severity, bot, environment);
            findings.extend(told);
        }
    }
    let mut check = check("slack", "alerts have somewhere to go", findings);
    check.figures = slack
        .map(|v| figure(&v.name, v.state.to_string()))
        .collect();
    check
}

/// What is wrong with where alerts of a severity go, if the policy wants any.
fn told(
    policy: &Policy,
    severity: Severity,
    bot: bool,
    environment: &super::Environment,
) -> Option<Finding> {
    let actions = policy.actions(severity);
    let action = [Action::SlackEscalate, Action::SlackAlert];
    let action = action
        .into_iter()
        .find(|action| actions.contains(*action))?;
    let webhooks = environment.webhooks();
    let audience = Audience::Alert(severity);
    if !bot {
        let nowhere = webhooks.route(audience) == Route::Nowhere;
        return nowhere.then(|| {
            finding(
                format!("{severity} alerts go nowhere"),
                format!(
                    "the policy wants {action}, and neither SLACK_WEBHOOK_URL_{severity} nor \
                     SLACK_WEBHOOK_URL_DEFAULT nor {SLACK_BOT_TOKEN} is set"
                ),
                format!(
                    "export SLACK_WEBHOOK_URL_{severity}=https://hooks.slack.com/services/T…/B…/…, \
                     or set it to nothing to switch these alerts off"
                ),
            )
        });
    }
    let channel = policy.slack_channel(severity);
    let usable: Option<Result<Channel, _>> = channel.map(str::parse);
    if let Some(Err(error)) = usable {
        return Some(finding(
            format!("{severity} alerts cannot be posted"),
            format!("the policy's channel for them {error}"),
            "creditctl policy show; correct slack.channels",
        ));
    }
    let channel = usable.and_then(Result::ok);
    let nowhere = webhooks.route_to(audience, channel.as_ref()) == Route::Nowhere;
    nowhere.then(|| {
        finding(
            format!("{severity} alerts go nowhere"),
            format!("the policy wants {action}, and slack.channels names no channel for them"),
            "creditctl policy check",
        )
    })
}

pub(super) fn slack_bot(facts: &SetupFacts) -> Check {
    let findings = match &facts.bot {
        None => Vec::new(),
        Some(Err(reason)) => vec![finding(
            "the bot cannot be asked about",
            reason.as_str(),
            format!(
                "export {SLACK_BOT_TOKEN}=xoxb-…, as the app's page shows it under OAuth, then \
                 creditctl doctor --online"
            ),
        )],
        Some(Ok(bot)) => {
            let lacks = bot.lacks().into_iter();
            lacks
                .map(|scope| {
                    finding(
                        format!("the bot's token does not allow `{scope}`"),
                        format!("as Slack says of {} in {}", bot.user, bot.team),
                        format!(
                            "add the scope {scope} to the app under OAuth and install it again, \
                             then creditctl doctor --online"
                        ),
                    )
                })
                .collect()
        }
    };
    let title = "Slack knows the bot, and its token allows to post";
    let mut check = check("slack_bot", title, findings);
    match &facts.bot {
        Some(Ok(bot)) => check
            .figures
            .push(figure("bot", format!("{} in {}", bot.user, bot.team))),
        Some(Err(_)) => {}
        None => check
            .figures
            .push(figure("not asked", "creditctl doctor --online asks")),
    }
    check
}

pub(super) fn notion(facts: &SetupFacts) -> Check {
    let environment = &facts.environment;
    let token = environment.state(NOTION_TOKEN);
    let mut findings: Vec<Finding> = wrong(NOTION_TOKEN, token, "ntn_…").into_iter().collect();
    let databases = environment.databases();
    for database in databases {
        let name = database
            .variable
            .as_deref()
            .unwrap_or("the policy's id of the database");
        findings.extend(wrong(
            name,
            &database.state,
            "the 32 digits of the database's address",
        ));
    }
    let has_token = matches!(token, State::Set { .. });
    let named = |state: &State| matches!(state, State::Set { .. });
    for database in databases {
        let Some(variable) = &database.variable else {
            continue;
        };
        if has_token && database.state == State::Unset {
            findings.push(finding(
                format!("nothing is written to {}", database.name),
                format!("{NOTION_TOKEN} is set and {variable} is not"),
                format!("export {variable}=…, the 32 digits of the database's address"),
            ));
        }
    }
    if *token == State::Unset
        && databases
            .iter()
            .any(|d| d.variable.is_some() && named(&d.state))
    {
        findings.push(finding(
            "nothing is written to Notion",
            format!("a database is named and {NOTION_TOKEN} is not set"),
            format!("export {NOTION_TOKEN}=ntn_…"),
        ));
    }
    let mut check = check("notion", "Notion is set up whole or not at all", findings);
    check.figures.push(figure(NOTION_TOKEN, token.to_string()));
    for database in databases {
        let name = database.variable.as_deref().unwrap_or(database.name);
        check.figures.push(figure(name, database.state.to_string()));
    }
    check
}

pub(super) fn notion_schema(facts: &SetupFacts) -> Check {
    let mut findings = Vec::new();
    for database in facts.databases.iter().flatten() {
        match &database.lacks {
            Err(reason) => findings.push(finding(
                format!("{} cannot be looked at", database.name),
                reason.as_str(),
                "share the database with the integration, check its id and NOTION_TOKEN, then \
                 creditctl doctor --online",
            )),
            Ok(lacks) => findings.extend(lacks.iter().map(|lack| {
                let next = match lack {
                    credit_notify::notion::Lack::Missing { .. } => "creditctl notion schema",
                    _ => "change it in Notion, then creditctl doctor --online",
                };
                finding(
                    format!("{}: {lack}", database.name),
                    "as Notion shows its properties",
                    next,
                )
            })),
        }
    }
    let mut check = check(
        "notion_schema",
        "Notion's databases have the properties that rows need",
        findings,
    );
    if facts.databases.is_none() {
        check
            .figures
            .push(figure("not asked", "creditctl doctor --online asks"));
    }
    check
}

fn unusable(fault: &Fault, next: &str) -> Finding {
    finding(
        format!("{} cannot be used", fault.path.display()),
        &fault.reason,
        next,
    )
}

/// What is wrong with a variable; its value is never shown.
fn wrong(name: &str, state: &State, form: &str) -> Option<Finding> {
    let evidence = match state {
        State::Unset | State::Empty | State::Set { .. } => return None,
        State::Unusable(error) => format!("it {error}"),
        State::CutShort => {
            "it ends before its secret part; it was cut when it was copied".to_owned()
        }
        State::Unreadable(reason) => reason.clone(),
    };
    Some(finding(
        format!("{name} cannot be used"),
        evidence,
        format!("export {name}={form}"),
    ))
}
