//! What must not be shown, and the addresses it is sent to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};

/// Why a setting cannot be used. The setting itself is never repeated: it may be a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// Nothing at all.
    #[error("is empty; leave it unset instead")]
    Empty,
    /// Not an address of the web.
    #[error("is not an address such as `https://host/path`")]
    NotAnAddress,
    /// Anybody on the way could read it.
    #[error("is not encrypted; use `https://` (`http://` is for a loopback address only)")]
    NotEncrypted,
    /// A character that a header cannot hold, often the line end of a file.
    #[error("holds a character that cannot be sent; remove spaces and line ends")]
    BadCharacter,
    /// Longer than any real one.
    #[error("is longer than 2000 characters")]
    TooLong,
    /// Not the form of such an id.
    #[error("is not an id of this kind; copy it from the page's address")]
    NotAnId,
    /// A name that would notify nobody.
    #[error(
        "is not the id of a user (`U…`) or a user group (`S…`); a name notifies nobody: write the \
         id, then the name, as in `S0123ABCD @oncall-o3`"
    )]
    NotAMention,
    /// Nothing can be sent encrypted.
    #[error("TLS cannot be set up")]
    NoTls,
    /// Not a channel.
    #[error("is not a channel such as `#ops-alerts` or `C0123ABCD`")]
    NotAChannel,
    /// An address of all runs or cases, and not of one.
    #[error("has no `{{id}}` in it, which stands for the run's or the case's id")]
    NoId,
}

/// The longest address that Slack and Notion both take.
const ADDRESS_MAX: usize = 2000;

/// The address of a Slack incoming webhook, which is its secret.
///
/// ```
/// use credit_notify::WebhookUrl;
///
/// let url: WebhookUrl = "https://hooks.slack.com/services/T0/B0/planted".parse()?;
/// assert_eq!(format!("{url:?}"), "WebhookUrl(***)");
/// assert!("http://hooks.slack.com/services/T0/B0/planted".parse::<WebhookUrl>().is_err());
/// # Ok::<(), credit_notify::SettingError>(())
/// ```
#[derive(Clone)]
pub struct WebhookUrl {
    uri: Uri,
    secret: SecretString,
}

impl WebhookUrl {
    /// Whether it begins as an address of Slack's and ends before its secret part, as happens when
    /// only a part of it is copied.
    ///
    /// ```
    /// use credit_notify::WebhookUrl;
    ///
    /// let cut: WebhookUrl = "https://hooks.slack.com/services/T0/B0".parse()?;
    /// assert!(cut.is_cut_short());
    /// let elsewhere: WebhookUrl = "https://chat.example/hooks/1".parse()?;
    /// assert!(!elsewhere.is_cut_short());
    /// # Ok::<(), credit_notify::SettingError>(())
    /// ```
    pub fn is_cut_short(&self) -> bool {
        let mut parts = self.uri.path().split('/').filter(|part| !part.is_empty());
        let is_slack = self
            .uri
            .host()
            .is_some_and(|host| host.starts_with("hooks.slack"));
        is_slack && matches!(parts.next(), None | Some("services")) && parts.count() < 3
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// What makes it a secret, where it is long enough to be one.
    pub(crate) fn last_segment(&self) -> &str {
        const LENGTH_MIN: usize = 8;
        let last = self.expose().rsplit('/').next().unwrap_or_default();
        if last.len() < LENGTH_MIN { "" } else { last }
    }
}

impl FromStr for WebhookUrl {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<WebhookUrl, SettingError> {
        Ok(WebhookUrl {
            uri: address(text)?,
            secret: text.into(),
        })
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl(***)")
    }
}

/// A bearer token.
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    secret: SecretString,
}

impl Token {
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    pub(crate) fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

impl FromStr for Token {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Token, SettingError> {
        if text.is_empty() {
            return Err(SettingError::Empty);
        }
        if text.len() > ADDRESS_MAX {
            return Err(SettingError::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SettingError::BadCharacter);
        }
        let mut header = HeaderValue::try_from(format!("Bearer {text}"))
            .map_err(|_| SettingError::BadCharacter)?;
        header.set_sensitive(true);
        Ok(Token {
            header,
            secret: text.into(),
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Where a service's methods begin, such as `https://slack.com/api`; another one than the
/// default for a gateway or a test server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BaseUrl(String);

impl BaseUrl {
    pub(crate) fn fixed(text: &'static str) -> BaseUrl {
        BaseUrl(text.to_owned())
    }

    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}/{path}", self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<BaseUrl, SettingError> {
        let uri = address(text)?;
        if uri.query().is_some() {
            return Err(SettingError::NotAnAddress);
        }
        Ok(BaseUrl(text.trim_end_matches('/').to_owned()))
    }
}

/// The address of a page that people may open; no secret.
///
/// ```
/// use credit_notify::Link;
///
/// assert!("https://example.org/runs/RUN-1".parse::<Link>().is_ok());
/// assert!("https://example.org/|<!channel>".parse::<Link>().is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link(String);

impl Link {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Link {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Link, SettingError> {
        let harmless = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'|' | b'`');
        if !text.bytes().all(harmless) {
            return Err(SettingError::BadCharacter);
        }
        parsed(text)?;
        Ok(Link(text.to_owned()))
    }
}

impl serde::Serialize for Link {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// An address to send secrets to: encrypted, or not leaving the machine.
fn address(text: &str) -> Result<Uri, SettingError> {
    let uri = parsed(text)?;
    let encrypted = uri.scheme_str() == Some("https");
    if encrypted || uri.host().is_some_and(is_loopback) {
        Ok(uri)
    } else {
        Err(SettingError::NotEncrypted)
    }
}

fn parsed(text: &str) -> Result<Uri, SettingError> {
    if text.is_empty() {
        return Err(SettingError::Empty);
    }
    if text.len() > ADDRESS_MAX {
        return Err(SettingError::TooLong);
    }
    let uri: Uri = text.parse().map_err(|_| SettingError::NotAnAddress)?;
    // The parser does not look at what is behind a `#`.
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(SettingError::BadCharacter);
    }
    let web = matches!(uri.scheme_str(), Some("https" | "http"));
    // A name before the host (`https://slack.com@elsewhere/`) is there to mislead.
    let plain = uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    let named = uri.host().is_some_and(|host| !host.is_empty());
    if web && plain && named {
        Ok(uri)
    } else {
        Err(SettingError::NotAnAddress)
    }
}

fn is_loopback(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
