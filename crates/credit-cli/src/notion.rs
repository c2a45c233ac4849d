//! The way to Notion, as the environment sets it up.

use std::time::Duration;

use credit_monitor::doctor::NOTION_TOKEN;
use credit_monitor::notify::client::{HttpNotion, Ureq};
use credit_monitor::notify::notion::{Access, ApiVersion, Connection};
use credit_monitor::notify::{BaseUrl, Token};

use crate::exit::{Exit, Failed};
use crate::settings::{unusable, value_of};

/// How long one request may take, its answer included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where Notion is reached instead of at its own address: through a gateway, or in a test.
const NOTION_BASE_URL: &str = "NOTION_BASE_URL";

/// A way to Notion with the access that `access` makes of the token.
pub(crate) fn client<A: Access>(access: fn(Token) -> A) -> anyhow::Result<HttpNotion<Ureq, A>> {
    let token = value_of(NOTION_TOKEN).map_err(unusable)?;
    let token = token.filter(|token| !token.is_empty()).ok_or(Failed {
        exit: Exit::Precondition,
        message: format!("{NOTION_TOKEN} is not set"),
        help: "set it to the integration's token, or NOTION_TOKEN_FILE to a file that holds it",
    })?;
    let token: Token = token
        .parse()
        .map_err(|e| unusable(format!("{NOTION_TOKEN} {e}")))?;
    let base = value_of(NOTION_BASE_URL).map_err(unusable)?;
    let base: Option<BaseUrl> = base
        .filter(|base| !base.is_empty())
        .map(|base| base.parse())
        .transpose()
        .map_err(|e| unusable(format!("{NOTION_BASE_URL} {e}")))?;
    let connection = Connection::new(access(token), base, ApiVersion::default());
    Ok(HttpNotion::new(Ureq::new(PATIENCE), connection))
}
