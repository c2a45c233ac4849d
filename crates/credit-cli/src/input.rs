//! Runs from a file: one JSON object, an array, or JSON Lines; gzip too.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context as _;
use credit_monitor::core::json::{Object, line_of};
use credit_monitor::core::{ParsedRun, Run};
use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;

/// A whole input, and where its runs are.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: Vec<u8>,
}

/// One place in an input where a run should be: its text, if it is text, and its first line.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    bytes: &'a [u8],
    line: usize,
    /// What is wrong before it is even read as a run.
    broken: Option<String>,
}

/// A record that is not taken, and why.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

impl Input {
    /// Reads a file, or standard input for `-`, unpacking gzip.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Input> {
        let mut bytes = Vec::new();
        if path == Path::new("-") {
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .context("reading standard input")?;
        } else {
            bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        }
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(bytes.as_slice())
                .read_to_end(&mut unpacked)
                .with_context(|| format!("unpacking {}", path.display()))?;
            bytes = unpacked;
        }
        Ok(Input { bytes })
    }

    /// The places where runs should be, in order.
    pub(crate) fn slots(&self) -> Vec<Slot<'_>> {
        match self.bytes.iter().find(|b| !b.is_ascii_whitespace()) {
            None => Vec::new(),
            Some(b'[') => self.array(),
            Some(_) if self.is_one_document() => vec![Slot::new(&self.bytes, 1)],
            Some(_) => self.lines(),
        }
    }

    fn array(&self) -> Vec<Slot<'_>> {
        let broken = |line, reason| {
            vec![Slot {
                bytes: &self.bytes,
                line,
                broken: Some(reason),
            }]
        };
        let text = match std::str::from_utf8(&self.bytes) {
            Ok(text) => text,
            Err(e) => return broken(line_at(&self.bytes, e.valid_up_to()), NOT_UTF8.to_owned()),
        };
        match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(items) => items
                .into_iter()
                .map(|item| Slot::new(item.get().as_bytes(), line_of(text, item.get())))
                .collect(),
            Err(e) => {
                let reason = format!("not a whole JSON array, so none of its runs is read: {e}");
                broken(e.line(), reason)
            }
        }
    }

    /// Whether the text is one object over several lines rather than an object a line. A broken
    /// text counts as lines as soon as one of them is an object by itself: the good ones are kept.
    fn is_one_document(&self) -> bool {
        let Ok(text) = std::str::from_utf8(&self.bytes) else {
            return false;
        };
        if text.trim_end().lines().count() <= 1 {
            return true;
        }
        match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => true,
            Err(_) => !text.lines().any(|line| Object::parse(line).is_ok()),
        }
    }

    fn lines(&self) -> Vec<Slot<'_>> {
        let lines = self.bytes.split(|b| *b == b'\n').enumerate();
        lines
            .filter(|(_, bytes)| !bytes.iter().all(u8::is_ascii_whitespace))
            .map(|(i, bytes)| Slot::new(bytes, i + 1))
            .collect()
    }
}

const NOT_UTF8: &str = "not UTF-8; convert the file, for example with iconv";

impl<'a> Slot<'a> {
    fn new(bytes: &'a [u8], line: usize) -> Slot<'a> {
        Slot {
            bytes,
            line,
            broken: None,
        }
    }

    /// The line of the input it starts in.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The run, or what is wrong with it, with the line of the input.
    pub(crate) fn parse(&self) -> Result<ParsedRun, Refused> {
        let wrong = |line: usize, reason: &dyn std::fmt::Display| Refused {
            line,
            reason: reason.to_string(),
        };
        if let Some(reason) = &self.broken {
            return Err(wrong(self.line, reason));
        }
        if self.bytes.starts_with(b"\xef\xbb\xbf") {
            let reason = "starts with a byte order mark (EF BB BF); save the file as plain UTF-8";
            return Err(wrong(self.line, &reason));
        }
        if let Some(at) = self.bytes.iter().position(|b| *b == b'\r') {
            let line = self.line + line_at(self.bytes, at) - 1;
            let reason = "contains a carriage return; convert the line ends from CR LF to LF, for \
                          example with `tr -d '\\r'`";
            return Err(wrong(line, &reason));
        }
        let text = std::str::from_utf8(self.bytes).map_err(|e| {
            wrong(
                self.line + line_at(self.bytes, e.valid_up_to()) - 1,
                &NOT_UTF8,
            )
        })?;
        Run::parse(text).map_err(|e| wrong(self.line + e.line - 1, &e.reason()))
    }
}

/// The line of `bytes`, counted from 1, that contains the byte at `offset`.
fn line_at(bytes: &[u8], offset: usize) -> usize {
    let before = bytes.get(..offset).unwrap_or(bytes);
    1 + before.iter().filter(|b| **b == b'\n').count()
}
