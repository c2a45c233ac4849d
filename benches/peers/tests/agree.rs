//! All of them are the same policy, or comparing their speed would mean nothing.

use credit_peers::{Cel, JsonLogic, Ours, Port, samples, severities};

#[test]
fn everyone_gives_the_same_verdicts() {
    let (ours, port, cel, logic) = (Ours::new(), Port::new(), Cel::new(), JsonLogic::new());
    let mut session = logic.session();
    let mut verdicts = Vec::new();
    for sample in samples(20_000) {
        let expected = ours.judge(&ours.prepare(&sample));
        assert_eq!(
            port.judge(&port.prepare(&sample)),
            expected,
            "port: {sample:?}"
        );
        assert_eq!(
            cel.judge(&cel.prepare(&sample)),
            expected,
            "CEL: {sample:?}"
        );
        let data = logic.prepare(&sample);
        assert_eq!(
            logic.judge(&mut session, &data),
            expected,
            "JSONLogic: {sample:?}"
        );
        verdicts.push(expected);
    }
    assert_eq!(severities(&verdicts), 5, "every severity is in the sample");
}
