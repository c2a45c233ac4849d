//! The asynchronous client `reqwest`.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Client, Error};
use rustls::{ClientConfig, RootCertStore};

use super::{BODY_MAX, Failure};
use crate::{Reason, SettingError};

/// `reqwest` for services that run on tokio, with TLS by rustls and Mozilla's root certificates.
///
/// It sends what [`slack::request`](crate::slack::request), [`notion::read`](crate::notion::read)
/// and [`notion::write`](crate::notion::write) make, and gives what the `interpret` functions
/// take; to a [`Failure`] the same words apply as to a blocking
/// [`Transport`](super::Transport)'s. It follows no redirect, keeps no connection, repeats
/// nothing by itself, and reads no variable of the environment.
///
/// ```no_run
/// use std::time::Duration;
///
/// use credit_notify::client::Reqwest;
/// use credit_notify::slack::{self, Message, Posted, Target};
/// use credit_notify::{Answer, WebhookUrl};
///
/// async fn post(client: &Reqwest, url: &WebhookUrl, text: &str) -> Answer<Option<Posted>> {
///     let target = Target::Webhook(url);
///     match client.send(slack::request(&target, &Message::plain(text))).await {
///         Ok(response) => slack::interpret(&target, response),
///         Err(failure) => failure.into(),
///     }
/// }
///
/// let client = Reqwest::new(Duration::from_secs(10))?;
/// # Ok::<(), credit_notify::SettingError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reqwest {
    client: Client,
}

impl Reqwest {
    /// A client that gives up after `patience`, all of a request and its answer included.
    ///
    /// # Errors
    /// [`SettingError::NoTls`] if encryption cannot be set up, which no input can cause.
    pub fn new(patience: Duration) -> Result<Reqwest, SettingError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls().ok_or(SettingError::NoTls)?)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(patience)
            .user_agent(concat!("credit-notify/", env!("CARGO_PKG_VERSION")))
            // A kept connection that the other side has closed would make a request that was
            // never sent look like one of unknown outcome.
            .pool_max_idle_per_host(0)
            .build();
        client
            .map(|client| Reqwest { client })
            .map_err(|_| SettingError::NoTls)
    }

    /// Sends a request and waits for its answer, whatever its status.
    ///
    /// # Errors
    /// [`Failure`], by whether the other side may have seen the request. Dropping the future
    /// before it is ready leaves that unknown, too.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let request = reqwest::Request::try_from(request).map_err(failure)?;
        let answer = self.client.execute(request).await.map_err(failure)?;
        let mut answer = answer;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(no_answer)? {
            if body.len() + part.len() > BODY_MAX {
                let reason = Reason::new("the answer is longer than any real one");
                return Err(Failure::NoAnswer(reason));
            }
            body.extend_from_slice(&part);
        }
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

fn tls() -> Option<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?;
    Some(config.with_root_certificates(roots).with_no_client_auth())
}

/// What surely happened before anything was sent, and everything else.
fn failure(error: Error) -> Failure {
    let reason = reason(&error);
    if error.is_builder() || error.is_connect() {
        Failure::NotSent(reason)
    } else {
        Failure::NoAnswer(reason)
    }
}

/// Once the head of an answer is there, the request was seen.
fn no_answer(error: Error) -> Failure {
    Failure::NoAnswer(reason(&error))
}

/// `reqwest` repeats the address, which may be a secret; its innermost cause does not.
fn reason(error: &Error) -> Reason {
    if error.is_builder() {
        return Reason::new("the address cannot be used");
    }
    if error.is_timeout() {
        return Reason::new("no answer in time");
    }
    let mut cause = error.source();
    while let Some(next) = cause.and_then(|cause| cause.source()) {
        cause = Some(next);
    }
    match cause {
        Some(cause) => match cause.downcast_ref::<io::Error>() {
            Some(error) => Reason::new(&error.kind().to_string()),
            None => Reason::new(&cause.to_string()),
        },
        None => Reason::new("the exchange failed"),
    }
}
