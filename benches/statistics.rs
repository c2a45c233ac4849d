//! How long do exact statistics over the whole history take: counts, sums, medians and percentiles
//! of every scenario and day?
//!
//! A ledger of 1,000,000 lines, or as many as `STATISTICS_LINES` says. Beside ours: reading the file
//! in pieces on all cores and finding its line ends, which nobody who looks at it can undercut, and
//! DuckDB on the same file, where its Python package is there.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench that cannot be set up has nothing to measure; it says what it skips"
)]

use std::env;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use credit_benches::{BATCH, batches, keep, leave, ledger, now, parallel, runs, tree};
use credit_monitor::core::{Run, Timestamp};
use credit_monitor::{Archive, Checked, Config, Monitor, Tree};

/// Of so many turns the middle one is told.
const TURNS: usize = 7;

const WEEK: usize = 20_000;
const WEEK_SECONDS: i64 = 7 * 86_400;

fn main() {
    // Criterion's arguments mean nothing here; a test run of the bench measures nothing.
    if env::args().any(|argument| argument == "--test") {
        return;
    }
    let lines = env::var("STATISTICS_LINES").map_or(1_000_000, |n| n.parse().expect("a number"));
    let (_folder, tree) = tree();
    fill(&tree, lines);
    let size = std::fs::metadata(tree.ledger())
        .expect("it was just filled")
        .len();
    println!("{lines} lines, {} MB, warm", size / 1_000_000);
    let archive = Archive::new(&tree);
    let expected = archive
        .statistics(None, None, Checked::No)
        .expect("it is whole");
    assert_eq!(expected.sums.run_count(), lines as u64);

    let told = |what: &str, took: Duration| {
        leave("statistics", what, took, 1);
        let gigabytes = size as f64 / 1e9 / took.as_secs_f64();
        println!(
            "{what}: {:.1} ms, {gigabytes:.2} GB/s",
            took.as_secs_f64() * 1e3
        );
    };
    told(
        "floor: reading and finding line ends",
        middle(|| line_ends(&tree, size)),
    );
    let statistics = |checked| {
        let found = archive
            .statistics(None, None, checked)
            .expect("it is whole");
        assert_eq!(black_box(found).sums, expected.sums);
    };
    told("ours, unchecked", middle(|| statistics(Checked::No)));
    told(
        "ours, each line checked",
        middle(|| statistics(Checked::Yes)),
    );
    let monitor = Monitor::open(&tree, now()).expect("it is whole");
    let start = Instant::now();
    assert!(
        monitor
            .save_partials(now())
            .expect("every line can be read")
    );
    told("writing partials down, all of them", start.elapsed());
    let partials = tree.monitoring().join("ledger.partials");
    let bytes = std::fs::metadata(partials)
        .expect("it was just written")
        .len();
    println!("they have {} bytes a run", bytes / lines as u64);
    told("ours, from partials", middle(|| statistics(Checked::Yes)));
    let figures = || drop(black_box(archive.figures(now()).expect("it is whole")));
    told("figures for Prometheus, from partials", middle(figures));
    duckdb(&tree.ledger(), lines);
}

/// The middle of several turns.
fn middle(mut work: impl FnMut()) -> Duration {
    let turn = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let mut turns: Vec<Duration> = (0..TURNS).map(turn).collect();
    turns.sort_unstable();
    turns.into_iter().nth(TURNS / 2).expect("there are several")
}

fn fill(tree: &Tree, lines: usize) {
    let config = Config::load(tree).expect("the tree was just made");
    let ledger = ledger(tree);
    let count = i64::try_from(lines).expect("few lines");
    let seconds = WEEK_SECONDS * count / i64::try_from(WEEK).expect("few");
    let start = now().unix() - seconds;
    let at = |(n, mut run): (usize, Run)| {
        let n = i64::try_from(n).expect("few lines");
        run.timestamp = Timestamp::from_unix(start + n * seconds / count).expect("in range");
        run
    };
    let runs: Vec<_> = runs(lines).into_iter().enumerate().collect();
    keep(&config, &ledger, batches(runs, BATCH), at);
    ledger.close().expect("nothing fails here");
}

fn line_ends(tree: &Tree, size: u64) {
    const PIECE: u64 = 256 * 1024;
    let file = File::open(tree.ledger()).expect("it was just filled");
    let pieces: Vec<u64> = (0..size).step_by(PIECE as usize).collect();
    let shares = batches(
        pieces,
        usize::try_from(size / PIECE / 2 + 1).expect("it fits"),
    );
    let ends: Vec<usize> = parallel(shares, |share| {
        let mut bytes = vec![0; PIECE as usize];
        let ends = share.into_iter().map(|at| {
            let length = (size - at).min(PIECE) as usize;
            let piece = bytes.get_mut(..length).expect("it is long enough");
            file.read_exact_at(piece, at).expect("it is there");
            memchr::memchr_iter(b'\n', piece).count()
        });
        ends.sum()
    });
    black_box(ends);
}

/// The same figures in SQL, best form for it: only the columns that are needed, all its threads.
fn duckdb(ledger: &Path, lines: usize) {
    const PROGRAM: &str = r#"
import sys, time
try:
    import duckdb
except ImportError:
    print("the Python package duckdb is not installed", file=sys.stderr)
    sys.exit(3)
path, lines, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
query = f"""
  select Scenario_ID, count(*), sum(Credits_Total), median(Credits_Total),
         quantile_disc(Credits_Total, 0.95), quantile_disc(Credits_Total, 0.99),
         max(Credits_Total), count(*) filter (Severity = 'SEV0'),
         count(*) filter (Severity = 'SEV1'), count(*) filter (Severity = 'SEV2')
  from read_json('{path}', format = 'newline_delimited', columns = {{
    Scenario_ID: 'VARCHAR', Credits_Total: 'DECIMAL(18,6)', Severity: 'VARCHAR'}})
  group by Scenario_ID"""
took = []
for _ in range(turns):
    start = time.perf_counter()
    rows = duckdb.sql(query).fetchall()
    took.append(time.perf_counter() - start)
    assert sum(row[1] for row in rows) == lines, rows
print(f"{duckdb.__version__} {sorted(took)[turns // 2]}")
"#;
    let turns = "3";
    let found = Command::new("python3")
        .args(["-c", PROGRAM])
        .arg(ledger)
        .args([&lines.to_string(), turns])
        .output();
    match found {
        Ok(output) if output.status.success() => {
            let told = String::from_utf8_lossy(&output.stdout);
            let (version, seconds) = told.trim().split_once(' ').expect("two words");
            let seconds: f64 = seconds.parse().expect("a number");
            let size = std::fs::metadata(ledger).expect("it is there").len();
            let gigabytes = size as f64 / 1e9 / seconds;
            println!(
                "DuckDB {version}: {:.1} ms, {gigabytes:.2} GB/s",
                seconds * 1e3
            );
        }
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            eprintln!("SKIPPED: DuckDB beside ours: {}", why.trim());
        }
        Err(error) => eprintln!("SKIPPED: DuckDB beside ours: python3: {error}"),
    }
}
