//! The documents over the sample, and over texts of every kind.

use insta::assert_snapshot;
use serde_json::Value;

use super::*;
use crate::sample;

#[test]
#[expect(clippy::too_many_lines, reason = "one document")]
fn the_report_as_json() {
    assert_snapshot!(render_json(&sample::report(), &sample::meta()), @r#"
    {
      "apiVersion": "mirror.plugin.fluxcd.io/v1beta1",
      "kind": "Report",
      "$schema": "https://raw.githubusercontent.com/fluxcd/flux-mirror/main/docs/report-v1beta1.schema.json",
      "report": {
        "reporter": "flux-mirror/v0.1.0",
        "timestamp": "2026-05-13T09:00:00Z",
        "durationMs": 4213,
        "summary": {
          "entries": 4,
          "copied": 2,
          "overwritten": 1,
          "skipped": 2,
          "drifted": 1,
          "wouldCopy": 1,
          "wouldOverwrite": 1,
          "failed": 2,
          "exitCode": 1
        },
        "results": [
          {
            "source": "ghcr.io/foo/bar",
            "destination": "localhost:5050/bar",
            "status": "completed",
            "tags": [
              {
                "tag": "2.0.0",
                "status": "skipped",
                "digest": "sha256:abababababababababababababababababababababababababababababababab",
                "reason": "signature-too-new",
                "verification": {
                  "provider": "cosign",
                  "issuer": "https://token.actions.githubusercontent.com",
                  "identity": "https://github.com/a/b/.github/workflows/r.yml@refs/tags/2",
                  "integratedTime": "2026-06-04T20:59:02Z",
                  "age": "47h13m11s",
                  "minAge": "48h0m0s"
                }
              },
              {
                "tag": "1.0",
                "status": "copied",
                "digest": "sha256:abababababababababababababababababababababababababababababababab",
                "referrers": [
                  {
                    "digest": "sha256:0101010101010101010101010101010101010101010101010101010101010101",
                    "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                    "status": "copied"
                  },
                  {
                    "digest": "sha256:0202020202020202020202020202020202020202020202020202020202020202",
                    "status": "skipped",
                    "reason": "up-to-date"
                  }
                ]
              },
              {
                "tag": "0.9",
                "status": "overwritten",
                "digest": "sha256:abababababababababababababababababababababababababababababababab"
              },
              {
                "tag": "0.8",
                "status": "skipped",
                "digest": "sha256:abababababababababababababababababababababababababababababababab",
                "reason": "up-to-date"
              },
              {
                "tag": "no",
                "status": "drifted",
                "digest": "sha256:abababababababababababababababababababababababababababababababab"
              },
              {
                "tag": "0.6",
                "status": "would-copy",
                "digest": "sha256:abababababababababababababababababababababababababababababababab"
              },
              {
                "tag": "0.5",
                "status": "would-overwrite",
                "digest": "sha256:abababababababababababababababababababababababababababababababab"
              },
              {
                "tag": "0.4",
                "status": "failed",
                "error": "copy blob: localhost:5050 answered 400\u001b[31m: yes, \"no\"\u202e"
              }
            ]
          },
          {
            "source": "https://charts.example/podinfo",
            "destination": "localhost:5050/charts/podinfo",
            "status": "completed",
            "tags": [
              {
                "tag": "6.0.0+build.1",
                "status": "copied",
                "digest": "sha256:abababababababababababababababababababababababababababababababab"
              }
            ]
          },
          {
            "source": "ghcr.io/foo/gone",
            "destination": "localhost:5050/gone",
            "status": "failed",
            "error": "NAME_UNKNOWN",
            "tags": []
          },
          {
            "source": "ghcr.io/foo/none",
            "destination": "localhost:5050/none",
            "status": "completed",
            "tags": []
          }
        ]
      }
    }
    "#);
}

#[test]
fn the_report_as_yaml() {
    assert_snapshot!(render_yaml(&sample::report(), &sample::meta()), @r#"
    apiVersion: mirror.plugin.fluxcd.io/v1beta1
    kind: Report
    report:
      reporter: flux-mirror/v0.1.0
      timestamp: "2026-05-13T09:00:00Z"
      durationMs: 4213
      summary:
        entries: 4
        copied: 2
        overwritten: 1
        skipped: 2
        drifted: 1
        wouldCopy: 1
        wouldOverwrite: 1
        failed: 2
        exitCode: 1
      results:
      - source: ghcr.io/foo/bar
        destination: localhost:5050/bar
        status: completed
        tags:
        - tag: "2.0.0"
          status: skipped
          digest: sha256:abababababababababababababababababababababababababababababababab
          reason: signature-too-new
          verification:
            provider: cosign
            issuer: https://token.actions.githubusercontent.com
            identity: https://github.com/a/b/.github/workflows/r.yml@refs/tags/2
            integratedTime: "2026-06-04T20:59:02Z"
            age: 47h13m11s
            minAge: 48h0m0s
        - tag: "1.0"
          status: copied
          digest: sha256:abababababababababababababababababababababababababababababababab
          referrers:
          - digest: sha256:0101010101010101010101010101010101010101010101010101010101010101
            artifactType: application/vnd.dev.sigstore.bundle.v0.3+json
            status: copied
          - digest: sha256:0202020202020202020202020202020202020202020202020202020202020202
            status: skipped
            reason: up-to-date
        - tag: "0.9"
          status: overwritten
          digest: sha256:abababababababababababababababababababababababababababababababab
        - tag: "0.8"
          status: skipped
          digest: sha256:abababababababababababababababababababababababababababababababab
          reason: up-to-date
        - tag: "no"
          status: drifted
          digest: sha256:abababababababababababababababababababababababababababababababab
        - tag: "0.6"
          status: would-copy
          digest: sha256:abababababababababababababababababababababababababababababababab
        - tag: "0.5"
          status: would-overwrite
          digest: sha256:abababababababababababababababababababababababababababababababab
        - tag: "0.4"
          status: failed
          error: "copy blob: localhost:5050 answered 400\e[31m: yes, \"no\"\U0000202e"
      - source: https://charts.example/podinfo
        destination: localhost:5050/charts/podinfo
        status: completed
        tags:
        - tag: 6.0.0+build.1
          status: copied
          digest: sha256:abababababababababababababababababababababababababababababababab
      - source: ghcr.io/foo/gone
        destination: localhost:5050/gone
        status: failed
        error: NAME_UNKNOWN
        tags: []
      - source: ghcr.io/foo/none
        destination: localhost:5050/none
        status: completed
        tags: []
    "#);
}

/// Whatever a text holds, both documents say the same, and neither can act on a terminal.
#[track_caller]
fn check_text(text: &str) {
    let mut report = sample::report();
    report.entries[0].source = text.to_owned();
    if let Ok(rows) = &mut report.entries[0].rows {
        rows[0].tag = text.to_owned();
    }
    let json = render_json(&report, &sample::meta());
    let yaml = render_yaml(&report, &sample::meta());
    let safe = |document: &str| !document.replace('\n', "").contains(is_unsafe);
    assert!(safe(&json), "{json}");
    assert!(safe(&yaml), "{yaml}");

    let mut from_json: Value = serde_json::from_str(&json).unwrap();
    from_json.as_object_mut().unwrap().remove("$schema");
    let from_yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(from_yaml, from_json);
    assert_eq!(from_json["report"]["results"][0]["source"], text);
    assert_eq!(from_json["report"]["results"][0]["tags"][0]["tag"], text);
}

#[test]
fn yaml_says_what_json_says() {
    for text in [
        "1.0.0",
        "größe ✓ 漢字 🚀",
        "a: b",
        "# no",
        "a #b",
        "- x",
        "{}",
        "[",
        "\"'\\",
        "%a",
        "@",
        "`",
    ] {
        check_text(text);
    }
    for text in ["", " ", " a ", "a\nb\n", "\n", "\ta", "a\r\nb", &"long ".repeat(99), "---", "..."]
    {
        check_text(text);
    }
    for text in ["\u{1b}[2J", "\u{9b}", "\u{85}", "\u{7f}", "\u{202e}x", "\u{2028}", "\u{feff}x"] {
        check_text(text);
    }
    check_text("both \u{1b} \u{202e} \u{e0041} \\u202e \"quoted\"");
}

#[test]
fn what_another_reader_would_take_for_another_type_is_quoted_in_yaml() {
    for text in ["yes", "No", "on", "OFF", "y", "n", "true", "False", "null", "Null", "~"] {
        check_quoted(text);
    }
    for text in ["1", "-1", "+1", "1.0", "1e3", "1E3", ".5", "1.", "0x1f", "0o17", "017", "0b11"] {
        check_quoted(text);
    }
    for text in ["1_000", "12:30", "12:30:45", "2026-05-13", ".inf", "-.INF", ".nan", "<<", "="] {
        check_quoted(text);
    }
}

#[track_caller]
fn check_quoted(text: &str) {
    check_text(text);
    let mut report = sample::report();
    report.entries[0].source = text.to_owned();
    let yaml = render_yaml(&report, &sample::meta());
    let quoted = [format!("  - source: \"{text}\"\n"), format!("  - source: '{text}'\n")];
    assert!(quoted.iter().any(|line| yaml.contains(line)), "{text}: {yaml}");
}

#[test]
fn an_empty_report_has_empty_results() {
    let json = render_json(&Report::default(), &sample::meta());
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["report"]["results"], Value::Array(Vec::new()));
    assert!(render_yaml(&Report::default(), &sample::meta()).ends_with("\n  results: []\n"));
}
