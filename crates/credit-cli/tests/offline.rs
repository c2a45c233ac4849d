//! Whoever verifies needs no secret, no environment, no network and no right to write.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

#[path = "../../credit-monitor/tests/killing/mod.rs"]
mod killing;
mod support;

use std::process::Command;

use killing::{calls, strace_works, traced};
use support::{Tree, assert_same, run};

/// By which a process reaches the network, or changes anything.
const FORBIDDEN: &str = "socket,connect,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,\
                         unlink,unlinkat,ftruncate,pwrite64,fsync,fdatasync";

#[test]
fn verification_needs_no_environment_no_network_and_no_right_to_write() {
    let tree = Tree::new();
    let personal = [("Risk_Flags", r#"["pii_exposure"]"#)];
    tree.ingest(run("R-1", 100, &personal)).ok();
    tree.ctl(["report", "weekly"]).ok();
    tree.sh("chmod -R a-w .").ok();
    let before = tree.untouched();

    let mut verify = Command::new("env");
    verify
        .args(["-i", env!("CARGO_BIN_EXE_creditctl"), "--root"])
        .arg(tree.root())
        .arg("verify");
    let output = verify.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    if strace_works() {
        let names = format!("open,openat,{FORBIDDEN}");
        let traced = traced(&verify, &names, None);
        assert!(traced.status.success(), "{traced:?}");
        for call in calls(&traced, &names) {
            let opens = ["open", "openat"].contains(&call.name.as_str());
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"];
            let only_reads = writes.iter().all(|flag| !call.line.contains(flag));
            assert!(opens && only_reads, "{}", call.line);
        }
    }
    assert_same(&before, &tree.untouched());
    // So that the folder can be removed.
    tree.sh("chmod -R u+w .").ok();
}
