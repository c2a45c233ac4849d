//! `Baselines::parse`: what it accepts it can write and read again.

use credit_baseline::Baselines;

pub(crate) fn check(text: &str) {
    let Ok((baselines, _)) = Baselines::parse(text) else {
        return;
    };
    let json = baselines.to_json();
    let (again, _) = Baselines::parse(&json).unwrap();
    assert_eq!(again.to_json(), json);
    assert!(again.iter().eq(baselines.iter()));
}
