//! Where a message goes: from the policy's channels and the webhooks of the environment.
//!
//! The policy's actions decide whether anybody is told; this decides where. A webhook that is not
//! set falls back to the default one. One that is set and empty is switched off and falls back to
//! nothing: that is the runbook's kill switch.

use std::fmt;

use credit_core::Severity;
use serde::{Deserialize, Serialize};

use crate::slack::Channel;
use crate::{SettingError, WebhookUrl};

/// For whom a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// Those who hear of runs of this severity.
    Alert(Severity),
    /// Those who read the weekly review.
    Review,
    /// Those responsible for security.
    Security,
}

/// Which webhook, by the end of its variable's name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// `SLACK_WEBHOOK_URL_SEV0`.
    Sev0,
    /// `SLACK_WEBHOOK_URL_SEV1`.
    Sev1,
    /// `SLACK_WEBHOOK_URL_SEV2`, the review's too.
    Sev2,
    /// `SLACK_WEBHOOK_URL_SECURITY`.
    Security,
    /// `SLACK_WEBHOOK_URL_DEFAULT`.
    Default,
}

impl Slot {
    /// Every slot.
    pub const ALL: [Slot; 5] = [
        Slot::Sev0,
        Slot::Sev1,
        Slot::Sev2,
        Slot::Security,
        Slot::Default,
    ];

    /// The variable that holds its address.
    pub const fn variable(self) -> &'static str {
        match self {
            Slot::Sev0 => "SLACK_WEBHOOK_URL_SEV0",
            Slot::Sev1 => "SLACK_WEBHOOK_URL_SEV1",
            Slot::Sev2 => "SLACK_WEBHOOK_URL_SEV2",
            Slot::Security => "SLACK_WEBHOOK_URL_SECURITY",
            Slot::Default => "SLACK_WEBHOOK_URL_DEFAULT",
        }
    }

    const fn of(audience: Audience) -> Slot {
        match audience {
            Audience::Alert(Severity::Sev0) => Slot::Sev0,
            Audience::Alert(Severity::Sev1) => Slot::Sev1,
            Audience::Alert(Severity::Sev2) | Audience::Review => Slot::Sev2,
            Audience::Alert(Severity::Sev3 | Severity::Sev4) => Slot::Default,
            Audience::Security => Slot::Security,
        }
    }
}

/// Where a message is posted, without the secret that it takes. Order and pace are kept per
/// address.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// By a webhook.
    Webhook(Slot),
    /// In a channel, by a bot.
    Channel(Channel),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Webhook(slot) => f.write_str(slot.variable()),
            Address::Channel(channel) => channel.fmt(f),
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Route {
    /// It goes here.
    To(Address),
    /// Somebody switched this off, and it is to be recorded as suppressed.
    Off(Slot),
    /// Nothing is configured for it, and nothing is owed.
    Nowhere,
}

/// One webhook's setting.
#[derive(Clone, Debug)]
enum Setting {
    Unset,
    Off,
    On(WebhookUrl),
}

/// The webhooks, as the environment sets them.
#[derive(Clone, Debug)]
pub struct Webhooks([Setting; 5]);

impl Webhooks {
    /// Reads each variable by `value_of`: `None` where it is not set, an empty text where it is set
    /// to nothing.
    ///
    /// ```
    /// use credit_core::Severity;
    /// use credit_notify::routing::{Address, Audience, Route, Slot, Webhooks};
    ///
    /// let webhooks = Webhooks::read(|variable| match variable {
    ///     "SLACK_WEBHOOK_URL_SEV1" => Some(String::new()),
    ///     "SLACK_WEBHOOK_URL_DEFAULT" => Some("https://hooks.slack.com/services/T/B/x".to_owned()),
    ///     _ => None,
    /// })?;
    /// let default = Route::To(Address::Webhook(Slot::Default));
    /// assert_eq!(webhooks.route(Audience::Alert(Severity::Sev0)), default);
    /// assert_eq!(webhooks.route(Audience::Alert(Severity::Sev1)), Route::Off(Slot::Sev1));
    /// # Ok::<(), credit_notify::routing::WebhooksError>(())
    /// ```
    ///
    /// # Errors
    /// The variable that holds something else than an address, and what is wrong with it.
    pub fn read(
        mut value_of: impl FnMut(&'static str) -> Option<String>,
    ) -> Result<Webhooks, WebhooksError> {
        let mut webhooks = Webhooks::none();
        for (slot, setting) in Slot::ALL.into_iter().zip(&mut webhooks.0) {
            let variable = slot.variable();
            *setting = match value_of(variable).as_deref().map(str::trim) {
                None => Setting::Unset,
                Some("") => Setting::Off,
                Some(url) => match url.parse() {
                    Ok(url) => Setting::On(url),
                    Err(source) => return Err(WebhooksError { variable, source }),
                },
            };
        }
        Ok(webhooks)
    }

    /// No webhook at all.
    pub fn none() -> Webhooks {
        Webhooks(Slot::ALL.map(|_| Setting::Unset))
    }

    /// Where a message for this audience goes by webhook.
    pub fn route(&self, audience: Audience) -> Route {
        let slot = Slot::of(audience);
        match (self.setting(slot), self.setting(Slot::Default)) {
            (Setting::Off, _) => Route::Off(slot),
            (Setting::On(url), _) | (Setting::Unset, Setting::On(url)) => {
                Route::To(Address::Webhook(self.first_with(url)))
            }
            (Setting::Unset, Setting::Off) => Route::Off(Slot::Default),
            (Setting::Unset, Setting::Unset) => Route::Nowhere,
        }
    }

    /// Where a message for this audience goes by a bot: to `channel`, unless a webhook's variable
    /// switches it off.
    pub fn route_to(&self, audience: Audience, channel: Option<&Channel>) -> Route {
        let slot = Slot::of(audience);
        match (self.setting(slot), self.setting(Slot::Default), channel) {
            (Setting::Off, ..) => Route::Off(slot),
            (Setting::Unset, Setting::Off, _) => Route::Off(Slot::Default),
            (.., Some(channel)) => Route::To(Address::Channel(channel.clone())),
            (.., None) => Route::Nowhere,
        }
    }

    /// Whether somebody has set a webhook's variable to nothing, so that nothing goes there.
    pub fn is_off(&self, slot: Slot) -> bool {
        matches!(self.setting(slot), Setting::Off)
    }

    /// Whether a webhook's variable is set, be it to nothing.
    pub fn is_set(&self, slot: Slot) -> bool {
        !matches!(self.setting(slot), Setting::Unset)
    }

    pub(crate) fn url(&self, slot: Slot) -> Option<&WebhookUrl> {
        match self.setting(slot) {
            Setting::On(url) => Some(url),
            Setting::Off | Setting::Unset => None,
        }
    }

    /// Slots with the same address are one channel, whose order and pace are kept together.
    fn first_with(&self, url: &WebhookUrl) -> Slot {
        let same = |slot: &Slot| self.url(*slot).is_some_and(|u| u.expose() == url.expose());
        Slot::ALL.into_iter().find(same).unwrap_or(Slot::Default)
    }

    fn setting(&self, slot: Slot) -> &Setting {
        let settings = Slot::ALL.iter().zip(&self.0);
        let found = settings.into_iter().find(|(s, _)| **s == slot);
        found.map_or(&Setting::Unset, |(_, setting)| setting)
    }
}

/// A webhook's variable that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{variable} cannot be used")]
pub struct WebhooksError {
    /// Which.
    pub variable: &'static str,
    /// What is wrong with it.
    #[source]
    pub source: SettingError,
}
