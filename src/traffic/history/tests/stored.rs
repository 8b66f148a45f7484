//! The stored form of entries, which later versions must read and verify.

use serde_json::{Value, json};

use super::super::{Actor, EMPTY_HEAD, Entry, chain};
use crate::traffic::event::TrafficEvent;

/// One event of each kind, as stored.
fn stored_events() -> Vec<Value> {
    let weight = json!({"lever": "blue edge", "blue": 90, "green": 10});
    let sticky = json!({"lever": "live.example.com", "blue": 100, "green": 0, "sticky": true});
    let limits = json!({
        "least_requests": 100, "max_error_percent": 1.0, "error_margin_percent": 0.5, "max_latency_ms": 2000.0,
        "latency_factor": 1.5, "latency_slack_ms": 100.0, "least_healthy_percent": 100,
    });
    let check = json!({"name": "errors", "verdict": "inconclusive", "reading": "text"});
    vec![
        json!({
            "event": "shift_started", "shift": "a", "steps": [10, 50], "hold_seconds": 300.0, "on_fail": "rollback",
            "patience_seconds": 900.0, "limits": limits, "from": 5, "resumed": false,
        }),
        json!({"event": "gates", "green": 10, "verdict": "fail", "checks": [check]}),
        json!({"event": "writing", "lever": "listeners", "from": [weight, sticky], "to": 50}),
        json!({"event": "written", "lever": "dns", "to": 50, "request_ids": ["r-1"]}),
        json!({"event": "step_done", "green": 50}),
        json!({"event": "rolling_back", "to": 5, "because": "errors"}),
        json!({"event": "shift_ended", "outcome": "rolled_back", "green": null, "because": "errors"}),
        json!({"event": "hold_asked"}),
        json!({"event": "failback_started"}),
        json!({"event": "failed_back", "seconds": 1.5, "from": [weight], "request_ids": [], "dns_left": "down"}),
        json!({"event": "failback_incomplete", "because": "down"}),
        json!({"event": "noticed", "from": [], "to": [weight]}),
    ]
}

#[test]
fn events_keep_their_stored_form() {
    for stored in stored_events() {
        let event: TrafficEvent = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), stored);
    }
}

#[test]
fn entries_keep_their_stored_form() {
    let by = Actor {
        user: "ada".to_owned(),
        host: "laptop".to_owned(),
        process: 7,
        command: "provisioner shift".to_owned(),
        arn: Some("arn:aws:iam::123456789012:user/ada".to_owned()),
    };
    let mut entry = Entry {
        number: 1,
        at: "2025-03-01T10:20:00Z".parse().unwrap(),
        by,
        reason: Some("CHG-1042".to_owned()),
        event: serde_json::from_value(json!({"event": "step_done", "green": 50})).unwrap(),
        previous_hash: EMPTY_HEAD.to_owned(),
        hash: String::new(),
    };
    let line = chain::seal(&mut entry);
    let expected = format!(
        r#"{{"number":1,"at":"2025-03-01T10:20:00Z","by":{{"user":"ada","host":"laptop","process":7,"command":"provisioner shift","arn":"arn:aws:iam::123456789012:user/ada"}},"why":"CHG-1042","event":"step_done","green":50,"before":"{EMPTY_HEAD}","hash":"{}"}}"#,
        entry.hash
    );
    assert_eq!(line, expected + "\n");
}
