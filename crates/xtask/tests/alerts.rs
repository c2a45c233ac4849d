//! The shipped alerting rules: a file that Prometheus reads, of expressions that it parses, over
//! figures that there are.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic and print"
)]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

use promql_parser::parser::{Expr, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use yaml_rust2::{Yaml, YamlLoader};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap();
    fs::read_to_string(root.join(path)).unwrap()
}

/// The names of the figures, by the golden file that holds their text.
fn figures() -> BTreeSet<String> {
    let text = read("crates/credit-monitor/tests/golden/metrics.prom");
    let types = text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
    types
        .map(|l| l.split(' ').next().unwrap().to_owned())
        .collect()
}

/// Collects the names that an expression selects.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl ExprVisitor for Names {
    type Error = Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        let selector = match expression {
            Expr::VectorSelector(selector) => Some(selector),
            Expr::MatrixSelector(range) => Some(&range.vs),
            _ => None,
        };
        self.0
            .extend(selector.and_then(|selector| selector.name.clone()));
        Ok(true)
    }
}

fn names(expression: &str) -> BTreeSet<String> {
    let parsed = parse(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
    let mut names = Names::default();
    let Ok(_) = walk_expr(&mut names, &parsed);
    names.0
}

#[test]
fn every_rule_parses_and_looks_at_figures_that_there_are() {
    let documents = YamlLoader::load_from_str(&read("docs/alerts.yml")).unwrap();
    assert_eq!(documents.len(), 1);
    let figures = figures();
    assert!(figures.len() > 10);
    let mut alerts = BTreeSet::new();
    let mut looked_at = BTreeSet::new();
    for group in documents[0]["groups"].as_vec().unwrap() {
        assert!(group["name"].as_str().is_some());
        for rule in group["rules"].as_vec().unwrap() {
            let alert = rule["alert"].as_str().unwrap();
            assert!(alerts.insert(alert), "{alert} is there twice");
            let known = ["alert", "expr", "for", "labels", "annotations"];
            for key in rule.as_hash().unwrap().keys() {
                assert!(known.contains(&key.as_str().unwrap()), "{alert}: {key:?}");
            }
            let names = names(rule["expr"].as_str().unwrap());
            assert!(!names.is_empty(), "{alert} looks at nothing");
            let unknown: Vec<_> = names.difference(&figures).collect();
            assert!(unknown.is_empty(), "{alert}: there is no {unknown:?}");
            looked_at.extend(names);
            let severity = rule["labels"]["severity"].as_str().unwrap();
            assert!(
                ["critical", "warning", "info"].contains(&severity),
                "{alert}"
            );
            for annotation in ["summary", "action"] {
                assert!(
                    rule["annotations"][annotation].as_str().is_some(),
                    "{alert}: {annotation}"
                );
            }
            assert!(duration(&rule["for"]), "{alert}: `for`");
        }
    }
    assert!(alerts.len() >= 10);
    assert!(looked_at.len() >= 8, "{looked_at:?}");
}

/// Nothing, or a number with a unit.
fn duration(value: &Yaml) -> bool {
    match value {
        Yaml::BadValue => true,
        Yaml::String(text) => {
            let (number, unit) = text.split_at(text.len() - 1);
            number.parse::<u32>().is_ok() && ["s", "m", "h", "d"].contains(&unit)
        }
        _ => false,
    }
}

#[test]
fn the_check_finds_what_it_is_there_for() {
    assert!(parse("increase(credit_runs_total[15m]) >").is_err());
    assert!(parse("credit_runs_total{severity=SEV0}").is_err());
    let found = names("sum(rate(a_total[5m])) / on() (b - time()) > max_over_time(c[1h])");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a_total", "b", "c"]);
}

#[test]
fn the_page_about_operations_names_every_figure() {
    let page = read("docs/operations.md");
    for figure in figures() {
        assert!(
            page.contains(&format!("| `{figure}` |")),
            "{figure} is not on the page"
        );
    }
}
