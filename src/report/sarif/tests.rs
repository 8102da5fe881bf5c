use super::*;
use crate::report::{sample, shape::DoctorShape};

fn run(report: &Report) -> Value {
    let log: Value = serde_json::from_str(&render(report)).unwrap();
    log["runs"][0].clone()
}

fn results(report: &Report) -> Vec<Value> {
    run(report)["results"].as_array().unwrap().clone()
}

#[test]
fn findings_are_results_under_rules() {
    insta::assert_snapshot!(render(&sample::verify()), @r#"
    {
      "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
      "version": "2.1.0",
      "runs": [
        {
          "tool": {
            "driver": {
              "name": "tagwarden",
              "version": "0.1.0",
              "semanticVersion": "0.1.0",
              "rules": [
                {
                  "id": "http/status",
                  "shortDescription": {
                    "text": "The status code is not an expected one."
                  },
                  "fullDescription": {
                    "text": "The status code is not an expected one."
                  },
                  "help": {
                    "text": "`tagwarden explain http/status` says what it means."
                  }
                }
              ]
            }
          },
          "automationDetails": {
            "id": "tagwarden/run/production/"
          },
          "invocations": [
            {
              "executionSuccessful": true,
              "exitCode": 1,
              "exitCodeDescription": "gate_failed",
              "toolExecutionNotifications": [
                {
                  "level": "error",
                  "message": {
                    "text": "A required gate failed. Read the finding, mend its cause, run `tagwarden verify --channel production --at COMMIT`."
                  },
                  "descriptor": {
                    "id": "gate_failed"
                  }
                }
              ]
            }
          ],
          "originalUriBaseIds": {
            "%SRCROOT%": {
              "description": {
                "text": "The root of the repository."
              }
            }
          },
          "columnKind": "unicodeCodePoints",
          "results": [
            {
              "ruleId": "http/status",
              "ruleIndex": 0,
              "level": "error",
              "message": {
                "text": "the status was 500, expected 200\nhelp: look at the service's log"
              },
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "gates/20-health.yaml",
                      "uriBaseId": "%SRCROOT%"
                    },
                    "region": {
                      "startLine": 3,
                      "startColumn": 11,
                      "endColumn": 29
                    }
                  },
                  "logicalLocations": [
                    {
                      "name": "health",
                      "fullyQualifiedName": "gates/health",
                      "kind": "gate",
                      "properties": {
                        "title": "The health gate"
                      }
                    }
                  ]
                }
              ],
              "partialFingerprints": {
                "tagwarden/v1": "sha256:d205881ff55b2043c682f7e11d7928556e483784310696cac1cb4db007cfb568:1"
              },
              "properties": {
                "pointer": "/status"
              }
            }
          ]
        }
      ]
    }
    "#);
}

#[test]
fn every_finding_of_gates_bodies_and_reports_is_there() {
    let codes = |report: &Report| -> Vec<String> {
        results(report)
            .iter()
            .map(|result| format!("{} {}", result["level"].as_str().unwrap(), result["ruleId"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(codes(&sample::verify()), ["error http/status"]);
    assert_eq!(codes(&sample::passed()), ["warning config/unused-role"]);
    assert_eq!(codes(&sample::refused()), ["error held", "error http/status"]);
    assert_eq!(codes(&sample::lost_race()), ["error stale_pointer"]);
    assert_eq!(codes(&sample::status()), ["error ledger/tag-drift"]);
    assert_eq!(codes(&sample::moved()), [""; 0]);
    let silent = Report::new(Reason::Findings, Body::Doctor(DoctorShape::default()));
    assert_eq!(codes(&silent), ["error findings"]);
}

#[test]
fn what_blocks_nothing_is_a_warning_at_most() {
    let Body::Run(mut shape) = sample::verify().body else { panic!("a run") };
    let advice = GateShape { on_fail: "document", findings: vec![sample::placed()], ..sample::gate(1, "advice", Outcome::Failed) };
    shape.gates = vec![advice, sample::gate(2, "silent", Outcome::Inconclusive)];
    let found = results(&Report::new(Reason::GateInconclusive, Body::Run(shape)));
    let shown: Vec<_> = found.iter().map(|result| (&result["level"], &result["ruleId"])).collect();
    assert_eq!(shown, [(&json!("warning"), &json!("http/status")), (&json!("error"), &json!("gate_inconclusive"))]);
    let gate = &found[1]["locations"][0];
    assert_eq!(gate["logicalLocations"][0]["fullyQualifiedName"], "gates/silent");
    assert_eq!(gate["physicalLocation"]["artifactLocation"]["uri"], "gates/protocol.yaml");
}

#[test]
fn every_result_has_its_rule_a_place_and_a_print_of_its_own() {
    for report in [sample::verify(), sample::refused(), sample::hostile(), sample::status(), sample::audit(), sample::doctor()] {
        let run = run(&report);
        let mut prints = std::collections::BTreeSet::new();
        for result in run["results"].as_array().unwrap() {
            let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            let place = &result["locations"][0]["physicalLocation"];
            assert!(!place["artifactLocation"]["uri"].as_str().unwrap().is_empty());
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
            assert!(prints.insert(result["partialFingerprints"]["tagwarden/v1"].as_str().unwrap().to_owned()));
        }
        let stop = report.decision() == Decision::Stop;
        assert_eq!(stop, run["results"].as_array().unwrap().iter().any(|result| result["level"] == "error"));
    }
}

#[test]
fn a_fingerprint_survives_a_move_of_lines() {
    let print = |change: &dyn Fn(&mut Finding)| {
        let mut finding = sample::placed();
        change(&mut finding);
        let report = Report::new(Reason::Findings, Body::Doctor(DoctorShape::default())).findings([finding.clone(), finding]);
        let found = results(&report);
        [0, 1].map(|at| found[at]["partialFingerprints"]["tagwarden/v1"].as_str().unwrap().to_owned())
    };
    let place = |finding: &mut Finding, change: &dyn Fn(&mut Place)| finding.place.iter_mut().for_each(change);
    let first = print(&|_| {});
    assert_ne!(first[0], first[1]);
    assert_eq!(first, print(&|finding| place(finding, &|place| (place.line, place.column, place.end_column) = (99, 1, None))));
    assert_eq!(first, print(&|finding| finding.help = None));
    assert_ne!(first, print(&|finding| finding.message.push('!')));
    assert_ne!(first, print(&|finding| finding.code.push('x')));
    assert_ne!(first, print(&|finding| place(finding, &|place| place.file.push('x'))));
}

#[test]
fn there_are_no_more_results_than_are_taken() {
    let warning = Finding::warning("config/unused-role", "a role");
    let findings = std::iter::repeat_n(warning, MOST_RESULTS).chain([sample::placed(), sample::placed()]);
    let run = run(&Report::new(Reason::Findings, Body::Doctor(DoctorShape::default())).findings(findings));
    let found = run["results"].as_array().unwrap();
    assert_eq!((found.len(), &found[1]["level"], &found[2]["level"]), (MOST_RESULTS, &json!("error"), &json!("warning")));
    let said = run["invocations"][0]["toolExecutionNotifications"][1]["message"]["text"].as_str().unwrap();
    assert!(said.starts_with("2 more findings are not listed"), "{said}");
}

#[test]
fn files_are_uris() {
    for (file, uri, based) in [
        ("docs/a b.md", "docs/a%20b.md", true),
        ("docs/ü#x?y%.md", "docs/%C3%BC%23x%3Fy%25.md", true),
        ("c:\\x", "c%3A%5Cx", true),
        ("/tmp/x", "file:///tmp/x", false),
        ("../x", "../x", true),
    ] {
        let artifact = artifact(file);
        assert_eq!((artifact["uri"].as_str(), artifact.get("uriBaseId").is_some()), (Some(uri), based), "{file}");
    }
}

#[test]
fn exit_codes_beyond_a_judgement_are_no_success() {
    for (report, success, code, reason) in
        [(sample::passed(), true, 0, "passed"), (sample::verify(), true, 1, "gate_failed"), (sample::refused(), false, 4, "held")]
    {
        let invocation = &run(&report)["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], success);
        assert_eq!((&invocation["exitCode"], &invocation["exitCodeDescription"]), (&json!(code), &json!(reason)));
    }
}

#[test]
fn hostile_text_stays_text() {
    let text = render(&sample::hostile());
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    assert!(!text.contains("##[") && !text.contains("]("), "{text}");
    let result = &results(&sample::hostile())[0];
    insta::assert_snapshot!(result["message"]["text"].as_str().unwrap(), @r#"
    x\u{1b}[2J\n::error::owned\n##[command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x] (y) <b>#1 \u{0}
    help: x\u{1b}[2J\n::error::owned\n##[command]rm ]]> </failure> & \u{202e}@octocat https://evil.example ```\n- [x] (y) <b>#1 \u{0}
    "#);
    insta::assert_snapshot!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap(), @r#"x%1B%5B2J%0A%3A%3Aerror%3A%3Aowned%0A%23%23%5Bcommand%5Drm%20%5D%5D%3E%20%3C/failure%3E%20%26%20%E2%80%AE%40octocat%20https%3A//evil.example%20%60%60%60%0A-%20%5Bx%5D%28y%29%20%3Cb%3E%231%20%00"#);
}
