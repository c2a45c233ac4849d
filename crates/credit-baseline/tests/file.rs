//! The baselines file: what is kept, what is refused, and where.

#![expect(
    clippy::unwrap_used,
    reason = "also in helpers, which are no #[test] functions"
)]

use credit_baseline::{Baseline, BaselineWarning, Baselines};
use credit_core::{Bounds, ScenarioId, Timestamp, Usual, Weekday};
use proptest::prelude::*;

fn id(text: &str) -> ScenarioId {
    text.parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn baseline(scenario: &str, credits: &str) -> Baseline {
    Baseline {
        scenario_id: id(scenario),
        credits: credits.parse().unwrap(),
        calculated_at: time("2024-02-01T00:00:00Z"),
        sample_size: 28,
        last_updated: time("2024-02-01T09:00:00Z"),
        usual: Usual::default(),
        weekdays: None,
    }
}

/// One entry; `rest` follows its keys.
fn entry(scenario: &str, credits: &str, updated: &str, rest: &str) -> String {
    format!(
        r#"{{"scenario_id":"{scenario}","median_credits":{credits},"calculated_at":"{updated}","sample_size":1,"last_updated":"{updated}"{rest}}}"#
    )
}

fn file(entries: &[String]) -> String {
    format!(
        r#"{{"version":"1.0.0","updated_at":"2024-01-01T00:00:00Z","baselines":[{}]}}"#,
        entries.join(",")
    )
}

#[test]
fn the_originals_file_loads_unchanged() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/original/credit-baselines.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no {path}; the original's baselines file was NOT read");
        return;
    };
    let (baselines, warnings) = Baselines::parse(&text).unwrap();
    assert!(warnings.is_empty());
    let found = baselines.get(&id("TEST_SCENARIO")).unwrap();
    assert_eq!(found.credits.to_string(), "500");
    assert_eq!(found.sample_size, 1);
    assert_eq!(found.last_updated.to_string(), "2026-01-23T09:34:44.625Z");
    // Its layout is ours, but for the final newline.
    assert_eq!(baselines.to_json().trim_end(), text.trim_end());
}

#[test]
fn what_jq_appends_is_a_manual_baseline() {
    // `jq '.baselines += [{…}]'` with `date -Iseconds`, as the runbook has it.
    let text = r#"{
  "version": "1.0.0",
  "updated_at": "2024-01-01T00:00:00Z",
  "baselines": [
    {
      "scenario_id": "NEW_ONE",
      "median_credits": 1250,
      "calculated_at": "2024-01-23T11:00:00+01:00",
      "sample_size": 0,
      "last_updated": "2024-01-23T10:00:00+00:00"
    }
  ]
}
"#;
    let (baselines, warnings) = Baselines::parse(text).unwrap();
    assert!(warnings.is_empty());
    let found = baselines.get(&id("NEW_ONE")).unwrap();
    assert!(found.is_manual());
    assert_eq!(found.credits.to_string(), "1250");
    assert_eq!(found.calculated_at, found.last_updated);
    // Untouched, it keeps its spelling.
    assert_eq!(baselines.to_json(), text);
}

#[test]
fn unknown_fields_keep_their_place_and_spelling() {
    let text = r#"{"$schema":"x","version":"1.2.0","baselines":[
        {"note":"by hand","last_updated":"2024-01-01T00:00:00+00:00","median_credits":500.0,
         "scenario_id":"A","weights":[1.50,{"k":2e3}],"calculated_at":"2024-01-01T00:00:00Z","sample_size":3},
        {"scenario_id":"B","median_credits":7.10,"calculated_at":"2024-01-01T00:00:00Z","sample_size":3,
         "last_updated":"2024-01-01T00:00:00Z","t":0.30}],
        "updated_at":"2024-01-01T00:00:00Z","owner":{"team":"ops","n":1.0}}"#;
    let (mut baselines, _) = Baselines::parse(text).unwrap();
    baselines.set(baseline("A", "620.5"), time("2024-02-01T09:00:00Z"));
    let expected = r#"{
  "$schema": "x",
  "version": "1.2.0",
  "baselines": [
    {
      "note": "by hand",
      "last_updated": "2024-02-01T09:00:00Z",
      "median_credits": 620.5,
      "scenario_id": "A",
      "weights": [
        1.50,
        {
          "k": 2e3
        }
      ],
      "calculated_at": "2024-02-01T00:00:00Z",
      "sample_size": 28
    },
    {
      "scenario_id": "B",
      "median_credits": 7.10,
      "calculated_at": "2024-01-01T00:00:00Z",
      "sample_size": 3,
      "last_updated": "2024-01-01T00:00:00Z",
      "t": 0.30
    }
  ],
  "updated_at": "2024-02-01T09:00:00Z",
  "owner": {
    "team": "ops",
    "n": 1.0
  }
}
"#;
    assert_eq!(baselines.to_json(), expected);
    let (again, _) = Baselines::parse(expected).unwrap();
    assert_eq!(again, baselines);
}

#[test]
fn of_two_entries_the_newest_is_in_force_and_the_other_survives() {
    let entries = [
        entry("A", "1", "2024-01-03T00:00:00Z", ""),
        entry("B", "5", "2024-01-01T00:00:00Z", ""),
        // The same instant as 2024-01-02T23:00:00Z, but greater as text.
        entry("A", "2", "2024-01-03T01:00:00+02:00", r#","why":"old""#),
    ];
    let (mut baselines, warnings) =
        Baselines::parse(&file(&entries).replace("},{", "},\n{")).unwrap();
    assert_eq!(baselines.get(&id("A")).unwrap().credits.to_string(), "1");
    assert_eq!(
        warnings,
        [BaselineWarning::Duplicate {
            scenario_id: id("A"),
            used_line: 1,
            ignored_line: 3
        }]
    );
    assert_eq!(
        warnings[0].to_string(),
        "line 3: a second baseline for `A` is ignored; the one at line 1 was updated last"
    );
    assert_eq!(
        baselines
            .iter()
            .map(|b| b.scenario_id.as_str())
            .collect::<Vec<_>>(),
        ["A", "B"]
    );

    baselines.set(baseline("B", "6"), time("2024-02-01T09:00:00Z"));
    assert!(baselines.to_json().contains("\"why\": \"old\""));
    assert_eq!(Baselines::parse(&baselines.to_json()).unwrap().1.len(), 1);

    baselines.set(baseline("A", "3"), time("2024-02-01T09:00:00Z"));
    let (again, warnings) = Baselines::parse(&baselines.to_json()).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(again.get(&id("A")).unwrap().credits.to_string(), "3");
    assert_eq!(again.get(&id("B")).unwrap().credits.to_string(), "6");
}

#[test]
fn a_tie_goes_to_the_later_entry() {
    let entries = [
        entry("A", "1", "2024-01-03T00:00:00.000Z", ""),
        entry("A", "2", "2024-01-03T01:00:00+01:00", ""),
        entry("A", "3", "2024-01-02T00:00:00Z", ""),
    ];
    let (baselines, warnings) = Baselines::parse(&file(&entries)).unwrap();
    assert_eq!(baselines.get(&id("A")).unwrap().credits.to_string(), "2");
    assert_eq!(warnings.len(), 2);
}

#[test]
fn a_new_scenario_is_added_at_the_end() {
    let mut baselines = Baselines::empty(time("2024-01-01T00:00:00Z"));
    baselines.set(baseline("B", "2"), time("2024-02-01T09:00:00Z"));
    baselines.set(baseline("A", "1"), time("2024-02-01T09:00:00Z"));
    let json = baselines.to_json();
    assert!(json.find("\"B\"").unwrap() < json.find("\"A\"").unwrap());
    assert_eq!(Baselines::parse(&json).unwrap().0, baselines);
}

#[test]
fn bad_files_are_refused_with_line_and_path() {
    let head = "{\n\"version\":\"1.0.0\",\n\"updated_at\":\"2024-01-01T00:00:00Z\",\n";
    let good = entry("A", "1", "2024-01-01T00:00:00Z", "");
    let with = |entries: &str| format!("{head}\"baselines\":[\n{entries}\n]}}");
    let cases: &[(&str, String, &str)] = &[
        (
            "nothing",
            String::new(),
            "line 1: EOF while parsing a value",
        ),
        (
            "no object",
            "[]".into(),
            "line 1: invalid type: sequence, expected a JSON object",
        ),
        (
            "cut off",
            with(&good)[..120].into(),
            "line 5: EOF while parsing a string",
        ),
        (
            "two documents",
            with(&good) + "\n{}",
            "line 7: trailing characters",
        ),
        (
            "a key twice at the top",
            format!("{head}\"version\":\"1\"}}"),
            "line 4: duplicate key \"version\"",
        ),
        ("no version", "{}".into(), "line 1: `version`: is missing"),
        (
            "version as a number",
            "{\"version\":1}".into(),
            "line 1: `version`: must be a string such as \"1.0.0\", not 1",
        ),
        (
            "version 2",
            "{\n\"version\":\"2.0.0\"}".into(),
            "line 2: `version`: \"2.0.0\" is not a version this program reads; 1.x.x is",
        ),
        (
            "no updated_at",
            "{\"version\":\"1.0.0\"}".into(),
            "line 1: `updated_at`: is missing",
        ),
        (
            "no baselines",
            format!("{head}\"x\":0}}"),
            "line 1: `baselines`: is missing",
        ),
        (
            "baselines as an object",
            format!("{head}\"baselines\":{{}}}}"),
            "line 4: `baselines`: must be an array, not {}",
        ),
        (
            "baselines as null",
            format!("{head}\"baselines\":null}}"),
            "line 4: `baselines`: must be an array, not null",
        ),
        (
            "an entry as a number",
            with("7"),
            "line 5: `baselines[0]`: invalid type: integer `7`, expected a JSON object",
        ),
        (
            "a key twice in an entry",
            with(&good.replace("\"sample_size\"", "\n\"scenario_id\":\"B\",\"sample_size\"")),
            "line 6: `baselines[0]`: duplicate key \"scenario_id\"",
        ),
        (
            "a missing key in the second entry",
            with(&format!(
                "{good},\n{}",
                good.replace("median_credits", "median")
            )),
            "line 6: `baselines[1].median_credits`: is missing",
        ),
        (
            "a negative median",
            with(&good.replace(":1,\"calc", ":-1,\"calc")),
            "line 5: `baselines[0].median_credits`: -1: credits cannot be negative; a run that cost nothing has 0",
        ),
        (
            "a median in quotes",
            with(&good.replace(":1,\"calc", ":\n\"1\",\"calc")),
            "line 6: `baselines[0].median_credits`: \"1\": not a plain JSON number; write credits as a number without quotes, such as 12.5",
        ),
        (
            "a null median",
            with(&good.replace(":1,\"calc", ":null,\"calc")),
            "line 5: `baselines[0].median_credits`: null: not a plain JSON number; write credits as a number without quotes, such as 12.5",
        ),
        (
            "an absurd median",
            with(&good.replace(":1,\"calc", ":1e99,\"calc")),
            "line 5: `baselines[0].median_credits`: 1e99: more than 1000000000000 credits for one run is taken for a mistake",
        ),
        (
            "an unsafe scenario",
            with(&good.replace("\"A\"", "\"../A\"")),
            "line 5: `baselines[0].scenario_id`: \"../A\" begins with '.'; an ASCII letter or digit must come first",
        ),
        (
            "a scenario as a number",
            with(&good.replace("\"A\"", "5")),
            "line 5: `baselines[0].scenario_id`: must be a string, not 5",
        ),
        (
            "a fractional sample",
            with(&good.replace("size\":1", "size\":1.5")),
            "line 5: `baselines[0].sample_size`: must be a whole number of runs, not 1.5",
        ),
        (
            "a negative sample",
            with(&good.replace("size\":1", "size\":-1")),
            "line 5: `baselines[0].sample_size`: must be a whole number of runs, not -1",
        ),
        (
            "a time without offset",
            with(&good.replacen("00:00:00Z", "00:00:00", 1)),
            "line 5: `baselines[0].calculated_at`: \"2024-01-01T00:00:00\" is not an RFC 3339 time with an offset, such as 2024-01-23T10:00:00Z",
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(
            Baselines::parse(text).unwrap_err().to_string(),
            *expected,
            "{name}"
        );
    }
    let deep = with(&good.replace(
        "\"sample",
        &format!("\"x\":{}{},\"sample", "[".repeat(33), "]".repeat(33)),
    ));
    let deep = Baselines::parse(&deep).unwrap_err();
    assert_eq!(
        deep.to_string(),
        "line 5: `baselines[0].x`: nests deeper than 32 levels"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parse_and_print_agree(entries in prop::collection::vec(("[A-E]", 0..=u64::MAX / 100, 0..100_u64), 0..8)) {
        let entries: Vec<String> = entries
            .iter()
            .map(|(scenario, micro, seconds)| {
                let credits = credit_core::Credits::from_micro(micro % 1_000_000_000_000_000_000);
                let at = Timestamp::from_unix(1_700_000_000 + *seconds as i64).unwrap();
                entry(scenario, &credits.unwrap().to_string(), &at.to_string(), "")
            })
            .collect();
        let (baselines, warnings) = Baselines::parse(&file(&entries)).unwrap();
        prop_assert_eq!(warnings.len(), entries.len() - baselines.iter().count());
        let printed = baselines.to_json();
        let (again, _) = Baselines::parse(&printed).unwrap();
        prop_assert_eq!(&again, &baselines);
        prop_assert_eq!(again.to_json(), printed);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*", at in 0..400_usize) {
        let _ = Baselines::parse(&text);
        let good = file(&[entry("A", "1.5", "2024-01-01T00:00:00Z", r#","n":{"x":[1]}"#)]);
        let cut: String = good.chars().take(at).chain(text.chars()).chain(good.chars().skip(at)).collect();
        let _ = Baselines::parse(&cut);
    }
}

#[test]
fn what_is_usual_is_optional_and_goes_when_it_is_no_longer_known() {
    const USUAL: &str = r#","note":"x","usual_input_tokens":12400,"usual_credits_per_item":0.3125"#;
    let updated = "2024-01-01T00:00:00Z";
    let text = file(&[
        entry("A", "100", updated, USUAL),
        entry("B", "100", updated, ""),
    ]);
    let (mut baselines, _) = Baselines::parse(&text).unwrap();
    let found = baselines.get(&id("A")).unwrap().clone();
    assert_eq!(found.usual.input_tokens, Some(12_400));
    assert_eq!(found.usual.credits_per_item, "0.3125".parse().ok());
    assert_eq!(baselines.get(&id("B")).unwrap().usual, Usual::default());

    let usual = Usual {
        input_tokens: None,
        credits_per_item: "0.25".parse().ok(),
        bounds: Bounds::new("99.5".parse().unwrap(), "101".parse().unwrap()),
    };
    let now = time("2024-02-01T09:00:00Z");
    baselines.set(Baseline { usual, ..found }, now);
    let text = baselines.to_json();
    assert!(text.contains("\"median_lower\": 99.5,"), "{text}");
    assert!(text.contains("\"median_upper\": 101"), "{text}");
    assert!(!text.contains("usual_input_tokens"), "{text}");
    assert!(text.contains("\"usual_credits_per_item\": 0.25"), "{text}");
    assert!(text.contains("\"note\": \"x\""), "{text}");
    assert_eq!(Baselines::parse(&text).unwrap().0, baselines);
}

#[test]
fn weekdays_are_read_kept_and_taken_out() {
    let days = r#","weekdays":{"sunday":{"median_credits":40.50,"sample_size":8,"median_lower":38,"median_upper":41},"saturday":{"median_credits":60,"sample_size":0}},"note":"x""#;
    let text = file(&[
        entry("A", "100", "2024-01-01T00:00:00Z", days),
        entry("B", "100", "2024-01-01T00:00:00Z", r#","weekdays":{}"#),
    ]);
    let (mut baselines, _) = Baselines::parse(&text).unwrap();
    let a = baselines.get(&id("A")).unwrap().clone();
    let credits = |day| a.on(day).0.to_string();
    assert_eq!(credits(Weekday::Sunday), "40.5");
    assert_eq!(credits(Weekday::Saturday), "60");
    assert_eq!(credits(Weekday::Friday), "100");
    assert_eq!(a.on(Weekday::Saturday).1, None);
    // That it is told apart is kept, even where no day differs.
    assert!(
        baselines
            .get(&id("B"))
            .unwrap()
            .weekdays
            .as_ref()
            .unwrap()
            .is_empty()
    );

    let now = time("2024-02-01T09:00:00Z");
    let again = Baselines::parse(&baselines.to_json()).unwrap().0;
    assert_eq!(again.get(&id("A")), Some(&a));
    // What is not replaced keeps its spelling.
    assert!(baselines.to_json().contains("40.50"));
    let overall = Baseline {
        weekdays: None,
        ..a
    };
    baselines.set(overall, now);
    let text = baselines.to_json();
    assert_eq!(text.matches("weekdays").count(), 1, "{text}");
    assert!(text.contains("\"note\": \"x\""), "{text}");
}

#[test]
fn a_bad_usual_value_is_refused_with_its_path() {
    for (rest, says) in [
        (
            r#","median_lower":1"#,
            "line 1: `baselines[0].median_lower`: the lower and the upper bound of a median come \
             together; add the other one or remove both",
        ),
        (
            r#","median_lower":2,"median_upper":1"#,
            "line 1: `baselines[0].median_lower`: the lower bound of a median is above its upper \
             one; exchange them",
        ),
        (
            r#","weekdays":{"sontag":{"median_credits":1,"sample_size":1}}"#,
            "line 1: `baselines[0].weekdays`: \"sontag\" is not a known day of the week; allowed \
             are monday, tuesday, wednesday, thursday, friday, saturday, sunday",
        ),
        (
            r#","weekdays":{"sunday":{"median_credits":1}}"#,
            "line 1: `baselines[0].weekdays`: missing field `sample_size`",
        ),
        (
            r#","weekdays":7"#,
            "line 1: `baselines[0].weekdays`: invalid type: integer `7`, expected a map",
        ),
        (
            r#","usual_input_tokens":1.5"#,
            "line 1: `baselines[0].usual_input_tokens`: must be a whole number of tokens, not 1.5",
        ),
        (
            r#","usual_credits_per_item":-1"#,
            "line 1: `baselines[0].usual_credits_per_item`: -1: credits cannot be negative; a run \
             that cost nothing has 0",
        ),
        (
            r#","usual_credits_per_item":null"#,
            "line 1: `baselines[0].usual_credits_per_item`: null: not a plain JSON number; write \
             credits as a number without quotes, such as 12.5",
        ),
    ] {
        let text = file(&[entry("A", "100", "2024-01-01T00:00:00Z", rest)]);
        assert_eq!(Baselines::parse(&text).unwrap_err().to_string(), says);
    }
}
