//! What a store can do. A store that lacks something says so; then nothing is asked of it that it cannot do, and what it
//! would take to keep a rule about keys is refused, never left out in silence.

use http::StatusCode;
use lifecycle::at_rest::{DIRECT, Exemption, Feature};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, read_body};
use crate::service::Service;
use crate::tables::{lacks, set_lacks};

/// What there is to lack, and what follows.
const ALL: &[(&str, &str)] = &[
    ("snapshot", "backups are refused; a table that is archived has a backup of keys without records"),
    ("fill", "restores from backups are refused"),
    ("copy", "restores to a point in time are refused"),
    ("encrypt", "a table that lies there in the clear cannot be attached"),
    ("drop", "records of a deleted table stay where they are, and nothing opens them any more"),
    ("drop_backup", "records of a deleted backup stay where they are, and nothing opens them any more"),
    ("detach", "a replica that leaves its global table changes its status only"),
    ("streams", "a stream cannot be turned on"),
    ("time_to_live", "time to live cannot be turned on"),
    ("point_in_time_recovery", "point-in-time recovery cannot be turned on"),
    ("contributor_insights", "Contributor Insights cannot be turned on"),
    ("replicas", "replicas are refused"),
];

/// The capability that a feature needs.
pub(super) fn of_feature(feature: Feature) -> &'static str {
    match feature {
        Feature::Stream => "streams",
        Feature::TimeToLive => "time_to_live",
        Feature::PointInTimeRecovery => "point_in_time_recovery",
        Feature::ContributorInsights => "contributor_insights",
    }
}

/// `GET /_kms/tables/capabilities`: each, whether the store has it, and what follows if it has not; and the rules about keys that
/// are not in force, here and for a store whose own engine calls this server in the store's name.
pub(super) async fn show(service: &Service) -> Result<Value, Fault> {
    let lacking = lacks(service).await?;
    let shown = ALL.iter().map(|(name, consequence)| {
        let has = !lacking.iter().any(|lacking| lacking == name);
        json!({ "capability": name, "has": has, "without": consequence })
    });
    let direct = DIRECT
        .iter()
        .map(|Exemption { rule, consequence }| json!({ "rule": rule, "consequence": consequence }));
    // The engine of this server calls as whom it must; one elsewhere may have nobody's name but its own.
    let exempted = json!({ "here": [], "direct": direct.collect::<Vec<_>>() });
    Ok(json!({ "capabilities": shown.collect::<Vec<_>>(), "rules_not_in_force": exempted }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    lacks: Vec<String>,
}

/// `PUT /_kms/tables/capabilities`: what the store lacks, all of it.
pub(super) async fn declare(service: &Service, body: &[u8]) -> Result<Value, Fault> {
    let Declared { mut lacks } = read_body(body)?;
    lacks.sort();
    lacks.dedup();
    if let Some(unknown) = lacks.iter().find(|name| !ALL.iter().any(|(known, _)| known == name)) {
        let known: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        return Err(Fault::bad_request(format!(
            "{unknown} is no capability; there are {}",
            known.join(", ")
        )));
    }
    set_lacks(service, lacks).await?;
    show(service).await
}

/// Refuses what the store lacks the means for.
pub(super) async fn require(service: &Service, capability: &str) -> Result<(), Fault> {
    if lacks(service).await?.iter().any(|lacking| lacking == capability) {
        let consequence = ALL.iter().find(|(name, _)| *name == capability).map_or("", |(_, text)| text);
        let text = format!("the store has declared that it lacks `{capability}`: {consequence}");
        return Err(Fault::Call(StatusCode::CONFLICT, text));
    }
    Ok(())
}
