//! What Slack and Notion answer: whatever comes, there is one next step, only a success is done,
//! and a reason is one short line.

use credit_notify::notion::{
    interpret_found, interpret_page, interpret_resolved, interpret_schema,
};
use credit_notify::slack::{Bot, Channel, Target, interpret, interpret_permalink};
use credit_notify::{Answer, Reason, WebhookUrl};
use http::{HeaderValue, Response, StatusCode};

/// Two bytes make the status, the rest of their line `Retry-After`, and what follows is the body.
pub(crate) fn check(bytes: &[u8]) {
    let Some((status, rest)) = bytes.split_at_checked(2) else {
        return;
    };
    let number = status.iter().fold(0, |n, b| n << 8 | u16::from(*b));
    let mut line = rest.splitn(2, |b| *b == b'\n');
    let retry_after = line.next().unwrap_or_default();
    let body = line.next().unwrap_or_default();
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = StatusCode::from_u16(100 + number % 500).unwrap();
    if let Ok(value) = HeaderValue::from_bytes(retry_after) {
        response.headers_mut().insert("retry-after", value);
    }

    let url: WebhookUrl = "https://hooks.slack.com/services/T/B/x".parse().unwrap();
    let bot = Bot::new("xoxb-1".parse().unwrap(), None);
    let channel: Channel = "#c".parse().unwrap();
    let status = response.status();
    hold(status, interpret(&Target::Webhook(&url), response.clone()));
    hold(
        status,
        interpret(&Target::Channel(&bot, &channel), response.clone()),
    );
    hold(status, interpret_permalink(response.clone()));
    hold(status, interpret_page(response.clone()));
    hold(status, interpret_found(response.clone()));
    hold(status, interpret_resolved(response.clone()));
    hold(status, interpret_schema(response));
}

fn hold<T>(status: StatusCode, answer: Answer<T>) {
    let reason = match answer {
        Answer::Done(_) => {
            assert!(status.is_success());
            return;
        }
        Answer::Pause { reason, .. }
        | Answer::Retry { reason }
        | Answer::Unknown { reason }
        | Answer::Park { reason } => reason,
    };
    assert!(reason.as_str().chars().count() <= 300);
    assert!(!reason.as_str().contains(char::is_control));
    assert_eq!(Reason::new(reason.as_str()), reason);
}
