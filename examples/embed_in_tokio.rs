//! How does a service on tokio watch its jobs and tell Slack without blocking?
//!
//! `cargo run --example embed_in_tokio` talks to a Slack of its own on loopback.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use credit_examples::now;
use credit_monitor::core::{Credits, Run, Status, Timestamp};
use credit_monitor::notify::client::Reqwest;
use credit_monitor::notify::slack::{Message, Target, interpret, request};
use credit_monitor::notify::{Alert, Answer, Links, WebhookUrl};
use credit_monitor::{Monitor, Outcome, Tree};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinSet, spawn_blocking};

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let told = runtime.block_on(serve(Tree::new(folder.path()), now()))?;
    writeln!(io::stdout().lock(), "{}", told.join("\n"))?;
    Ok(())
}

/// The service: what it tells about each job, in order, and what its Slack heard.
pub(crate) async fn serve(tree: Tree, now: Timestamp) -> anyhow::Result<Vec<String>> {
    let slack = TcpListener::bind("127.0.0.1:0").await?;
    let url: WebhookUrl = format!("http://{}/services/T0/B0/x", slack.local_addr()?).parse()?;
    let heard = tokio::spawn(hear(slack, 2));

    Monitor::init(&tree, Vec::new(), now)?;
    let monitor = Arc::new(Monitor::open(&tree, now)?);
    let client = Reqwest::new(Duration::from_secs(5))?;
    let mut jobs = JoinSet::new();
    for id in ["R-1", "R-2"] {
        let (scenario, credits) = ("EXPORT".parse()?, Credits::whole(10).context("too much")?);
        let run = Run::new(id.parse()?, scenario, now, Status::Success, credits);
        jobs.spawn(finish(
            Arc::clone(&monitor),
            client.clone(),
            url.clone(),
            run,
            now,
        ));
    }
    let mut told = Vec::new();
    while let Some(job) = jobs.join_next().await {
        told.push(job??);
    }
    told.sort();
    told.extend(heard.await??);
    Ok(told)
}

/// What happens to a finished run: kept first, told second.
async fn finish(
    monitor: Arc<Monitor>,
    client: Reqwest,
    url: WebhookUrl,
    run: Run,
    now: Timestamp,
) -> anyhow::Result<String> {
    // Keeping a run ends with a sync of the disk: a thread for what blocks does that.
    let outcome: Outcome = spawn_blocking(move || monitor.observe(run, now)).await??;
    let id = &outcome.verdict.run_id;
    let Some(alert) = &outcome.alert else {
        return Ok(format!("{id}: kept"));
    };
    // Whatever comes of it, the run is durable; a service that must not lose an alert uses the
    // outbox instead of sending once.
    Ok(match tell(&client, &url, alert).await {
        Answer::Done(_) => format!("{id}: kept, and told"),
        Answer::Pause { reason, .. } | Answer::Retry { reason } => {
            format!("{id}: kept, to be told later: {reason}")
        }
        Answer::Unknown { reason } => format!("{id}: kept, perhaps told: {reason}"),
        Answer::Park { reason } => format!("{id}: kept, for a person to tell: {reason}"),
    })
}

/// Requests and answers are values: any client carries them.
async fn tell(client: &Reqwest, url: &WebhookUrl, alert: &Alert) -> Answer<()> {
    let target = Target::Webhook(url);
    let message = Message::alert(alert, &Links::default(), &[]);
    match client.send(request(&target, &message)).await {
        Ok(response) => interpret(&target, response).map(|_| ()),
        Err(failure) => failure.into(),
    }
}

/// A Slack that takes so many messages and says what it heard.
async fn hear(listener: TcpListener, messages: usize) -> anyhow::Result<Vec<String>> {
    let mut heard = Vec::new();
    while heard.len() < messages {
        let (mut stream, _) = listener.accept().await?;
        let mut request = Vec::new();
        while !is_whole(&request) {
            let read = stream.read_buf(&mut request).await?;
            anyhow::ensure!(read > 0, "the client went away");
        }
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer.as_bytes()).await?;
        heard.push(format!("Slack heard {} bytes", request.len()));
    }
    Ok(heard)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.to_ascii_lowercase();
    let length = length.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}
