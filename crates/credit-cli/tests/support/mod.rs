//! What the tests of the command line share: a tree in a temporary directory, the real binary, a
//! shell, and arithmetic of their own.

#![allow(
    dead_code,
    reason = "each test file is a program of its own and uses a part"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use credit_monitor::core::Sha256;
use credit_monitor::core::json::Object;
use serde_json::Value;

/// The variables that change what `creditctl` does; a test sets them itself.
const VARIABLES: [&str; 20] = [
    "CREDIT_ROOT",
    "CREDIT_OPERATOR",
    "CREDIT_BASELINES_PATH",
    "CREDENTIALS_DIRECTORY",
    "CREDITCTL_LOG",
    "CREDIT_ATTEMPT_SECONDS",
    "CREDIT_BACKOFF_SECONDS_MAX",
    "CREDIT_BACKOFF_SECONDS_MIN",
    "CREDIT_REQUEST_SECONDS",
    "CREDIT_STORM_ALERTS_MAX",
    "CREDIT_STORM_WINDOW_SECONDS",
    "SLACK_WEBHOOK_URL_SEV0",
    "SLACK_WEBHOOK_URL_SEV1",
    "SLACK_WEBHOOK_URL_SEV2",
    "SLACK_WEBHOOK_URL_SECURITY",
    "SLACK_WEBHOOK_URL_DEFAULT",
    "SLACK_BOT_TOKEN",
    "NOTION_TOKEN",
    "NOTION_RUNS_LEDGER_DB_ID",
    "NOTION_CASES_DB_ID",
];

/// A file or folder of real traces; `None`, loudly, where they are not at hand.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let path = Path::new(root).join(name);
    if path.exists() {
        return Some(path);
    }
    // Not by `eprintln!`, which the test harness keeps to itself where a test passes.
    let told = writeln!(
        std::io::stderr(),
        "SKIPPED: {} is not there; this test needs the real traces",
        path.display()
    );
    told.unwrap();
    None
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    what: String,
}

impl Done {
    fn new(what: String, output: Output) -> Done {
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            what,
        }
    }

    /// The same, if it ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Done {
        assert_eq!(self.code, code, "{self}");
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Done {
        self.code(0)
    }

    /// The same, if standard error says all of this.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Done {
        for part in parts {
            assert!(self.stderr.contains(part), "wanted {part:?} in\n{self}");
        }
        self
    }

    /// Standard output, each line as JSON.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    /// The last line of standard error as JSON.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let last = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {self}"))
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "`{}` ended with {}", self.what, self.code)?;
        writeln!(f, "--- stdout\n{}", excerpt(&self.stdout))?;
        write!(f, "--- stderr\n{}", excerpt(&self.stderr))
    }
}

fn excerpt(text: &str) -> String {
    text.lines().take(40).map(|l| format!("{l}\n")).collect()
}

/// A tree of files for one test.
pub(crate) struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    /// An empty directory to be.
    pub(crate) fn bare() -> Tree {
        Tree {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// With the operators ops-1 (O1), ops-2 (O2), lead-3 and lead-4 (O3).
    pub(crate) fn new() -> Tree {
        // What `init` writes, from one run of it: syncing it anew for every row of a table would
        // take longer than all else.
        static CONFIG: OnceLock<Vec<(&str, String)>> = OnceLock::new();
        let config = CONFIG.get_or_init(|| {
            let tree = Tree::initialised();
            let read = |path| (path, tree.read(path));
            [POLICY, BASELINES, OPERATORS].map(read).into()
        });
        let tree = Tree::bare();
        fs::create_dir_all(tree.path("config/scenarios")).unwrap();
        for (path, content) in config {
            tree.write(path, content);
        }
        tree
    }

    fn initialised() -> Tree {
        let tree = Tree::bare();
        let mut args = vec!["init"];
        for operator in ["ops-1:O1", "ops-2:O2", "lead-3:O3", "lead-4:O3"] {
            args.extend(["--operator", operator]);
        }
        tree.ctl(args).ok();
        tree
    }

    /// The root is not the temporary directory itself, so that whatever climbs out of it is found.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Writes a file of the tree, or one beside it for a path that starts with `../`.
    pub(crate) fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = match relative.strip_prefix("../") {
            Some(name) => self.dir.path().join(name),
            None => self.path(relative),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// `creditctl` with this root.
    pub(crate) fn ctl(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Done {
        self.ctl_in(args, "")
    }

    /// The same with something on standard input.
    pub(crate) fn ctl_in(
        &self,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        input: impl Into<Vec<u8>>,
    ) -> Done {
        let root = self.root();
        let args = [OsStr::new("--root").to_owned(), root.into_os_string()]
            .into_iter()
            .chain(args.into_iter().map(|a| a.as_ref().to_owned()));
        creditctl(args, &[], self.dir.path(), input)
    }

    /// Keeps runs given as lines of JSON; the file lies outside the tree.
    #[track_caller]
    pub(crate) fn ingest(&self, lines: impl AsRef<[u8]>) -> Done {
        let file = self.write("../runs.jsonl", lines);
        self.ctl(["ingest".as_ref(), file.as_os_str()])
    }

    /// A script in the root, as an operator types it; `creditctl` is on the path.
    pub(crate) fn sh(&self, script: &str) -> Done {
        let jq = Command::new("jq").arg("--version").output();
        assert!(
            jq.is_ok_and(|o| o.status.success()),
            "jq is missing: the runbook's queries need it; apt-get install jq"
        );
        let bin = Path::new(CREDITCTL).parent().unwrap();
        let mut command = Command::new("sh");
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let path = "/usr/local/bin:/usr/bin:/bin";
        command
            .args(["-c", script])
            .current_dir(self.root())
            .env("PATH", format!("{}:{path}", bin.display()));
        Done::new(script.to_owned(), command.output().unwrap())
    }

    /// The ledger's text.
    pub(crate) fn ledger(&self) -> String {
        self.read(LEDGER)
    }

    /// The ledger's lines as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap();
        self.ledger().lines().map(parse).collect()
    }

    /// The ledger's line of a run as JSON.
    #[track_caller]
    pub(crate) fn line_of(&self, run_id: &str) -> Value {
        let mut lines = self.lines();
        lines.retain(|l| l["Run_ID"] == run_id);
        assert_eq!(lines.len(), 1, "lines of {run_id}");
        lines.remove(0)
    }

    /// Every file below the root with the hash of its content.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        collect(&self.root(), &self.root(), &mut files);
        files
    }

    /// Every file and folder with content and time of change: equal only if nothing was written.
    pub(crate) fn untouched(&self) -> BTreeMap<PathBuf, (String, std::time::SystemTime)> {
        let stamp = |(path, hash): (PathBuf, String)| {
            let time = fs::metadata(self.root().join(&path)).unwrap().modified();
            (path, (hash, time.unwrap()))
        };
        self.files().into_iter().map(stamp).collect()
    }

    /// Whether these bytes occur in any file of the tree or in any name.
    pub(crate) fn mentions(&self, needle: &str) -> bool {
        let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
        self.files().keys().any(|path| {
            let file = self.root().join(path);
            holds(path.as_os_str().as_encoded_bytes())
                || (file.is_file() && holds(&fs::read(file).unwrap()))
        })
    }

    /// What lies beside the root in the temporary directory.
    pub(crate) fn beside(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "root")
            .collect();
        names.sort();
        names
    }
}

pub(crate) const LEDGER: &str = "runs/CREDIT_MONITORING/ledger.jsonl";
pub(crate) const BASELINES: &str = "config/credit-baselines.json";
pub(crate) const OPERATORS: &str = "config/operators.json";
pub(crate) const POLICY: &str = "config/sintraprime-policy.json";
const CREDITCTL: &str = env!("CARGO_BIN_EXE_creditctl");

/// The real binary, in a directory, with these variables and nothing else of ours.
pub(crate) fn creditctl(
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: &[(&str, &str)],
    dir: &Path,
    input: impl Into<Vec<u8>>,
) -> Done {
    let args: Vec<_> = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
    let mut command = assert_cmd::Command::new(CREDITCTL);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
        .args(&args)
        .envs(variables.iter().copied())
        .current_dir(dir)
        .write_stdin(input);
    let shown: Vec<_> = args.iter().map(|a| a.to_string_lossy()).collect();
    Done::new(
        format!("creditctl {}", shown.join(" ")),
        command.output().unwrap(),
    )
}

fn collect(root: &Path, dir: &Path, files: &mut BTreeMap<PathBuf, String>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_owned();
        if path.is_dir() {
            files.insert(name, "folder".to_owned());
            collect(root, &path, files);
        } else {
            // A lock file tells who held the lock last, also where nothing came of it.
            let lock = path.extension().is_some_and(|e| e == "lock");
            let content = if lock {
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            files.insert(name, sha256(content));
        }
    }
}

pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::of(bytes.as_ref()).to_string()
}

/// That two pictures of a tree are the same; tells only the files that differ.
#[track_caller]
pub(crate) fn assert_same<T: PartialEq + std::fmt::Debug>(
    before: &BTreeMap<PathBuf, T>,
    now: &BTreeMap<PathBuf, T>,
) {
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let differ = |name: &&&PathBuf| before.get(**name) != now.get(**name);
    let differing: Vec<_> = names.iter().filter(differ).collect();
    assert!(differing.is_empty(), "changed: {differing:?}");
}

/// The keys of an object in the order in which they are written.
#[track_caller]
pub(crate) fn keys(json: &str) -> Vec<String> {
    let object = Object::parse(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    object.iter().map(|(key, _)| key.to_owned()).collect()
}

/// A run as one line of JSON; later members replace earlier ones of the same key.
pub(crate) fn run(id: &str, credits: impl std::fmt::Display, members: &[(&str, &str)]) -> String {
    let mut all: Vec<(String, String)> = Vec::new();
    let (id, credits) = (format!("\"{id}\""), credits.to_string());
    let given = [
        ("Run_ID", id.as_str()),
        ("Timestamp", "\"2024-01-23T10:00:00Z\""),
        ("Scenario_ID", "\"BINDER_EXPORT_WEEKLY\""),
        ("Job_Type", "\"BINDER_EXPORT\""),
        ("Status", "\"Success\""),
        ("Credits_Total", credits.as_str()),
    ];
    for (key, value) in given.iter().chain(members) {
        match all.iter_mut().find(|(k, _)| k == key) {
            Some((_, v)) => *v = (*value).to_owned(),
            None => all.push(((*key).to_owned(), (*value).to_owned())),
        }
    }
    let all: Vec<String> = all.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
    format!("{{{}}}\n", all.join(","))
}

/// A baselines file with these medians, calculated from ten runs each.
pub(crate) fn baselines(medians: &[(&str, &str)]) -> String {
    let time = "2024-01-01T00:00:00Z";
    let entry = |(id, median): &(&str, &str)| {
        format!(
            r#"{{"scenario_id":"{id}","median_credits":{median},"calculated_at":"{time}","sample_size":10,"last_updated":"{time}"}}"#
        )
    };
    let entries: Vec<String> = medians.iter().map(entry).collect();
    let entries = entries.join(",");
    format!(r#"{{"version":"1.0.0","updated_at":"{time}","baselines":[{entries}]}}"#)
}

// Arithmetic of the tests' own: decimal text to whole numbers, never through a float.

/// Micro-credits of a plain decimal number, rounded half to even.
pub(crate) fn micro(token: &str) -> i128 {
    let (whole, fraction) = token.split_once('.').unwrap_or((token, ""));
    assert!(
        format!("{whole}{fraction}")
            .bytes()
            .all(|b| b.is_ascii_digit()),
        "{token} is no plain decimal"
    );
    let kept = format!("{fraction:0<6}");
    let (kept, rest) = kept.split_at(6);
    let units: i128 = format!("{whole}{kept}").parse().unwrap();
    let rest = rest.trim_end_matches('0');
    let up = match rest.cmp("5") {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => units % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    units + i128::from(up)
}

/// The median: of an even number the mean of the middle two, rounded half to even.
pub(crate) fn median(mut micro: Vec<i128>) -> i128 {
    micro.sort_unstable();
    let middle = micro.len() / 2;
    if micro.len() % 2 == 1 {
        return micro[middle];
    }
    let sum = micro[middle - 1] + micro[middle];
    sum / 2 + i128::from(sum % 4 == 3)
}

/// `12.3456` as `12.35`, a half to even.
pub(crate) fn two_decimals(micro: i128) -> String {
    let (hundredths, rest) = (micro / 10_000, micro % 10_000);
    let up = rest > 5_000 || (rest == 5_000 && hundredths % 2 == 1);
    let hundredths = hundredths + i128::from(up);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The shortest plain decimal.
pub(crate) fn decimal(micro: i128) -> String {
    let text = format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
