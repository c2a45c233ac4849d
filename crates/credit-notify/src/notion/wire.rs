//! Notion's HTTP, without a client: requests and what their answers mean.

use std::collections::BTreeMap;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    Access, Connection, DataSourceId, DatabaseId, Page, PageId, PageRef, Properties, Schema,
    WriteAccess,
};
use crate::wire::{bytes, retry_after, uri};
use crate::{Answer, Reason};

/// A question to Notion. It changes nothing and may be repeated.
#[derive(Clone, Copy, Debug)]
pub enum Read<'a> {
    /// Which data sources a database has: [`interpret_resolved`].
    Resolve(&'a DatabaseId),
    /// Which properties a data source has: [`interpret_schema`].
    Schema(&'a DataSourceId),
    /// The pages with this title, at most two: [`interpret_found`].
    Find {
        /// Where.
        source: &'a DataSourceId,
        /// The name of the title property.
        property: &'a str,
        /// The whole title.
        title: &'a str,
    },
    /// One page: [`interpret_page`].
    Page(&'a PageId),
}

/// A change in Notion: [`interpret_page`].
#[derive(Clone, Copy, Debug)]
pub enum Write<'a> {
    /// Creates a page. After any failure, look for its title before this is sent again.
    Create {
        /// Where.
        source: &'a DataSourceId,
        /// What.
        page: &'a Page,
    },
    /// Sets properties. The same values may be sent again.
    Update {
        /// Which page.
        page: &'a PageId,
        /// Its new values.
        properties: &'a Properties,
    },
    /// Locks or unlocks a page for people who edit in Notion. May be sent again.
    Lock {
        /// Which page.
        page: &'a PageId,
        /// Whether it shall be locked.
        locked: bool,
    },
}

/// The request that asks `what`.
pub fn read<A: Access>(connection: &Connection<A>, what: &Read<'_>) -> Request<Vec<u8>> {
    match what {
        Read::Resolve(id) => get(connection, &format!("v1/databases/{id}")),
        Read::Schema(id) => get(connection, &format!("v1/data_sources/{id}")),
        Read::Page(id) => get(connection, &format!("v1/pages/{id}")),
        Read::Find {
            source,
            property,
            title,
        } => {
            let query = Query {
                filter: Filter {
                    property,
                    title: Equals { equals: title },
                },
                // Two tell that a title is not unique.
                page_size: 2,
            };
            let path = format!("v1/data_sources/{source}/query");
            send(connection, Method::POST, &path, bytes(&query))
        }
    }
}

/// The request that changes `what`.
///
/// ```
/// use credit_notify::Answer;
/// use credit_notify::notion::{
///     ApiVersion, Connection, PageId, Write, WriteAccess, interpret_page, write,
/// };
///
/// let access = WriteAccess("ntn_secret".parse()?);
/// let connection = Connection::new(access, None, ApiVersion::default());
/// let page: PageId = "668d797c76fa49349b05ad288df2d136".parse()?;
/// let request = write(&connection, &Write::Lock { page: &page, locked: true });
/// assert_eq!(request.body(), br#"{"is_locked":true}"#);
///
/// // Any client sends it; what comes back says what to do next.
/// let gone = http::Response::builder().status(404).body(Vec::new())?;
/// assert!(matches!(interpret_page(gone), Answer::Park { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(connection: &Connection<WriteAccess>, what: &Write<'_>) -> Request<Vec<u8>> {
    match what {
        Write::Create { source, page } => {
            let body = Create {
                parent: Parent {
                    kind: "data_source_id",
                    data_source_id: source,
                },
                properties: page.properties(),
            };
            send(connection, Method::POST, "v1/pages", bytes(&body))
        }
        Write::Update { page, properties } => {
            patch(connection, page, bytes(&Update { properties }))
        }
        Write::Lock { page, locked } => {
            patch(connection, page, bytes(&Lock { is_locked: *locked }))
        }
    }
}

/// The request that adds properties to a data source, whose answer [`interpret_schema`] reads.
///
/// A property that is there already would get another type, and what is in it might become
/// unreadable: send only what was just found missing ([`Schema::addable`]).
///
/// ```
/// use credit_notify::notion::{
///     ApiVersion, Connection, DataSourceId, Schema, WriteAccess, add_properties,
/// };
///
/// let access = WriteAccess("ntn_secret".parse()?);
/// let connection = Connection::new(access, None, ApiVersion::default());
/// let source: DataSourceId = "668d797c76fa49349b05ad288df2d136".parse()?;
/// let missing = Schema::found([("Severity".to_owned(), "select".to_owned())]);
/// let request = add_properties(&connection, &source, &missing);
/// assert_eq!(request.body(), br#"{"properties":{"Severity":{"select":{}}}}"#);
/// # Ok::<(), credit_notify::SettingError>(())
/// ```
pub fn add_properties(
    connection: &Connection<WriteAccess>,
    source: &DataSourceId,
    properties: &Schema,
) -> Request<Vec<u8>> {
    let configured = |(name, kind)| (name, BTreeMap::from([(kind, Empty {})]));
    let body = AddProperties {
        properties: properties.iter().map(configured).collect(),
    };
    let path = format!("v1/data_sources/{source}");
    send(connection, Method::PATCH, &path, bytes(&body))
}

/// The one data source of a database. Several are an error that names them: which one is meant is
/// for the operator to say.
pub fn interpret_resolved(response: Response<Vec<u8>>) -> Answer<DataSourceId> {
    interpret::<Database>(&response).and_then(|database| match database.data_sources.as_slice() {
        [only] => Answer::Done(only.id.clone()),
        [] => Answer::Park {
            reason: Reason::new("the database has no data source the integration can see"),
        },
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|s| format!("{} ({})", s.name, s.id))
                .collect();
            let names = names.join(", ");
            Answer::Park {
                reason: Reason::new(&format!(
                    "the database has several data sources, give the id of one: {names}"
                )),
            }
        }
    })
}

/// The properties of a data source and their types.
pub fn interpret_schema(response: Response<Vec<u8>>) -> Answer<Schema> {
    interpret::<DataSource>(&response).map(|source| {
        let kinds = source.properties.into_iter();
        Schema::found(kinds.map(|(name, property)| (name, property.kind)))
    })
}

/// The pages that were found; two mean that a title is not unique.
pub fn interpret_found(response: Response<Vec<u8>>) -> Answer<Vec<PageRef>> {
    interpret::<Found>(&response).and_then(|found| {
        // An answer that was cut short must not pass for "there is none".
        if found.request_status.is_some_and(|s| s.kind == "incomplete") {
            let reason = Reason::new("Notion did not search all rows");
            return Answer::Retry { reason };
        }
        Answer::Done(found.results.into_iter().map(PageRef::from).collect())
    })
}

/// The page that was read, created or changed.
pub fn interpret_page(response: Response<Vec<u8>>) -> Answer<PageRef> {
    interpret::<PageObject>(&response).map(PageRef::from)
}

fn interpret<T: DeserializeOwned>(response: &Response<Vec<u8>>) -> Answer<T> {
    let status = response.status();
    if status.is_success() {
        return match serde_json::from_slice(response.body()) {
            Ok(object) => Answer::Done(object),
            Err(_) => Answer::Unknown {
                reason: Reason::new(&format!("{status}, but no answer of Notion's")),
            },
        };
    }
    let error: ErrorObject = serde_json::from_slice(response.body()).unwrap_or_default();
    let ErrorObject { code, message } = error;
    let reason = Reason::new(&format!("Notion: {status} {code} {message}"));
    match status.as_u16() {
        429 | 529 => Answer::Pause {
            wait: retry_after(response),
            reason,
        },
        409 => Answer::Retry { reason },
        408 | 500.. => Answer::Unknown { reason },
        _ => Answer::Park { reason },
    }
}

fn get<A: Access>(connection: &Connection<A>, path: &str) -> Request<Vec<u8>> {
    send(connection, Method::GET, path, Vec::new())
}

fn patch(connection: &Connection<WriteAccess>, page: &PageId, body: Vec<u8>) -> Request<Vec<u8>> {
    send(connection, Method::PATCH, &format!("v1/pages/{page}"), body)
}

fn send<A: Access>(
    connection: &Connection<A>,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Request<Vec<u8>> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri(&connection.base, path);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, connection.access.token().header());
    headers.insert(
        "notion-version",
        HeaderValue::from_static(connection.version.as_str()),
    );
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

#[derive(Serialize)]
struct Query<'a> {
    filter: Filter<'a>,
    page_size: u8,
}

#[derive(Serialize)]
struct Filter<'a> {
    property: &'a str,
    title: Equals<'a>,
}

#[derive(Serialize)]
struct Equals<'a> {
    equals: &'a str,
}

#[derive(Serialize)]
struct Create<'a> {
    parent: Parent<'a>,
    properties: &'a Properties,
}

#[derive(Serialize)]
struct Parent<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    data_source_id: &'a DataSourceId,
}

#[derive(Serialize)]
struct Update<'a> {
    properties: &'a Properties,
}

#[derive(Serialize)]
struct Lock {
    is_locked: bool,
}

#[derive(Serialize)]
struct AddProperties<'a> {
    properties: BTreeMap<&'a str, BTreeMap<&'a str, Empty>>,
}

/// A type's configuration, all of which may be left out.
#[derive(Serialize)]
struct Empty {}

#[derive(Deserialize)]
struct Database {
    data_sources: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: DataSourceId,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct DataSource {
    properties: BTreeMap<String, Property>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<PageObject>,
    request_status: Option<RequestStatus>,
}

#[derive(Deserialize)]
struct RequestStatus {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct PageObject {
    id: PageId,
    url: Option<String>,
    is_locked: Option<bool>,
}

impl From<PageObject> for PageRef {
    fn from(page: PageObject) -> PageRef {
        PageRef {
            id: page.id,
            // An address that cannot be shown is none.
            url: page.url.and_then(|url| url.parse().ok()),
            is_locked: page.is_locked,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorObject {
    code: String,
    message: String,
}
