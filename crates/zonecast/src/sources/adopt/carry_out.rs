//! Carrying a plan out, call by call. What is refused now is left out with its reason, like in the plan.

use super::plan::{HOSTS_AT_ONCE, leave_out, refused};
use super::{Adoption, State, Step};
use crate::client::{Call, Client, ClientError};
use serde_json::{Value, json};

/// Adds what is new. Where it stops half-way, the same call goes on: what is there is there.
pub async fn carry_out(client: &Client, adoption: &mut Adoption) -> Result<(), ClientError> {
    for (kind, path) in [("zone", "zones"), ("pool", "pools")] {
        let new = |step: &&mut Step| step.kind == kind && step.state == State::New;
        for step in adoption.steps.iter_mut().filter(new) {
            match client.send(Call::post(path, step.body.clone())).await {
                Ok(_) => step.state = State::Added,
                Err(error) => refused(step, error)?,
            }
        }
    }
    let new = |step: &&mut Step| step.kind == "host" && step.state == State::New;
    let mut hosts: Vec<&mut Step> = adoption.steps.iter_mut().filter(new).collect();
    for part in hosts.chunks_mut(HOSTS_AT_ONCE) {
        let bodies: Vec<Value> = part.iter().map(|step| step.body.clone()).collect();
        let answer = client.send(Call::post("hosts/bulk", json!({ "hosts": bodies }))).await?;
        adoption.jobs.extend(answer.job_id());
        let items = answer.data["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, item) in items.iter().enumerate().take(part.len()) {
            if item["success"] == json!(true) {
                part[index].state = State::Added;
            }
            for error in item["errors"].as_array().into_iter().flatten() {
                leave_out(part, error);
            }
        }
    }
    Ok(())
}
