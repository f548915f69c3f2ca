//! What a query has to wait for: keys that AWS makes when they are first needed, external key store proxies, time.

use std::sync::Arc;

use lifecycle::iam::Identity;
use lifecycle::ids::{AliasArn, Region, Uuid};
use lifecycle::managed::{self, Made};
use lifecycle::policy::Principal;
use lifecycle::state::State;
use serde_json::json;

use super::run::Behind;
use super::{Exchange, Service};
use crate::api::error::{ErrorCode, KmsError};
use crate::auth::Caller;
use crate::engine::wall;
use crate::observe::record::{self, AuditRecord};
use crate::operations::key_metadata;
use crate::operations::registry::{self, Entry};
use crate::pipeline::{Answer, Resource, Trace};
use crate::xks::Conversation;

impl Service {
    /// Lets happen what a query has to wait for, and runs it again: what has fallen due happens, and keys are made that it
    /// has been allowed to use and that do not exist yet, and proxies are asked.
    pub(super) async fn answer_at_last(
        &self,
        entry: &'static Entry,
        exchange: &mut Exchange,
    ) -> Result<Answer, KmsError> {
        // For each key there may be it to make, its proxy to be found out about, and to be asked; and time may pass.
        for _ in 0..=3 * entry.declaration.targets.len() {
            let asked = exchange.conversation.as_ref().and_then(|conversation| conversation.asked());
            if let (Some(call), Some(conversation)) = (asked, &exchange.conversation) {
                let answer = self.0.proxies.send(&call, wall::now()).await;
                conversation.answer(call, answer);
            } else if exchange.trace.asks_proxy {
                let entropy = Arc::clone(&self.0.entropy);
                exchange.conversation = Some(Arc::new(Conversation::new(exchange.request_id, entropy)));
            } else {
                match exchange.trace.unmade.take() {
                    Some(alias) => self.provision(*alias, exchange).await?,
                    None => self.0.engine.catch_up().await?,
                }
            }
            exchange.trace = Trace::default();
            if let Some(answer) = self.attempt(entry, exchange, Behind::Settle).await? {
                return answer;
            }
        }
        Err(KmsError::bare(ErrorCode::KMSInternalException))
    }

    /// Makes the key behind a predefined alias, unless somebody else has done so meanwhile.
    async fn provision(&self, alias: AliasArn, exchange: &Exchange) -> Result<(), KmsError> {
        let place = self.0.audit.reserve().await.map_err(|_| {
            KmsError::new(ErrorCode::KMSInternalException, "The audit log takes no more records.")
        })?;
        let [event_id, _] = self.ids()?;
        let entropy = Arc::clone(&self.0.entropy);
        let made = self.0.engine.submit(move |draft| {
            let made = managed::provision(draft.state().at(draft.now()), &alias, &*entropy)?;
            if let Some(made) = &made {
                draft.apply(made.changes());
            }
            Ok::<_, KmsError>(made)
        });
        match made.await?? {
            Some(made) if !made.key.arn.scope.account.is_aws() => {
                place.record(|line| created(&made, exchange, event_id, line));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A service of AWS that does something by itself.
pub(super) fn service_caller(name: &str, region: Region) -> Option<Caller> {
    let identity = Arc::new(Identity::undescribed(Principal::parse(name)?, None));
    Some(Caller::unverified(identity, None, region))
}

/// Appends the record of the creation: a CreateKey that the service makes.
pub(super) fn created(made: &Made, exchange: &Exchange, event_id: Uuid, line: &mut Vec<u8>) {
    let Made { service, key, .. } = made;
    let name = service.principal();
    let caller = service_caller(&name, key.arn.scope.region);
    let input = json!({
        "Policy": key.policy.as_str(),
        "Description": &*key.description,
        "KeyUsage": key.usage.as_str(),
        "KeySpec": key.spec.as_str(),
        "Origin": key.origin.as_str(),
    });
    // All that there is to say of a new key is in its record.
    let nothing_else = State::default();
    let elements = json!({ "KeyMetadata": key_metadata(nothing_else.at(key.created_at), key) });
    let trace = Trace { resources: vec![Resource::Key(key.arn)], ..Trace::default() };
    let record = AuditRecord {
        entry: registry::find("CreateKey"),
        caller: caller.as_ref(),
        input: Some(&input),
        elements: Some(&elements),
        trace: &trace,
        error: None,
        at: key.created_at,
        event_id: event_id.as_str(),
        request_id: exchange.request_id.as_str(),
        source_ip: exchange.circumstances.source_ip,
        user_agent: &name,
        via: None,
        region: key.arn.scope.region.as_str(),
        recipient: key.arn.scope.account,
        shared_event_id: Some(record::derived_id(event_id, "shared")),
    };
    record.write(line);
}
