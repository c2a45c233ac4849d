//! What people set up for Slack and Notion: what is accepted can be sent to, a secret is shown
//! nowhere, and nothing escapes its place in a message.

use credit_monitor::UrlPattern;
use credit_notify::delivery::ItemId;
use credit_notify::notion::{DataSourceId, DatabaseId, PageId};
use credit_notify::slack::Channel;
use credit_notify::{BaseUrl, Link, Mention, Token, WebhookUrl};

const SECRET: &str = "0f1e2d3c4b5a";

pub(crate) fn check(text: &str) {
    // What was refused is no less secret than what was taken. Its text itself is not looked for: it
    // may be one that every message has.
    for secret in [
        text.to_owned(),
        format!("{text}{SECRET}"),
        format!("{SECRET}{text}"),
    ] {
        let shown = [
            shown(secret.parse::<WebhookUrl>()),
            shown(secret.parse::<Token>()),
        ];
        for shown in shown {
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }
    if text.parse::<WebhookUrl>().is_ok() || text.parse::<BaseUrl>().is_ok() {
        assert!(text.len() > "http://".len() && !text.contains(char::is_whitespace));
    }
    if let Ok(link) = text.parse::<Link>() {
        assert_eq!(link.as_str(), text);
        assert!(!text.contains(['<', '>', '|', ' ', '\n']));
    }
    if let Ok(pattern) = text.parse::<UrlPattern>() {
        assert!(!format!("{pattern:?}").is_empty());
    }
    if let Ok(mention) = text.parse::<Mention>() {
        let markup = mention.to_string();
        assert!(markup.starts_with('<') && markup.ends_with('>'));
        assert_eq!(markup.matches(['<', '>']).count(), 2);
    }
    if let Ok(channel) = text.parse::<Channel>() {
        assert_eq!(channel.to_string(), text);
    }
    if let Ok(item) = text.parse::<ItemId>() {
        assert_eq!(item.to_string(), text);
    }
    let ids = [
        text.parse::<DatabaseId>().map(|id| id.to_string()),
        text.parse::<DataSourceId>().map(|id| id.to_string()),
        text.parse::<PageId>().map(|id| id.to_string()),
    ];
    for id in ids.into_iter().flatten() {
        assert_eq!(id.len(), 36);
        assert_eq!(id.parse::<PageId>().unwrap().as_str(), id);
    }
}

fn shown<T: std::fmt::Debug, E: std::fmt::Debug + std::fmt::Display>(read: Result<T, E>) -> String {
    match read {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?} {error}"),
    }
}
