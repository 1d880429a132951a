//! What the description of the API promises is what the API does: a program that nobody here wrote
//! makes thousands of calls of it, right and wrong ones, and looks at every answer.

use crate::daemon::Daemon;
use crate::rounds;
use std::path::Path;
use std::process::Command;
use zonecast_testbed::{from_pypi, skip, succeed};

/// What it looks for: no 500, only statuses and bodies that are described, wrong input refused.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,negative_data_rejection";

#[test]
fn soak_schemathesis_finds_nothing() {
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/schemathesis.txt");
    let python = match from_pypi("schemathesis", &pins) {
        Ok(python) => python,
        Err(words) => return skip(&format!("no schemathesis from PyPI: {words}")),
    };
    let daemon = Daemon::start();
    daemon.embedded_zone("example.com");
    // 502 and 503 are described: a provider that a call invents cannot be reached.
    let settings = daemon.folder().join("schemathesis.toml");
    std::fs::write(
        &settings,
        "[checks.not_a_server_error]\nexpected-statuses = [\"2xx\", \"3xx\", \"4xx\", 502]\n",
    )
    .expect("its settings");
    // What is made up at random may find something new on any day: that is for the soak.
    let phases = ["examples,coverage", "examples,coverage,fuzzing"][rounds(0, 1)];
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command.current_dir(daemon.folder()).arg("--config-file").arg(&settings);
    command.args(["run", &format!("http://{}/api/openapi.json", daemon.http)]);
    command.args(["--header", &format!("Authorization: Bearer {}", daemon.key)]);
    command.args(["--checks", CHECKS, "--phases", phases, "--no-color", "--seed", "1"]);
    command.args(["--max-examples", &rounds(10, 200).to_string()]);
    let done = succeed(&mut command);
    daemon.must("GET", "/hosts", None);
    match done {
        Err(words) if words.contains("= FAILURES =") => panic!("{words}"),
        // It ended without a finding, by an error of its own.
        Err(words) => skip(&format!("schemathesis failed: {words}")),
        Ok(()) => {}
    }
}
