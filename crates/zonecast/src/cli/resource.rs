//! What every resource has in common: list, show, add, change, remove, and being found by name.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::{Column, Output, text_at};
use super::wait;
use crate::client::{Answer, Call};
use serde_json::Value;

/// One kind of resource of the API.
pub struct Resource {
    /// Its place below `/api/v1/`.
    pub path: &'static str,
    /// Its word in messages.
    pub noun: &'static str,
    /// The field people call it by, which is the list's filter too.
    pub name: &'static str,
    /// The columns of its list.
    pub columns: &'static [Column],
    /// The lines of one of them.
    pub fields: &'static [Column],
}

/// The columns of an owner's records, at every zone.
pub const RECORD_COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("TYPE", "/type"),
    ("VALUES", "/values"),
    ("TTL", "/ttl"),
    ("ZONE", "/zone_id"),
    ("PROVIDER", "/provider"),
    ("STATE", "/state"),
    ("VERIFIED", "/verified"),
    ("ERROR", "/last_error"),
];

impl Resource {
    /// Prints a list.
    pub async fn list(&self, context: &Context, call: Call) -> Result<Done, Failure> {
        let rows = context.client.list(call).await?;
        let data = Value::Array(rows);
        context.out.show(&data, |out| match data.as_array() {
            Some(rows) if !rows.is_empty() => out.rows(self.columns, rows),
            _ if out.is_quiet() => String::new(),
            _ => format!("no {}", self.path),
        })?;
        Ok(Done::Ok)
    }

    /// Prints one.
    pub async fn show(&self, context: &Context, which: &str) -> Result<Done, Failure> {
        let data = self.get(context, which).await?.data;
        context.out.show(&data, |out| self.text(out, &data))?;
        Ok(Done::Ok)
    }

    /// Reads one by id or name.
    pub async fn get(&self, context: &Context, which: &str) -> Result<Answer, Failure> {
        let id = self.find(context, which).await?;
        Ok(context.client.send(Call::get(format!("{}/{id}", self.path))).await?)
    }

    /// Its id: a number is one, anything else is looked up by name.
    pub async fn find(&self, context: &Context, which: &str) -> Result<i64, Failure> {
        if let Ok(id) = which.parse::<i64>() {
            return Ok(id);
        }
        let call = Call::get(self.path).query(self.name, which);
        let wanted = plain(which);
        let rows = context.client.list(call).await?;
        let found: Vec<i64> = rows
            .iter()
            .filter(|row| plain(&text_at(row, &format!("/{}", self.name))) == wanted)
            .filter_map(|row| row.get("id").and_then(Value::as_i64))
            .collect();
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(Failure::NotFound(format!("there is no {} {which}", self.noun))),
            many => {
                let ids = many.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                Err(Failure::Usage(format!("{which} is the name of several: give one of the ids {ids}")))
            }
        }
    }

    /// Sends a request that may start work, waits as asked, and prints what became of it.
    pub async fn act(&self, context: &Context, call: Call) -> Result<Done, Failure> {
        let answer = context.client.send(call).await?;
        if context.global.dry_run {
            return super::plan::print(context, &answer.data);
        }
        self.follow(context, &answer).await
    }

    /// Waits for the work of an answer as asked, and prints what became of it.
    pub async fn follow(&self, context: &Context, answer: &Answer) -> Result<Done, Failure> {
        let job = wait::follow(context, answer).await?;
        let data = self.after(context, answer, job.is_some()).await;
        context.out.show(&data, |out| {
            let text = self.text(out, &data);
            let sentence = wait::sentence(answer, job.as_ref()).filter(|_| !out.is_quiet());
            let nowhere = if wait::is_nowhere(&data) { wait::NOWHERE } else { "" };
            [text, sentence.unwrap_or_default(), nowhere.to_owned()]
                .into_iter()
                .filter(|t| !t.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        })?;
        if wait::is_nowhere(&data) {
            return Ok(Done::Partial);
        }
        Ok(job.as_ref().map_or(Done::Ok, wait::verdict))
    }

    /// The resource as it is when the job is over; the answer itself where it is gone or nobody waited.
    async fn after(&self, context: &Context, answer: &Answer, waited: bool) -> Value {
        let id = answer.data.get("id").and_then(Value::as_i64);
        let (true, Some(id)) = (waited, id) else { return answer.data.clone() };
        match context.client.send(Call::get(format!("{}/{id}", self.path))).await {
            Ok(mut now) => {
                // What only the answer says: its job, notes, and what a change of address did.
                for said in ["job_id", "notes", "moved"] {
                    if let (Value::Object(map), Some(value)) = (&mut now.data, answer.data.get(said)) {
                        map.insert(said.to_owned(), value.clone());
                    }
                }
                now.data
            }
            Err(_) => answer.data.clone(),
        }
    }

    /// Removes one, waits as asked.
    pub async fn remove(
        &self,
        context: &Context,
        which: &str,
        call: impl FnOnce(Call) -> Call,
    ) -> Result<Done, Failure> {
        let id = self.find(context, which).await?;
        let call = call(Call::delete(format!("{}/{id}", self.path)));
        let answer = context.client.send(call).await?;
        if context.global.dry_run {
            return super::plan::print(context, &answer.data);
        }
        let job = wait::follow(context, &answer).await?;
        context.out.show(&answer.data, |out| {
            let sentence = wait::sentence(&answer, job.as_ref());
            let removed = format!("{} {which} removed", self.noun);
            if out.is_quiet() {
                String::new()
            } else {
                [Some(removed), sentence].into_iter().flatten().collect::<Vec<_>>().join("\n")
            }
        })?;
        Ok(job.as_ref().map_or(Done::Ok, wait::verdict))
    }

    fn text(&self, out: &Output, data: &Value) -> String {
        let mut text = out.fields(self.fields, data);
        if let Some(records) = data.get("records").and_then(Value::as_array).filter(|rows| !rows.is_empty()) {
            text.push_str(&format!("\n\n{}", out.rows(RECORD_COLUMNS, records)));
        }
        text
    }
}

/// Names are compared as DNS does: without case and final dot.
fn plain(text: &str) -> String {
    text.trim_end_matches('.').to_lowercase()
}
