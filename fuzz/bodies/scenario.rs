//! `ScenarioConfig::parse`: what a scenario's file says is filled in where a run said nothing, and
//! changes nothing that it did say.

use std::path::Path;

use credit_core::{Credits, Run, Status};
use credit_monitor::ScenarioConfig;

pub(crate) fn check(bytes: &[u8]) {
    let path = Path::new("S.json");
    let config = match ScenarioConfig::parse(path, bytes) {
        Ok(config) => config,
        Err(error) => {
            assert!(error.to_string().contains("S.json"), "{error}");
            return;
        }
    };
    let mut run = Run::new(
        "R".parse().unwrap(),
        "S".parse().unwrap(),
        "2024-01-23T10:00:00Z".parse().unwrap(),
        Status::Success,
        Credits::ZERO,
    );
    config.fill_in(&mut run);
    assert_eq!(run.has_max_items_config, config.max_items.map(|_| true));
    assert_eq!(run.is_backfill, config.is_backfill);
    let filled = run.clone();
    config.fill_in(&mut run);
    assert_eq!(run, filled);

    let said = [
        &mut run.has_max_items_config,
        &mut run.has_idempotency_key,
        &mut run.is_backfill,
        &mut run.is_batch_job,
    ];
    said.into_iter().for_each(|fact| *fact = Some(false));
    let said = run.clone();
    config.fill_in(&mut run);
    assert_eq!(run, said);
}
