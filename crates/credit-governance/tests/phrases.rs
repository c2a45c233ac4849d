//! The runbook's phrases: understood however they are typed, and nothing else is.

use credit_governance::{Phrase, PhraseError, Role};
use proptest::prelude::*;

fn said(text: &str) -> Result<String, PhraseError> {
    text.parse::<Phrase>().map(|phrase| match phrase {
        Phrase::Acknowledge { role, name, case } => format!("ack {role} {name} {case}"),
        Phrase::ApproveRerun { mitigation } => format!("approve {mitigation}"),
        Phrase::DenyRerun { reason } => format!("deny {reason}"),
    })
}

#[test]
fn the_runbooks_own_examples() {
    for (text, meaning) in [
        (
            "ACK - O2 ops-2 investigating CASE-20250131-7KQ2ZD",
            "ack O2 ops-2 CASE-20250131-7KQ2ZD",
        ),
        (
            "APPROVED for rerun - misconfig fixed, max_items now 1000",
            "approve misconfig fixed, max_items now 1000",
        ),
        (
            "APPROVED for rerun - max_items limit added, retry_loop fixed",
            "approve max_items limit added, retry_loop fixed",
        ),
        (
            "DENIED - root cause not yet identified, investigation ongoing",
            "deny root cause not yet identified, investigation ongoing",
        ),
    ] {
        assert_eq!(said(text).as_deref(), Ok(meaning), "{text}");
    }
}

#[test]
fn typed_in_a_hurry() {
    let case = "ack O2 ops-2 CASE-20250131-7KQ2ZD";
    for text in [
        "ack - o2 ops-2 investigating case-20250131-7kq2zd",
        "\"ACK - O2 ops-2 investigating CASE-20250131-7KQ2ZD\"",
        "  ACK  –  O2\u{a0}ops-2   Investigating CASE-20250131-7KQ2ZD \n",
        "ACK—O2 ops-2 investigating CASE–20250131–7KQ2ZD",
        "ACK -- O2 ops‑2 investigating CASE\u{2011}20250131\u{2011}7KQ2ZD",
        "\u{200b}ACK \u{2212} O2 ops-2 investigating \u{feff}CASE-20250131-7KQ2ZD",
    ] {
        assert_eq!(said(text).as_deref(), Ok(case), "{text:?}");
    }
    assert_eq!(
        said("“Approved FOR rerun—a — b”").as_deref(),
        Ok("approve a — b")
    );
    assert_eq!(said("denied -no").as_deref(), Ok("deny no"));
}

#[test]
fn anything_else_is_refused_with_what_was_expected() {
    use PhraseError::{Acknowledge, Approve, Deny, Unknown};
    for (text, error) in [
        ("", Unknown),
        ("-", Unknown),
        ("ok", Unknown),
        ("NOT APPROVED for rerun - x", Unknown),
        (
            "ACKNOWLEDGED - O2 a investigating CASE-20250131-7KQ2ZD",
            Unknown,
        ),
        ("ACK", Acknowledge),
        ("ACK O2 a investigating CASE-20250131-7KQ2ZD", Acknowledge),
        ("ACK - O4 a investigating CASE-20250131-7KQ2ZD", Acknowledge),
        (
            "ACK - O2 a b investigating CASE-20250131-7KQ2ZD",
            Acknowledge,
        ),
        (
            "ACK - O2 ../a investigating CASE-20250131-7KQ2ZD",
            Acknowledge,
        ),
        (
            "ACK - O2 service investigating CASE-20250131-7KQ2ZD",
            Acknowledge,
        ),
        ("ACK - O2 a ignoring CASE-20250131-7KQ2ZD", Acknowledge),
        ("ACK - O2 a investigating CASE-<id>", Acknowledge),
        ("ACK - O2 a investigating CASE-20250131-7KQ2Z", Acknowledge),
        ("APPROVED", Approve),
        ("APPROVED for rerun", Approve),
        ("APPROVED for rerun -", Approve),
        ("APPROVED for rerun - — ", Approve),
        ("APPROVED for rerun - \"\"", Approve),
        ("APPROVED - x", Approve),
        ("APPROVED for rerun - a\u{7}b", Approve),
        ("DENIED", Deny),
        ("DENIED -  ", Deny),
        ("DENIED for rerun - x", Deny),
    ] {
        assert_eq!(said(text), Err(error), "{text:?}");
        assert!(error.to_string().starts_with("expected `"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_never_panics(text in any::<String>(), tail in "\\PC{0,40}") {
        for head in ["", "ACK - ", "APPROVED for rerun - ", "DENIED - ", "ack–"] {
            let _ = format!("{head}{text}{tail}").parse::<Phrase>();
        }
    }

    #[test]
    fn an_acknowledgment_says_who_and_which_case(
        role in prop_oneof![Just(Role::O1), Just(Role::O2), Just(Role::O3)],
        name in "[A-Za-z0-9][A-Za-z0-9._-]{0,20}",
        case in "CASE-[0-9]{8}-[A-Z0-9]{6}",
        dash in "[-–—−]{1,3}",
        space in "[ \t\u{a0}\u{2003}]{1,3}",
    ) {
        prop_assume!(name != "service");
        let text = format!("ACK{space}{dash}{space}{role}{space}{name} investigating{space}{case}");
        let phrase: Phrase = text.parse().unwrap();
        prop_assert_eq!(phrase, Phrase::Acknowledge { role, name, case: case.parse().unwrap() });
    }
}
