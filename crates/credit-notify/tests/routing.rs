//! Every combination of unset, empty and set webhooks.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use credit_core::Severity;
use credit_notify::SettingError;
use credit_notify::routing::{Address, Audience, Route, Slot, Webhooks};
use credit_notify::slack::Channel;

const AUDIENCES: [(Audience, Slot); 7] = [
    (Audience::Alert(Severity::Sev0), Slot::Sev0),
    (Audience::Alert(Severity::Sev1), Slot::Sev1),
    (Audience::Alert(Severity::Sev2), Slot::Sev2),
    (Audience::Alert(Severity::Sev3), Slot::Default),
    (Audience::Alert(Severity::Sev4), Slot::Default),
    (Audience::Review, Slot::Sev2),
    (Audience::Security, Slot::Security),
];

/// The webhooks with these two set to something, each with an address of its own.
fn webhooks(slot: Slot, own: Option<&str>, default: Option<&str>) -> Webhooks {
    Webhooks::read(|variable| {
        let value = if variable == Slot::Default.variable() {
            default
        } else if variable == slot.variable() {
            own
        } else {
            None
        };
        value.map(|v| {
            if v.is_empty() {
                String::new()
            } else {
                format!("https://{v}.example/s")
            }
        })
    })
    .unwrap()
}

#[test]
fn unset_falls_to_the_default_and_empty_is_off() {
    let default = || Route::To(Address::Webhook(Slot::Default));
    for (audience, slot) in AUDIENCES {
        let route = |own, default| webhooks(slot, own, default).route(audience);
        let own = || Route::To(Address::Webhook(slot));
        assert_eq!(route(None, None), Route::Nowhere);
        assert_eq!(route(None, Some("")), Route::Off(Slot::Default));
        assert_eq!(route(None, Some("d")), default());
        if slot == Slot::Default {
            continue;
        }
        assert_eq!(route(Some(""), Some("d")), Route::Off(slot), "{audience:?}");
        assert_eq!(route(Some(""), None), Route::Off(slot));
        assert_eq!(route(Some("o"), Some("d")), own());
        assert_eq!(route(Some("o"), Some("")), own());
        assert_eq!(route(Some("o"), None), own());
    }
}

#[test]
fn a_bot_s_channels_are_switched_off_by_the_same_variables() {
    let channel: Channel = "#ops-alerts".parse().unwrap();
    for (audience, slot) in AUDIENCES {
        let route = |own, default| webhooks(slot, own, default).route_to(audience, Some(&channel));
        let there = || Route::To(Address::Channel(channel.clone()));
        assert_eq!(route(None, None), there());
        assert_eq!(route(None, Some("")), Route::Off(Slot::Default));
        if slot != Slot::Default {
            assert_eq!(route(Some(""), Some("d")), Route::Off(slot));
            assert_eq!(route(Some("o"), Some("")), there());
        }
        assert_eq!(
            webhooks(slot, None, None).route_to(audience, None),
            Route::Nowhere
        );
    }
}

#[test]
fn webhooks_with_one_address_are_one_channel() {
    let same = |_| Some("https://hooks.slack.com/services/T/B/x".to_owned());
    let webhooks = Webhooks::read(same).unwrap();
    for (audience, _) in AUDIENCES {
        assert_eq!(
            webhooks.route(audience),
            Route::To(Address::Webhook(Slot::Sev0))
        );
    }
}

#[test]
fn a_wrong_address_names_its_variable_and_not_itself() {
    for (value, fault) in [
        ("hooks.slack.com/planted", SettingError::NotAnAddress),
        ("https://planted@evil.example/", SettingError::NotAnAddress),
        ("http://example.org/planted", SettingError::NotEncrypted),
        ("ftp://example.org/planted", SettingError::NotAnAddress),
    ] {
        let error = Webhooks::read(|v| (v == "SLACK_WEBHOOK_URL_SEV1").then(|| value.to_owned()))
            .unwrap_err();
        assert_eq!(error.source, fault, "{value}");
        let shown = format!("{error} {error:?} {}", error.source);
        assert!(shown.contains("SLACK_WEBHOOK_URL_SEV1") && !shown.contains("planted"));
    }
}
