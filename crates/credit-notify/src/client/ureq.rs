//! The blocking client `ureq`.

use std::io;
use std::time::Duration;

use http::{Request, Response};
use ureq::tls::TlsConfig;
use ureq::{Agent, Error, Timeout};

use super::{BODY_MAX, Failure, Transport};
use crate::Reason;

/// `ureq` as a [`Transport`], with TLS by rustls and Mozilla's root certificates.
///
/// The variables of the environment that name a proxy are not read: set-up comes from arguments
/// only.
///
/// ```
/// use std::time::Duration;
///
/// use credit_notify::client::{HttpNotion, Ureq};
/// use credit_notify::notion::{ApiVersion, Connection, ReadAccess};
///
/// let access = ReadAccess("ntn_secret".parse()?);
/// let connection = Connection::new(access, None, ApiVersion::default());
/// let notion = HttpNotion::new(Ureq::new(Duration::from_secs(10)), connection);
/// # Ok::<(), credit_notify::SettingError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ureq {
    agent: Agent,
}

impl Ureq {
    /// A client that gives up after `patience`, all of a request and its answer included.
    pub fn new(patience: Duration) -> Ureq {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .tls_config(TlsConfig::default())
            .timeout_global(Some(patience))
            .user_agent(concat!("credit-notify/", env!("CARGO_PKG_VERSION")))
            // A kept connection that the other side has closed would make a request that was
            // never sent look like one of unknown outcome.
            .max_idle_connections(0)
            .build();
        Ureq {
            agent: config.new_agent(),
        }
    }
}

impl Transport for Ureq {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let has_body = !request.body().is_empty();
        let (head, body) = request.into_parts();
        // An empty text would be sent as a body, which a GET must not have.
        let answer = if has_body {
            self.agent.run(Request::from_parts(head, body))
        } else {
            self.agent.run(Request::from_parts(head, ()))
        };
        let (head, mut body) = answer.map_err(failure)?.into_parts();
        let read = body.with_config().limit(BODY_MAX as u64).read_to_vec();
        let body = read.map_err(|error| Failure::NoAnswer(reason(&error)))?;
        Ok(Response::from_parts(head, body))
    }
}

/// What surely happened before anything was sent, and everything else.
fn failure(error: Error) -> Failure {
    let reason = reason(&error);
    match error {
        Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            Failure::NotSent(reason)
        }
        Error::Timeout(Timeout::Resolve | Timeout::Connect)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::BadUri(_)
        | Error::Http(_)
        | Error::Tls(_) => Failure::NotSent(reason),
        _ => Failure::NoAnswer(reason),
    }
}

/// `BadUri` repeats the address, which may be a secret.
fn reason(error: &Error) -> Reason {
    match error {
        Error::BadUri(_) => Reason::new("the address cannot be used"),
        other => Reason::new(&other.to_string()),
    }
}
