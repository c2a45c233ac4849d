//! What a bench that takes its own turns leaves for `cargo xtask bench-report`.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Leaves what a case took for so many things where criterion leaves its cases, and in its form;
/// nothing, where nobody asked for that by `CRITERION_HOME`.
#[expect(
    clippy::disallowed_methods,
    reason = "benches are programs of their own, which criterion tells its folder in the same way"
)]
pub fn leave(group: &str, case: &str, took: Duration, things: usize) {
    let Some(folder) = std::env::var_os("CRITERION_HOME") else {
        return;
    };
    let folder = Path::new(&folder).join(group).join(case).join("new");
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    write(
        "benchmark.json",
        format!(
            r#"{{"group_id":"{group}","function_id":"{case}","throughput":{{"Elements":{things}}}}}"#
        ),
    );
    write(
        "estimates.json",
        format!(r#"{{"median":{{"point_estimate":{}}}}}"#, took.as_nanos()),
    );
}
