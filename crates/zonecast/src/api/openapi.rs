//! The description of the API (OpenAPI 3.1) and its page.
//!
//! Routes describe themselves where they are written; here stands what they have in common: how to
//! show a key, and the problems any call can meet.

use super::ApiState;
use crate::settings::ZoneSettings;
use axum::Router;
use serde_json::{Map, Value, json};
use utoipa_swagger_ui::SwaggerUi;
use zonecast_engine::describe;

/// `/api/openapi.json` and `/api/docs`.
pub fn routes(spec: Value) -> Router<ApiState> {
    SwaggerUi::new("/api/docs").external_url_unchecked("/api/openapi.json", spec).into()
}

/// Adds what all routes have in common.
pub fn finish(spec: utoipa::openapi::OpenApi) -> Value {
    let mut spec = serde_json::to_value(spec).unwrap_or_else(|_| json!({}));
    spec["info"] = json!({
        "title": "Zonecast",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Names follow machines: hosts and records go in, every matching zone at every provider follows.",
        "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
    });
    spec["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "zc_<id>_<secret>"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    });
    spec["security"] = json!([{"bearer": []}, {"key": []}]);
    let schemas = &mut spec["components"]["schemas"];
    schemas["Problem"] = schema_of::<crate::problem::Problem>();
    schemas["FieldProblem"] = schema_of::<crate::problem::FieldProblem>();
    if let Some(body) = schemas["ZoneBody"]["properties"].as_object_mut() {
        body.extend(describe::properties(ZoneSettings::FIELDS, true));
    }
    // In answers it stands among a zone's other fields; what a body may hold has a schema of its own.
    if let Some(settings) = schemas["ZoneSettings"].as_object_mut() {
        settings.remove("additionalProperties");
    }
    if let Some(paths) = spec["paths"].as_object_mut() {
        let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::iter_mut);
        for (method, operation) in operations.filter(|(_, operation)| operation.is_object()) {
            complete(method, operation);
        }
    }
    spec
}

fn schema_of<T: utoipa::PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_default()
}

/// Whether an operation has this parameter.
fn takes(operation: &Value, name: &str) -> bool {
    let parameters = operation["parameters"].as_array();
    parameters.is_some_and(|parameters| parameters.iter().any(|parameter| parameter["name"] == name))
}

fn complete(method: &str, operation: &mut Value) {
    let statuses: &[(u16, &str)] = match method {
        "get" => &[
            (304, "Not changed"),
            (400, ""),
            (401, ""),
            (403, ""),
            (404, ""),
            (409, ""),
            (422, ""),
            (429, ""),
            (502, ""),
            (503, ""),
        ],
        _ => &[
            (400, ""),
            (401, ""),
            (403, ""),
            (404, ""),
            (409, ""),
            (412, ""),
            (413, ""),
            (415, ""),
            (422, ""),
            (429, ""),
            (502, ""),
            (503, ""),
        ],
    };
    if takes(operation, "dry_run") {
        let schema = &mut operation["responses"]["200"]["content"]["application/json"]["schema"];
        let plan = json!({"$ref": "#/components/schemas/Answer_PlanView"});
        *schema = json!({"anyOf": [schema.take(), plan]});
    }
    for (status, words) in statuses {
        let key = status.to_string();
        if operation["responses"].get(&key).is_some() {
            continue;
        }
        operation["responses"][key] = match words.is_empty() {
            false => json!({"description": words}),
            true => json!({
                "description": crate::problem::Problem::new(*status, "").title,
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }),
        };
    }
    if method == "post" {
        let header = json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "A repeated key gives the first answer, also after a crash.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        });
        match operation["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(header),
            None => operation["parameters"] = json!([header]),
        }
    }
}
